package memcachedstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore/internal/meta"
)

// overhead is more than an item takes beside its key and data: memcached 1.6.18 counts 59 bytes.
const overhead = 128

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	key := s.key(id)
	srv := s.server(key)
	var info meta.Info
	reply, err := srv.pool.Do(ctx, true, func(i meta.Info) (meta.Command, error) {
		info = i
		return meta.Command{Verb: "mg", Key: key, Flags: " k v c t"}, nil
	})
	switch {
	case err != nil:
		return store.Record{}, srv.failure("load", err)
	case reply.Code == meta.Miss:
		return store.Record{}, store.ErrNotFound
	case reply.Code != meta.Value || !reply.HasCAS || !reply.HasTTL:
		return store.Record{}, srv.unexpected("load", reply)
	case reply.Key != key:
		// A reply to another command would be another user's session.
		return store.Record{}, srv.failure("load", errors.New("the reply is about another key"))
	}
	return store.Record{
		Data:    reply.Data,
		Expires: expiresAt(time.Now(), reply.TTL),
		Version: version(info, reply.CAS),
	}, nil
}

// Create implements [store.Store]. A record over the server's limit on items is
// [store.ErrTooLarge]. If the server has no room and may not evict (its flag -M), the error is
// [store.ErrFull].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	absent := func(meta.Info) (string, error) { return " ME", nil }
	v, code, err := s.store(ctx, "create", id, r, absent)
	if code == meta.NotStored {
		return "", store.ErrExists
	}
	return v, err
}

// Replace implements [store.Store]. It recognises old by its version. It has the errors of Create;
// if a server has no room, the record that was there is gone afterwards, since memcached deletes
// it.
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	v, code, err := s.store(ctx, "replace", id, next, func(info meta.Info) (string, error) {
		token, err := tokenFor(info, old.Version)
		return " C" + token, err
	})
	switch {
	case errors.Is(err, errOtherStart):
		return "", s.notOld(ctx, "replace", id)
	case code == meta.Changed:
		return "", store.ErrConflict
	case code == meta.NotFound:
		return "", store.ErrNotFound
	}
	return v, err
}

// store sends ms with the flags of mode. It returns the code if nothing was stored because of them.
func (s *Store) store(
	ctx context.Context, op, id string, r store.Record, mode func(meta.Info) (string, error),
) (store.Version, meta.Code, error) {
	key := s.key(id)
	srv := s.server(key)
	var info meta.Info
	reply, err := srv.pool.Do(ctx, false, func(i meta.Info) (meta.Command, error) {
		info = i
		flags, err := mode(i)
		if err == nil {
			err = s.fits(i, key, r.Data)
		}
		data := r.Data
		if data == nil {
			data = []byte{}
		}
		flags = " T" + expiry(time.Now(), r.Expires) + " c" + flags
		return meta.Command{Verb: "ms", Key: key, Data: data, Flags: flags}, err
	})
	switch {
	case err != nil:
		if refusal := (*meta.Refusal)(nil); errors.As(err, &refusal) {
			switch {
			case refusal.TooLarge():
				err = fmt.Errorf("%w: %d bytes, by the server", store.ErrTooLarge, len(r.Data))
			case refusal.OutOfMemory():
				err = fmt.Errorf("%w: %w", store.ErrFull, err)
			}
		}
		return "", "", srv.failure(op, err)
	case reply.Code == meta.Stored && reply.HasCAS:
		return version(info, reply.CAS), "", nil
	case reply.Code == meta.NotStored, reply.Code == meta.Changed, reply.Code == meta.NotFound:
		return "", reply.Code, srv.unexpected(op, reply)
	}
	return "", "", srv.unexpected(op, reply)
}

// fits returns ErrTooLarge for an item that the server would refuse. Such an item must not be sent:
// memcached would delete what is stored under the key, whatever the command's token.
func (s *Store) fits(info meta.Info, key string, data []byte) error {
	limit := info.MaxItem
	if s.maxItem > 0 {
		limit = min(limit, s.maxItem)
	}
	if most := limit - overhead - len(key); len(data) > most {
		return fmt.Errorf("%w: %d bytes, the most is %d by the server's limit on items",
			store.ErrTooLarge, len(data), max(most, 0))
	}
	return nil
}

