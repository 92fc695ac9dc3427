package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// The owner index is a folder for each owner with a file for each of its sessions, named
// like the session's own. The file holds the id where the name is a hash. Its modification
// time is when the session was announced. An entry is made and removed under the lock of
// the session's shard, so no removal can hit an entry that is needed.

func (s *Store) ownerFolder(owner string) string {
	name := folder.Name(owner)
	return filepath.Join(s.owners, folder.Shard(name), name)
}

// index announces a record in the index of its owner, if it has one. listed says that the
// record is live and its owner's already: then only a removal by hand can have taken the entry.
func (s *Store) index(owner, name, id string, listed bool) error {
	dir := s.ownerFolder(owner)
	path := filepath.Join(dir, name)
	if owner == "" || listed && folder.IsThere(path) {
		return nil
	}
	content := []byte(id)
	if name == id {
		content = nil
	}
	makeOwner := func() error {
		made, err := folder.Make(dir)
		if err == nil && made {
			err = s.syncFolder(filepath.Dir(dir))
		}
		return err
	}
	// An owner's folder may be removed because it is empty, just after it was made.
	err := folder.Remake(makeOwner, func() error {
		return folder.WriteNew(path, content, s.syncFile)
	})
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
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	if owner == "" {
		return nil, "", nil
	}
	entry := func(path string) (store.Entry, error) { return s.ownedEntry(ctx, owner, path) }
	page, next, err := s.list(ctx, s.ownerFolder(owner), cursor, limit, entry)
	return page, next, failed("list by owner", err)
}

// ownedEntry returns what an index entry stands for: a record, or an id without one while
// that may be about to be written or cannot be read. Otherwise it returns ErrNotFound.
func (s *Store) ownedEntry(ctx context.Context, owner, path string) (store.Entry, error) {
	name := filepath.Base(path)
	r, err := s.live(ctx, name)
	switch {
	case err == nil && r.Owner == owner:
		return store.Entry{ID: r.id, Record: r.Record}, nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return store.Entry{}, err
	case !errors.Is(err, store.ErrUnreadable) && s.isOlder(path, store.IndexGrace):
		s.purge(ctx, path)
		return store.Entry{}, store.ErrNotFound
	}
	id, err := os.ReadFile(path)
	if !strings.HasPrefix(name, "x") {
		id = []byte(name)
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && folder.Name(string(id)) != name {
		err = store.ErrNotFound // it has gone, or is being written
	}
	return store.Entry{ID: string(id)}, err
}

// purge removes an old entry unless it turns out to be needed. It does not matter if that fails.
func (s *Store) purge(ctx context.Context, path string) {
	name := filepath.Base(path)
	_ = s.underLock(ctx, name, func() error {
		r, err := s.live(ctx, name)
		others := err == nil && s.ownerFolder(r.Owner) != filepath.Dir(path)
		gone := errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrUnreadable)
		if (others || gone) && s.isOlder(path, store.IndexGrace) {
			removeEntry(path)
		}
		return nil
	})
}

// isOlder reports whether a file was last written longer than d ago.
func (s *Store) isOlder(path string, d time.Duration) bool {
	info, err := os.Lstat(path)
	return err == nil && s.opts.Now().Sub(info.ModTime()) > d
}
