package filestore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// Create implements [store.Store]. On a full disk it returns [store.ErrFull].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	s.sweeper.Request()
	r.Version = newVersion()
	v, err := s.change(ctx, id, func(_ record, err error) (store.Record, error) {
		switch {
		case err == nil:
			err = store.ErrExists
		case errors.Is(err, store.ErrNotFound):
			err = nil
		}
		return r, err
	})
	return v, failed("create", err)
}

// Replace implements [store.Store]. It recognises old by its version. On a full disk it
// returns [store.ErrFull].
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	next.Version = newVersion()
	v, err := s.change(ctx, id, func(current record, err error) (store.Record, error) {
		if err == nil && current.Version != old.Version {
			err = store.ErrConflict
		}
		return next, err
	})
	return v, failed("replace", err)
}

// Touch implements [store.Store]. On a full disk it returns [store.ErrFull].
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	_, err := s.change(ctx, id, func(current record, err error) (store.Record, error) {
		current.Expires = expires
		return current.Record, err
	})
	return failed("touch", err)
}

func newVersion() store.Version {
	var random [16]byte
	rand.Read(random[:])
	return store.Version(random[:])
}

// decision makes of what live returns what to store.
type decision func(current record, err error) (store.Record, error)

// change stores what decide returns. It makes folders anew that were removed.
func (s *Store) change(
	ctx context.Context, id string, decide decision,
) (v store.Version, err error) {
	name := folder.Name(id)
	err = folder.Remake(s.makeFolders, func() error {
		return s.underLock(ctx, name, func() error {
			v, err = s.put(ctx, name, id, decide)
			return err
		})
	})
	if err != nil {
		return "", folder.Refused(err)
	}
	// After the lock: the next writer syncs this rename with its own.
	return v, s.syncFolder(filepath.Dir(s.path(name)))
}

// put is [Store.change] under the lock. If it fails by an error that [folder.Refused]
// knows, nothing has changed.
func (s *Store) put(ctx context.Context, name, id string, decide decision) (store.Version, error) {
	current, found := s.live(ctx, name)
	next, err := decide(current, found)
	if err != nil {
		return "", err
	}
	b, err := encode(record{next, id})
	if err != nil {
		return "", err
	}
	listed := found == nil && current.Owner == next.Owner
	if err := s.index(next.Owner, name, id, listed); err != nil {
		return "", err
	}
	path := s.path(name)
	temp := filepath.Join(filepath.Dir(path), tempPrefix+hex.EncodeToString([]byte(newVersion())))
	if err := folder.WriteNew(temp, b, s.syncFile); err != nil {
		return "", err
	}
	if err := folder.Rename(ctx, temp, path, found == nil); err != nil {
		os.Remove(temp)
		return "", err
	}
	s.damage.Repaired(path)
	if current.Owner != next.Owner {
		s.unindex(current.Owner, name)
	}
	return next.Version, nil
}

// Delete implements [store.Store]. Without a version it removes a damaged file too.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	name := folder.Name(id)
	err := s.remove(ctx, name, r.Owner, func(current record, err error) error {
		switch {
		case errors.Is(err, store.ErrUnreadable) && r.Version == "":
			return nil
		case err == nil && r.Version != "" && r.Version != current.Version:
			return store.ErrConflict
		}
		return err
	})
	if err == nil {
		err = s.syncFolder(filepath.Dir(s.path(name)))
	}
	return failed("delete", folder.Refused(err))
}

// remove removes a record and then its index entry, if allowed returns nil for what live
// returns. The entry is owner's if the record does not tell whose it is.
func (s *Store) remove(
	ctx context.Context, name, owner string, allowed func(record, error) error,
) error {
	return s.underLock(ctx, name, func() error {
		current, err := s.live(ctx, name)
		if err := allowed(current, err); err != nil {
			return err
		}
		err = folder.Remove(ctx, s.path(name))
		if errors.Is(err, fs.ErrNotExist) { // it was removed by hand
			return store.ErrNotFound
		}
		if err == nil {
			s.damage.Repaired(s.path(name))
			s.unindex(cmp.Or(current.Owner, owner), name)
		}
		return err
	})
}

// underLock runs f under the lock of a record's shard.
func (s *Store) underLock(ctx context.Context, name string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	shard, _ := strconv.ParseUint(folder.Shard(name), 16, 8) // two digits, always
	unlock, err := s.locks.Lock(ctx, byte(shard))
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}