// Touch implements [store.Store].
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	key := s.key(id)
	srv := s.server(key)
	reply, err := srv.pool.Do(ctx, false, func(meta.Info) (meta.Command, error) {
		return meta.Command{Verb: "mg", Key: key, Flags: " T" + expiry(time.Now(), expires)}, nil
	})
	switch {
	case err != nil:
		return srv.failure("touch", err)
	case reply.Code == meta.Stored:
		return nil
	case reply.Code == meta.Miss:
		return store.ErrNotFound
	}
	return srv.unexpected("touch", reply)
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	key := s.key(id)
	srv := s.server(key)
	reply, err := srv.pool.Do(ctx, false, func(info meta.Info) (meta.Command, error) {
		command := meta.Command{Verb: "md", Key: key}
		if r.Version == "" {
			return command, nil
		}
		token, err := tokenFor(info, r.Version)
		command.Flags = " C" + token
		return command, err
	})
	switch {
	case errors.Is(err, errOtherStart):
		return s.notOld(ctx, "delete", id)
	case err != nil:
		return srv.failure("delete", err)
	case reply.Code == meta.Stored:
		return nil
	case reply.Code == meta.Changed:
		return store.ErrConflict
	case reply.Code == meta.NotFound:
		return store.ErrNotFound
	}
	return srv.unexpected("delete", reply)
}

// notOld returns why the record is not old: there is none, or another.
func (s *Store) notOld(ctx context.Context, op, id string) error {
	key := s.key(id)
	srv := s.server(key)
	reply, err := srv.pool.Do(ctx, true, func(meta.Info) (meta.Command, error) {
		return meta.Command{Verb: "mg", Key: key}, nil
	})
	switch {
	case err != nil:
		return srv.failure(op, err)
	case reply.Code == meta.Miss:
		return store.ErrNotFound
	}
	return store.ErrConflict
}

func (s *server) unexpected(op string, reply meta.Reply) error {
	return s.failure(op, fmt.Errorf("protocol error: unexpected reply %q", string(reply.Code)))
}

// errOtherStart means that a version is of an earlier start of the server, or of another store: its
// record is not there any more.
var errOtherStart = errors.New("the server was restarted since")

// version makes the version of a record of the server's token and the server's start.
func version(info meta.Info, cas uint64) store.Version {
	return store.Version(info.Incarnation + "/" + strconv.FormatUint(cas, 10))
}

// tokenFor returns the token to send. A server begins its tokens anew when it starts, so one of an
// earlier start could match another record. A connection lasts no longer than its server runs, so a
// command on it reaches that start or none.
func tokenFor(info meta.Info, v store.Version) (string, error) {
	start, token, ok := strings.Cut(string(v), "/")
	if !ok || start != info.Incarnation {
		return "", errOtherStart
	}
	if _, err := strconv.ParseUint(token, 10, 64); err != nil {
		return "", errOtherStart
	}
	return token, nil
}

const (
	relativeMost = 30 * 24 * 60 * 60 // in seconds: memcached takes a greater number for a date
	dateMost     = math.MaxInt32     // in January 2038: memcached 1.6 wraps later dates
)

// expiry returns the T flag for an expiry, in whole seconds rounded up. An expiry that has come is
// -1, since 0 would mean never.
func expiry(now, expires time.Time) string {
	d := expires.Sub(now)
	seconds := int64((d + time.Second - 1) / time.Second)
	switch {
	case d <= 0:
		seconds = -1
	case d > relativeMost*time.Second:
		date := expires.Unix()
		if expires.Nanosecond() > 0 {
			date++
		}
		seconds = min(date, dateMost)
		if seconds-now.Unix() <= relativeMost {
			seconds = relativeMost
		}
	}
	return strconv.FormatInt(seconds, 10)
}

// expiresAt returns the expiry of an item that has ttl seconds left, to the nearest whole second.
// The server rounds down, by half a second on average.
func expiresAt(now time.Time, ttl int64) time.Time {
	if ttl < 0 || ttl > dateMost {
		return time.Unix(dateMost, 0)
	}
	return now.Add(time.Duration(ttl)*time.Second - time.Second/2).Round(time.Second).Round(0)
}
