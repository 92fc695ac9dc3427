package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/rawfile"
	"github.com/cloakroom-go/cloakroom/store"
)

// The owner index is a folder for each owner with a file for each of its sessions,
// named like the session's own. The file holds the id where the name is a hash, and its
// modification time is when a write last announced the session. Entries are removed
// under the lock of the session's shard only, and every writer makes sure of its entry
// under that lock, so no removal can hit an entry that is needed.

func (s *Store) ownerFolder(owner string) string {
	name := fileName(owner)
	return filepath.Join(s.dir, "owners", shardOf(name), name)
}

// index announces the session in the index of its owner, if it has one, and makes that
// durable. listed is whose the session was so far, and probably has an entry.
func (s *Store) index(owner, name, id, listed string) error {
	if owner == "" {
		return nil
	}
	folder := s.ownerFolder(owner)
	path := filepath.Join(folder, name)
	if listed == owner && !s.stale(path) {
		return nil
	}
	for attempt := 0; ; attempt++ {
		f, err := rawfile.Create(path)
		switch {
		case err == nil:
			return s.announce(f, folder, name, id)
		case errors.Is(err, fs.ErrExist):
			if !s.stale(path) {
				return nil
			}
			now := s.opts.Now()
			if err = os.Chtimes(path, now, now); err == nil {
				return nil
			}
		}
		if !errors.Is(err, fs.ErrNotExist) || attempt == 10 {
			return err
		}
		// The folder is missing, or was removed just now because it was empty.
		made, err := makeOwner(folder)
		if err == nil && made {
			err = s.syncDir(filepath.Dir(folder))
		}
		if err != nil {
			return err
		}
	}
}

// makeOwner makes the folder of an owner, and reports whether it was missing.
func makeOwner(path string) (bool, error) {
	switch err := os.Mkdir(path, folder.Private); {
	case err == nil:
		return true, unlessGone(os.Chmod(path, folder.Private))
	case errors.Is(err, fs.ErrExist):
		return false, nil
	default:
		return false, err
	}
}

// stale reports whether an entry should be announced again: well before its grace ends.
func (s *Store) stale(path string) bool {
	info, err := os.Lstat(path)
	return err != nil || s.opts.Now().Sub(info.ModTime()) > store.IndexGrace/60
}

func (s *Store) announce(f rawfile.File, folder, name, id string) error {
	var err error
	if name != id {
		err = f.Write([]byte(id))
	}
	err = errors.Join(err, s.finish(f))
	path := filepath.Join(folder, name)
	now := s.opts.Now()
	if err == nil {
		err = os.Chtimes(path, now, now)
	}
	if err != nil {
		os.Remove(path)
		return err
	}
	return s.syncDir(folder)
}

// unindex removes an entry, and the owner's folder when that was the last. The caller
// holds the lock of the session's shard. What cannot be removed becomes an entry
// without a record, which does no harm and is removed later.
func (s *Store) unindex(owner, name string) {
	if owner != "" {
		folder := s.ownerFolder(owner)
		os.Remove(filepath.Join(folder, name))
		os.Remove(folder) // fails unless it is empty
	}
}

// Owned implements [store.OwnerLister]. A page has at most limit entries, or 10,000;
// zero means 100. Entries without a record that are older than [store.IndexGrace] are
// removed on the way.
func (s *Store) Owned(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", failed("list by owner", err)
	}
	if owner == "" {
		return nil, "", nil
	}
	folder := s.ownerFolder(owner)
	names, err := namesAfter(folder, cursor)
	if err != nil {
		return nil, "", failed("list by owner", err)
	}
	next := ""
	if limit = pageSize(limit); len(names) > limit {
		names = names[:limit]
		next = names[limit-1]
	}
	var page []store.Entry
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, "", failed("list by owner", err)
		}
		if !isName(name) {
			continue
		}
		e, err := s.ownedEntry(ctx, owner, folder, name)
		if err != nil {
			return nil, "", failed("list by owner", err)
		}
		if e.ID != "" {
			page = append(page, e)
		}
	}
	return page, next, nil
}

// ownedEntry returns what an index entry stands for: a record, an id without one while
// that may be about to be written or whose record cannot be read, or nothing.
func (s *Store) ownedEntry(ctx context.Context, owner, folder, name string) (store.Entry, error) {
	r, err := s.live(ctx, name, withData)
	if err == nil && r.owner == owner {
		return store.Entry{ID: r.id, Record: r.record()}, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Entry{}, err
	}
	damaged := errors.Is(err, store.ErrUnreadable) // whose it is only the entry tells
	path := filepath.Join(folder, name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) { // the record and its entry went since
		return store.Entry{}, nil
	}
	if err != nil {
		return store.Entry{}, err
	}
	if !damaged && s.opts.Now().Sub(info.ModTime()) > store.IndexGrace {
		s.purge(ctx, owner, folder, name)
		return store.Entry{}, nil
	}
	id := name
	if !isHex(name) {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return store.Entry{}, err
		}
		if id = string(b); fileName(id) != name { // being written
			return store.Entry{}, nil
		}
	}
	return store.Entry{ID: id}, nil
}

// purge removes an entry unless it turns out to be needed. It does not matter if that fails.
func (s *Store) purge(ctx context.Context, owner, folder, name string) {
	unlock, err := s.lock(ctx, shardOf(name))
	if err != nil {
		return
	}
	defer unlock()
	r, err := s.locked(ctx, name, withoutData)
	if err == nil && (owner == "" || r.owner == owner) {
		return
	}
	if err != nil && (!errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable)) {
		return
	}
	path := filepath.Join(folder, name)
	if info, err := os.Lstat(path); err != nil || s.opts.Now().Sub(info.ModTime()) <= store.IndexGrace {
		return
	}
	os.Remove(path)
	os.Remove(folder)
}

// tooOld reports whether a file was last written longer than d ago.
func (s *Store) tooOld(path string, d time.Duration) bool {
	info, err := os.Lstat(path)
	return err == nil && s.opts.Now().Sub(info.ModTime()) > d
}
