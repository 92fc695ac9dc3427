package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// Load implements [store.Store]. A record that another program stored without an expiry expires in
// the year 9999. A key of another type than a string cannot be read.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	r, err := s.loadOnce(ctx, id)
	if err != nil && (s.renewed(ctx, s.key(id), err) || s.cutOff(err)) {
		r, err = s.loadOnce(ctx, id)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = failed("load", err)
	}
	return r, err
}

func (s *Store) loadOnce(ctx context.Context, id string) (r store.Record, err error) {
	switch {
	case s.unheld != nil && s.unheld.noted(s.key(id)):
		r, err = s.loadHeld(ctx, s.key(id))
	case s.recent != nil:
		r, err = s.loadNear(ctx, id)
	default:
		r, err = s.load(ctx, s.key(id))
	}
	return r, err
}

// load asks for data and expiry in one trip, by two commands: a script would take the server three
// times as long. A write between the two makes the expiry the newer one.
func (s *Store) load(ctx context.Context, key string) (store.Record, error) {
	results, err := s.callAll(ctx, func(ctx context.Context) []rueidis.RedisResult {
		get, expires := s.loading(key)
		if s.cluster { // a batch for several nodes would wait for the slowest
			return s.client.DoMulti(ctx, get, expires)
		}
		return send(ctx, s.loads, get, expires)
	})
	if err != nil {
		return store.Record{}, err
	}
	return pair(results[0], results[1])
}

// loading returns the commands whose results pair reads.
func (s *Store) loading(key string) (get, expires rueidis.Completed) {
	b := s.client.B()
	return b.Get().Key(key).Build(), b.Pexpiretime().Key(key).Build()
}

// pair returns the record of the results of GET and PEXPIRETIME.
func pair(data, expires rueidis.RedisResult) (store.Record, error) {
	b, err := data.AsBytes()
	if rueidis.IsRedisNil(err) {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, err
	}
	ms, err := expires.AsInt64()
	if err != nil {
		return store.Record{}, err
	}
	if ms == noKey {
		return store.Record{}, store.ErrNotFound
	}
	return store.Record{Data: b, Expires: expiry(ms), Version: version(b)}, nil
}

// noKey is what PEXPIRETIME returns for a key that is not there.
const noKey = -2

// scripted returns the record of a script's result: data and expiry.
func scripted(res rueidis.RedisResult) (store.Record, error) {
	values, err := res.ToArray()
	if rueidis.IsRedisNil(err) {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, err
	}
	if len(values) != 2 {
		return store.Record{}, fmt.Errorf("the script returned %d values", len(values))
	}
	data, err := values[0].AsBytes()
	if err != nil {
		return store.Record{}, err
	}
	ms, err := values[1].AsInt64()
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{Data: data, Expires: expiry(ms), Version: version(data)}, nil
}

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	if err := tooLarge("create", r); err != nil {
		return "", err
	}
	if err := s.index(ctx, id, store.Record{}, r); err != nil {
		return "", failedIndex("create", err)
	}
	defer s.wrote(id)()
	res, waited := s.write(ctx, s.key(id), func(b rueidis.Builder) rueidis.Completed {
		set := b.Set().Key(s.key(id)).Value(rueidis.BinaryString(r.Data)).Nx()
		return set.PxatMillisecondsTimestamp(millis(r.Expires)).Build()
	})
	err := res.Error()
	switch {
	case rueidis.IsRedisNil(err):
		return "", store.ErrExists
	case err == nil:
		err = waited
	}
	if err != nil {
		return "", failed("create", err)
	}
	return version(r.Data), nil
}

// Replace implements [store.Store]. If old and next expire at the same time, an expiry that a touch
// has set in between stays.
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	if err := tooLarge("replace", next); err != nil {
		return "", err
	}
	if err := s.index(ctx, id, old, next); err != nil {
		return "", failedIndex("replace", err)
	}
	defer s.wrote(id)()
	n, err := s.replace(ctx, s.key(id), old, next)
	if err := outcome("replace", n, err); err != nil {
		return "", err
	}
	if old.Owner != next.Owner {
		s.unindex(ctx, id, old.Owner)
	}
	return version(next.Data), nil
}

// Touch implements [store.Store]. It also touches what Load cannot read.
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	defer s.wrote(id)()
	res, waited := s.write(ctx, s.key(id), func(b rueidis.Builder) rueidis.Completed {
		return b.Pexpireat().Key(s.key(id)).MillisecondsTimestamp(millis(expires)).Build()
	})
	n, err := res.AsInt64()
	switch {
	case err == nil && n == 0:
		return store.ErrNotFound
	case err == nil:
		err = waited
	}
	if err != nil {
		return failed("touch", err)
	}
	return nil
}

// Delete implements [store.Store]. Failing to remove the owner's index entry afterwards is no
// error: entries without a record are removed in time.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	defer s.wrote(id)()
	var n int64
	var err error
	if r.Version != "" {
		n, err = s.run(ctx, deleteScript, []string{s.key(id)}, digest(r.Data))
	} else {
		res, waited := s.write(ctx, s.key(id), func(b rueidis.Builder) rueidis.Completed {
			return b.Del().Key(s.key(id)).Build()
		})
		if n, err = res.AsInt64(); err == nil && n > 0 {
			n, err = scriptDone, waited
		}
	}
	if err := outcome("delete", n, err); err != nil {
		return err // if not found, too: a create may be under way, whose entry must stay
	}
	s.unindex(ctx, id, r.Owner)
	return nil
}

// Move implements [store.Mover]. In a Cluster it returns [errors.ErrUnsupported].
func (s *Store) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	if s.cluster {
		return "", errors.ErrUnsupported
	}
	if err := errors.Join(tooLarge("move", next), tooLarge("move", seal)); err != nil {
		return "", err
	}
	err := s.index(ctx, newID, store.Record{}, next)
	if err == nil {
		err = s.index(ctx, id, old, seal)
	}
	if err != nil {
		return "", failedIndex("move", err)
	}
	defer s.wrote(id)()
	defer s.wrote(newID)()
	n, err := s.run(ctx, moveScript, []string{s.key(id), s.key(newID)}, digest(old.Data),
		rueidis.BinaryString(seal.Data), decimal(millis(seal.Expires)),
		rueidis.BinaryString(next.Data), decimal(millis(next.Expires)))
	if err := outcome("move", n, err); err != nil {
		return "", err
	}
	if old.Owner != seal.Owner {
		s.unindex(ctx, id, old.Owner)
	}
	return version(next.Data), nil
}

// outcome turns the result of a script that writes into an error.
func outcome(op string, n int64, err error) error {
	switch {
	case err != nil:
		return failed(op, err)
	case n == scriptMissing:
		return store.ErrNotFound
	case n == scriptConflict:
		return store.ErrConflict
	case n == scriptExists:
		return store.ErrExists
	}
	return nil
}

func tooLarge(op string, r store.Record) error {
	if len(r.Data) > MaxRecord {
		return fmt.Errorf("redisstore: %s: %w: %d bytes, the most is %d",
			op, store.ErrTooLarge, len(r.Data), MaxRecord)
	}
	return nil
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
