package filestore

import (
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
	err := s.change(ctx, id, func(_ record, err error) (store.Record, error) {
		switch {
		case err == nil:
			err = store.ErrExists
		case errors.Is(err, store.ErrNotFound):
			err = nil
		}
		return r, err
	})
	if err != nil {
		return "", failed("create", err)
	}
	return r.Version, nil
}

// Replace implements [store.Store]. It recognises old by its version. On a full disk it
// returns [store.ErrFull].
func (s *Store) Replace(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
	next.Version = newVersion()
	err := s.change(ctx, id, func(current record, err error) (store.Record, error) {
		if err == nil && current.Version != old.Version {
			err = store.ErrConflict
		}
		return next, err
	})
	if err != nil {
		return "", failed("replace", err)
	}
	return next.Version, nil
}

// Touch implements [store.Store]. On a full disk it returns [store.ErrFull].
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	return failed("touch", s.change(ctx, id, func(current record, err error) (store.Record, error) {
		current.Expires = expires
		return current.Record, err
	}))
}

func newVersion() store.Version {
	var random [16]byte
	rand.Read(random[:])
	return store.Version(random[:])
}

// decision makes what to store of what live returns, or refuses to.
type decision func(current record, err error) (store.Record, error)

// change stores what decide makes of a record. It makes folders anew that were removed.
func (s *Store) change(ctx context.Context, id string, decide decision) error {
	name := fileName(id)
	err := folder.Remake(s.makeFolders, func() error {
		return s.underLock(ctx, name, func() error { return s.put(ctx, name, id, decide) })
	})
	if err != nil {
		return folder.Refused(err)
	}
	// After the lock: the next writer syncs this rename with its own.
	return s.syncFolder(filepath.Dir(s.path(name)))
}

// put is [Store.change] under the lock. If it fails by an error that [folder.Refused]
// knows, nothing has changed.
func (s *Store) put(ctx context.Context, name, id string, decide decision) error {
	current, found := s.live(ctx, name)
	next, err := decide(current, found)
	if err != nil {
		return err
	}
	b, err := encode(record{next, id})
	if err != nil {
		return err
	}
	if err := s.index(next.Owner, name, id, found == nil && current.Owner == next.Owner); err != nil {
		return err
	}
	path := s.path(name)
	temp := filepath.Join(filepath.Dir(path), tempPrefix+hex.EncodeToString([]byte(newVersion())))
	if err := folder.WriteNew(temp, b, s.syncFile); err != nil {
		return err
	}
	if err := folder.Rename(ctx, temp, path, found == nil); err != nil {
		os.Remove(temp)
		return err
	}
	s.damage.Repaired(path)
	if current.Owner != next.Owner {
		s.unindex(current.Owner, name)
	}
	return nil
}

// Delete implements [store.Store]. Without a version it removes a damaged file too.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	name := fileName(id)
	err := s.underLock(ctx, name, func() error {
		current, err := s.live(ctx, name)
		switch {
		case errors.Is(err, store.ErrUnreadable) && r.Version == "":
			current.Owner = r.Owner
		case err != nil:
			return err
		case r.Version != "" && r.Version != current.Version:
			return store.ErrConflict
		}
		return s.remove(ctx, name, current.Owner)
	})
	if err == nil {
		err = s.syncFolder(filepath.Dir(s.path(name)))
	}
	return failed("delete", folder.Refused(err))
}

// remove removes a record and then its index entry, under the record's lock.
func (s *Store) remove(ctx context.Context, name, owner string) error {
	path := s.path(name)
	err := folder.Remove(ctx, path)
	if errors.Is(err, fs.ErrNotExist) { // it was removed by hand
		return store.ErrNotFound
	}
	if err == nil {
		s.damage.Repaired(path)
		s.unindex(owner, name)
	}
	return err
}

// underLock runs f under the lock of a record's shard.
func (s *Store) underLock(ctx context.Context, name string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	shard, err := strconv.ParseUint(shardOf(name), 16, 8)
	if err != nil {
		return err
	}
	unlock, err := s.locks.Lock(ctx, byte(shard))
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}
