package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// The owner index is a folder for each owner with a file for each of its sessions, named
// like the session's own. The file holds the id where the name is a hash. Its modification
// time is when the session was announced. An entry is made and removed under the lock of
// the session's shard, so no removal can hit an entry that is needed.

func (s *Store) ownerFolder(owner string) string {
	name := fileName(owner)
	return filepath.Join(s.owners, shardOf(name), name)
}

// index announces a record in the index of its owner, if it has one. listed says that the
// record is live and its owner's already: then only a removal by hand can have taken the entry.
func (s *Store) index(owner, name, id string, listed bool) error {
	dir := s.ownerFolder(owner)
	path := filepath.Join(dir, name)
	if owner == "" || listed && isThere(path) {
		return nil
	}
	var content []byte
	if name != id {
		content = []byte(id)
	}
	makeOwner := func() error {
		made, err := folder.Make(dir)
		if err == nil && made {
			err = s.syncFolder(filepath.Dir(dir))
		}
		return err
	}
	// An owner's folder may be removed because it is empty, just after it was made.
	err := folder.Remake(makeOwner, func() error { return folder.WriteNew(path, content, s.syncFile) })
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	now := s.opts.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		return err
	}
	return s.syncFolder(dir)
}

// unindex removes an entry, and the owner's folder when that was the last. What cannot be
// removed becomes an entry without a record, which does no harm and is removed later.
func (s *Store) unindex(owner, name string) {
	if owner != "" {
		removeEntry(filepath.Join(s.ownerFolder(owner), name))
	}
}

func removeEntry(path string) {
	os.Remove(path)
	os.Remove(filepath.Dir(path)) // fails unless it is empty
}

// Owned implements [store.OwnerLister]. A page has at most limit entries, or 10,000;
// zero means 100. Entries without a record that are older than [store.IndexGrace] are
// removed on the way.
func (s *Store) Owned(ctx context.Context, owner, cursor string, limit int) (page []store.Entry, next string, err error) {
	if owner == "" {
		return nil, "", nil
	}
	next, err = s.walk(ctx, s.ownerFolder(owner), cursor, limit, func(path string, err error) error {
		if err != nil || !isName(filepath.Base(path)) {
			return err
		}
		e, err := s.ownedEntry(ctx, owner, path)
		if err == nil && e.ID != "" {
			page = append(page, e)
		}
		return err
	})
	if err != nil {
		return nil, "", failed("list by owner", err)
	}
	return page, next, nil
}

// ownedEntry returns what an index entry stands for: a record, an id without one while
// that may be about to be written or whose record cannot be read, or nothing.
func (s *Store) ownedEntry(ctx context.Context, owner, path string) (store.Entry, error) {
	name := filepath.Base(path)
	r, err := s.live(ctx, name)
	switch {
	case err == nil && r.Owner == owner:
		return store.Entry{ID: r.id, Record: r.Record}, nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return store.Entry{}, err
	case !errors.Is(err, store.ErrUnreadable) && s.isOlder(path, store.IndexGrace):
		return store.Entry{}, s.purge(ctx, path)
	}
	id, err := os.ReadFile(path)
	if isHex(name) {
		id = []byte(name)
	}
	if err != nil || fileName(string(id)) != name { // it is being written
		return store.Entry{}, folder.IgnoreMissing(err)
	}
	return store.Entry{ID: string(id)}, nil
}

// purge removes an old entry unless it turns out to be needed.
func (s *Store) purge(ctx context.Context, path string) error {
	name := filepath.Base(path)
	return s.underLock(ctx, name, func() error {
		r, err := s.live(ctx, name)
		switch {
		case err == nil && s.ownerFolder(r.Owner) == filepath.Dir(path), errors.Is(err, store.ErrUnreadable):
			return nil
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case s.isOlder(path, store.IndexGrace):
			removeEntry(path)
		}
		return nil
	})
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// isOlder reports whether a file was last written longer than d ago.
func (s *Store) isOlder(path string, d time.Duration) bool {
	info, err := os.Lstat(path)
	return err == nil && s.opts.Now().Sub(info.ModTime()) > d
}
