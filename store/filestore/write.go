package filestore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/filelock"
	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/rawfile"
	"github.com/cloakroom-go/cloakroom/store"
)

// Create implements [store.Store]. On a full disk it returns [store.ErrFull].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	s.sweeper.Request()
	v, err := s.write(ctx, id, r, func(_ string, err error) error {
		if err == nil {
			return store.ErrExists
		}
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return v, failed("create", err)
}

// Replace implements [store.Store]. It recognises old by its version. On a full disk it
// returns
// [store.ErrFull].
func (s *Store) Replace(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
	v, err := s.write(ctx, id, next, func(version string, err error) error {
		if err == nil && version != string(old.Version) {
			return store.ErrConflict
		}
		return err
	})
	return v, failed("replace", err)
}

// write stores r if allowed says so of the version of the live record, or of the error
// of reading that. It makes folders anew that were removed.
func (s *Store) write(ctx context.Context, id string, r store.Record, allowed func(string, error) error) (v store.Version, err error) {
	err = s.remade(func() error {
		v, err = s.writeOnce(ctx, id, r, allowed)
		return err
	})
	return v, err
}

// writeOnce does what is slow before the lock is taken, or after it, so that writers of
// one shard, in this process and others, do not keep each other waiting. Where its
// error is [fs.ErrNotExist], nothing was stored.
func (s *Store) writeOnce(ctx context.Context, id string, r store.Record, allowed func(string, error) error) (store.Version, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var random [versionSize]byte
	rand.Read(random[:])
	version := string(random[:])
	buf := buffers.Get().(*buffer)
	defer buf.release()
	var err error
	if buf.b, err = encode(buf.b, &record{
		id: id, owner: r.Owner, version: version, data: r.Data, deadline: nanos(r.Deadline), expires: nanos(r.Expires),
	}); err != nil {
		return "", err
	}
	name := fileName(id)
	// what is not allowed waits for no disk, and what is has little to do under the
	// lock
	if !s.opts.NoSync {
		current, err := s.live(ctx, name, withoutData)
		if err := allowed(current.version, err); err != nil {
			return "", folder.Refused(err)
		}
		if err := s.index(r.Owner, name, id, current.owner); err != nil {
			return "", folder.Refused(err)
		}
	}
	path := s.path(name)
	dir := path[:len(path)-len(name)]
	swaps := rawfile.Recycles && s.opts.NoSync && len(buf.b) <= maxPooled
	temp := ""
	if !swaps {
		temp = dir + tempPrefix + hex.EncodeToString(random[:8])
		if err := s.writeTemp(temp, buf.b); err != nil {
			return "", folder.Refused(err)
		}
	}
	defer func() {
		if temp != "" {
			os.Remove(temp)
		}
	}()
	unlock, err := s.lock(ctx, shardOf(name))
	if err != nil {
		return "", folder.Refused(err)
	}
	defer func() {
		if unlock != nil {
			unlock()
		}
	}()
	old, before, err := s.openRecord(ctx, name, swaps) // expired ones too
	defer func() {
		if old != nil {
			_ = old.Close()
		}
	}()
	verdict := s.judge(ctx, name, before, err)
	if err := allowed(before.version, verdict); err != nil {
		return "", folder.Refused(err)
	}
	// Another writer of this id may have removed the entry since, but nobody can from here on.
	if err := s.index(r.Owner, name, id, before.owner); err != nil {
		return "", folder.Refused(err)
	}
	if swaps {
		stored, err := s.swap(path, dir+spareName, buf.b, old, before.size, verdict == nil)
		old = nil
		if err != nil {
			if !stored {
				err = folder.Refused(err)
			}
			return "", err
		}
	} else if err := rawfile.Retry(ctx, func() error { return rawfile.Replace(temp, path) }); err != nil {
		return "", folder.Refused(err)
	}
	temp = ""
	s.repaired(path)
	if before.owner != r.Owner {
		s.unindex(before.owner, name)
	}
	// Not needed under the lock: whoever writes next syncs this rename with its own.
	unlock()
	unlock = nil
	if err := unlessGone(s.syncDir(s.folder(shardOf(name)))); err != nil {
		return "", err
	}
	return store.Version(version), nil
}

// openRecord is read that leaves a good record's file open for writing, if asked to and
// possible.
func (s *Store) openRecord(ctx context.Context, name string, open bool) (*rawfile.File, record, error) {
	path := s.path(name)
	f, err := rawfile.File{}, fs.ErrPermission
	if open {
		f, err = rawfile.OpenToWrite(path)
	}
	if errors.Is(err, fs.ErrPermission) {
		r, err := s.readHeld(ctx, name, withoutData)
		return nil, r, err
	}
	if err != nil {
		return nil, record{}, unopened(path, err)
	}
	r, err := readRecord(f, path, name, withoutData)
	if err != nil {
		return nil, r, errors.Join(err, f.Close())
	}
	return &f, r, nil
}

// writeTemp writes a file that is complete and on the disk, or none.
func (s *Store) writeTemp(path string, b []byte) error {
	f, err := rawfile.Create(path)
	if err != nil {
		return err
	}
	if err = f.Write(b); err != nil {
		err = errors.Join(err, f.Close())
	} else {
		err = s.finish(f)
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}

// finish closes a file that was written.
func (s *Store) finish(f rawfile.File) error {
	if s.opts.NoSync {
		return f.Close()
	}
	return f.SyncClose()
}

func (s *Store) syncDir(path string) error {
	if s.opts.NoSync {
		return nil
	}
	return filelock.SyncFolder(path)
}

// Touch implements [store.Store]. It is not synced.
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	name := fileName(id)
	return failed("touch", s.underLock(ctx, name, func() error { return s.touch(ctx, name, expires) }))
}

func (s *Store) touch(ctx context.Context, name string, expires time.Time) error {
	path := s.path(name)
	var current record
	var f rawfile.File
	err := rawfile.Retry(ctx, func() (err error) {
		f, err = rawfile.OpenToWrite(path)
		return err
	})
	if err != nil {
		return s.judge(ctx, name, current, unopened(path, err))
	}
	current, err = readRecord(f, path, name, withoutData)
	if err = s.judge(ctx, name, current, err); err == nil {
		slot := 1 - current.slot
		err = f.WriteAt(encodeSlot(current.version, nanos(expires), current.sequence+1), int64(slotAt+slot*slotSize))
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Delete implements [store.Store]. Without a version it removes a damaged file too.
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	name := fileName(id)
	err := s.underLock(ctx, name, func() error {
		current, err := s.locked(ctx, name, withoutData)
		if errors.Is(err, store.ErrUnreadable) && r.Version == "" {
			current.owner, err = r.Owner, nil
		}
		if err != nil {
			return err
		}
		if r.Version != "" && current.version != string(r.Version) {
			return store.ErrConflict
		}
		err = rawfile.Retry(ctx, func() error { return os.Remove(s.path(name)) })
		if errors.Is(err, fs.ErrNotExist) { // it was removed by hand
			return store.ErrNotFound
		}
		if err != nil {
			return folder.Refused(err)
		}
		s.repaired(s.path(name))
		s.unindex(current.owner, name)
		return nil
	})
	if err == nil {
		err = unlessGone(s.syncDir(s.folder(shardOf(name))))
	}
	return failed("delete", err)
}

// underLock runs f under the lock of a record's shard.
func (s *Store) underLock(ctx context.Context, name string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := s.lock(ctx, shardOf(name))
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}
