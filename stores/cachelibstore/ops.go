package cachelibstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// live returns what a file holds if it is a live session, with the session. One that cannot be read is reported and
// not found.
func (s *Store) live(ctx context.Context, path string) (*file, *pickle.Dict, error) {
	f, err := read(path)
	if err == nil && f.expired(s.opts.Now()) {
		return nil, nil, cloakroom.ErrNotFound
	}
	var d *pickle.Dict
	if err == nil {
		d, err = f.dict()
	}
	if bad := (unreadable{}); errors.As(err, &bad) {
		s.report(ctx, path, bad.error)
		err = cloakroom.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	return f, d, nil
}

// Load implements [cloakroom.Store]. The data is a MessagePack map. It takes no lock.
func (s *Store) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	if err := ctx.Err(); err != nil {
		return cloakroom.Record{}, failed("load", err)
	}
	path := s.path(id)
	f, d, err := s.live(ctx, path)
	if err != nil {
		return cloakroom.Record{}, failed("load", err)
	}
	data, err := document(d)
	if err != nil {
		s.report(ctx, path, err)
		return cloakroom.Record{}, cloakroom.ErrNotFound
	}
	return cloakroom.Record{Data: data, Expires: f.expiry(), Version: f.version()}, nil
}

// Create implements [cloakroom.Store]. The data is a document, MessagePack or JSON; other data is an error, and
// nothing is written. On a full disk it returns [cloakroom.ErrFull]. A file that cannot be read is replaced.
func (s *Store) Create(ctx context.Context, id string, r cloakroom.Record) (cloakroom.Version, error) {
	v, err := s.write(ctx, id, r, func(_ *file, err error) error {
		if err == nil {
			return cloakroom.ErrExists
		}
		if errors.Is(err, cloakroom.ErrNotFound) {
			return nil
		}
		return err
	})
	return v, failed("create", err)
}

// Replace implements [cloakroom.Store]. It recognises old by its version, a digest of the file's content, so it
// notices what Python wrote too, unless that happens between its last look and its renaming. For the data and a full disk
// see [Store.Create].
func (s *Store) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	v, err := s.write(ctx, id, new, func(current *file, err error) error {
		if err == nil && current.version() != old.Version {
			return cloakroom.ErrConflict
		}
		return err
	})
	return v, failed("replace", err)
}

// write stores r if allowed says so of what is there. All that is slow is done before the lock is taken, or
// after it, so that writers of one shard, in this process and others, do not keep each other waiting.
func (s *Store) write(ctx context.Context, id string, r cloakroom.Record, allowed func(*file, error) error) (cloakroom.Version, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	path := s.path(id)
	before, was, err := s.live(ctx, path)
	if err := allowed(before, err); err != nil { // saves the work below
		return "", err
	}
	if was == nil {
		was = &pickle.Dict{}
	}
	d, err := dictOf(r.Data, was)
	if err != nil {
		return "", tooLarge(err)
	}
	pickled, err := pickle.Append(nil, d)
	if err == nil && len(pickled) > pickle.MaxBytes {
		err = pickle.ErrTooLarge
	}
	if err != nil {
		return "", tooLarge(err)
	}
	temp, err := s.writeTemp(seconds(r.Expires), pickled)
	if err != nil {
		return "", refused(err)
	}
	made, err := s.rename(ctx, temp, path, allowed)
	if err != nil {
		os.Remove(temp)
		return "", err
	}
	s.repaired(path)
	if made {
		s.count(ctx, 1)
	}
	// Not needed under the lock: whoever writes next syncs this rename with its own.
	if err := s.syncDir(); err != nil {
		return "", err
	}
	return (&file{pickled: pickled}).version(), nil
}

// rename puts a temporary file into its place, if allowed says so of what is there, and reports whether there
// was no file.
func (s *Store) rename(ctx context.Context, temp, path string, allowed func(*file, error) error) (made bool, err error) {
	unlock, err := s.lock(ctx, path)
	if err != nil {
		return false, refused(err)
	}
	defer unlock()
	f, _, err := s.live(ctx, path)
	if err := allowed(f, err); err != nil {
		return false, err
	}
	_, err = os.Lstat(path)
	made = errors.Is(err, fs.ErrNotExist)
	return made, os.Rename(temp, path)
}

// tooLarge turns the bounds of a pickle into the store's.
func tooLarge(err error) error {
	if errors.Is(err, pickle.ErrTooLarge) {
		return fmt.Errorf("%w: %w", cloakroom.ErrTooLarge, err)
	}
	return err
}

// Touch implements [cloakroom.Store]. It is not synced.
func (s *Store) Touch(ctx context.Context, id string, _ cloakroom.Record, expires time.Time) error {
	return failed("touch", s.locked(ctx, s.path(id), func(_ *file, path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		var b [expirySize]byte
		binary.NativeEndian.PutUint32(b[:], seconds(expires))
		_, err = f.WriteAt(b[:], 0)
		return errors.Join(err, f.Close())
	}))
}

// Delete implements [cloakroom.Store].
func (s *Store) Delete(ctx context.Context, id string, r cloakroom.Record) error {
	err := s.locked(ctx, s.path(id), func(current *file, path string) error {
		if r.Version != "" && current.version() != r.Version {
			return cloakroom.ErrConflict
		}
		return os.Remove(path)
	})
	if err == nil {
		s.count(ctx, -1)
		err = s.syncDir()
	}
	return failed("delete", err)
}

// locked runs f on a live session under the lock of its shard.
func (s *Store) locked(ctx context.Context, path string, f func(current *file, path string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, _, err := s.live(ctx, path); err != nil { // saves the lock
		return err
	}
	unlock, err := s.lock(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	current, _, err := s.live(ctx, path)
	if err != nil {
		return err
	}
	if err := f(current, path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return cloakroom.ErrNotFound // Python removed it just now
}
