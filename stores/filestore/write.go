package filestore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/filelock"
)

// damaged is the error of a file that cannot be read as a record.
type damaged struct{ error }

// read returns the record in a file, live or expired; ErrNotFound; or damaged. The file is read from one
// open descriptor, so it is one state, even while another is renamed into its place.
func (s *Store) read(name string) (*record, error) {
	f, err := os.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cloakroom.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, damaged{errForeign}
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, damaged{errTooShort}
		}
		return nil, err
	}
	r, err := decode(b)
	if err != nil {
		return nil, damaged{err}
	}
	if fileName(r.id) != name {
		return nil, damaged{errOtherID}
	}
	return r, nil
}

// live is read for a record that must be live; a damaged one is reported and not found.
func (s *Store) live(ctx context.Context, name string) (*record, error) {
	r, err := s.read(name)
	return s.judge(ctx, name, r, err)
}

func (s *Store) judge(ctx context.Context, name string, r *record, err error) (*record, error) {
	var d damaged
	if errors.As(err, &d) {
		s.report(ctx, s.path(name), d.error)
		return nil, cloakroom.ErrNotFound
	}
	if err == nil && r.expires <= s.now() {
		return nil, cloakroom.ErrNotFound
	}
	return r, err
}

// Load implements [cloakroom.Store]. It takes no lock.
func (s *Store) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	if err := ctx.Err(); err != nil {
		return cloakroom.Record{}, failed("load", err)
	}
	r, err := s.live(ctx, fileName(id))
	if err != nil {
		return cloakroom.Record{}, failed("load", err)
	}
	return r.record(), nil
}

// Create implements [cloakroom.Store]. On a full disk it returns [cloakroom.ErrFull].
func (s *Store) Create(ctx context.Context, id string, r cloakroom.Record) (cloakroom.Version, error) {
	v, err := s.write(ctx, id, r, func(current *record, err error) error {
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

// Replace implements [cloakroom.Store]. It recognises old by its version. On a full disk it returns
// [cloakroom.ErrFull].
func (s *Store) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	v, err := s.write(ctx, id, new, func(current *record, err error) error {
		if err == nil && current.version != string(old.Version) {
			return cloakroom.ErrConflict
		}
		return err
	})
	return v, failed("replace", err)
}

// write stores r if allowed says so of what is there. All that is slow is done before the lock is taken, or
// after it, so that writers of one shard, in this process and others, do not keep each other waiting.
func (s *Store) write(ctx context.Context, id string, r cloakroom.Record, allowed func(*record, error) error) (cloakroom.Version, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var version [versionSize]byte
	rand.Read(version[:])
	b, err := encode(&record{
		id: id, owner: r.Owner, version: string(version[:]), data: r.Data,
		deadline: nanos(r.Deadline), expires: nanos(r.Expires),
	})
	if err != nil {
		return "", err
	}
	name := fileName(id)
	if err := allowed(s.live(ctx, name)); err != nil { // saves the work below
		return "", err
	}
	if err := s.index(r.Owner, name, id); err != nil {
		return "", refused(err)
	}
	temp, err := s.writeTemp(s.folder(shardOf(name)), b)
	if err != nil {
		return "", refused(err)
	}
	defer func() {
		if temp != "" {
			os.Remove(temp)
		}
	}()
	unlock, err := s.lock(ctx, shardOf(name))
	if err != nil {
		return "", refused(err)
	}
	defer func() {
		if unlock != nil {
			unlock()
		}
	}()
	before, err := s.read(name) // expired ones too
	if err := allowed(s.judge(ctx, name, before, err)); err != nil {
		return "", err
	}
	// Another writer of this id may have removed the entry since, but nobody can from here on.
	if err := s.index(r.Owner, name, id); err != nil {
		return "", refused(err)
	}
	if err := os.Rename(temp, s.path(name)); err != nil {
		return "", err
	}
	temp = ""
	s.repaired(s.path(name))
	if before != nil && before.owner != r.Owner {
		s.unindex(before.owner, name)
	}
	// Not needed under the lock: whoever writes next syncs this rename with its own.
	unlock()
	unlock = nil
	if err := s.syncDir(s.folder(shardOf(name))); err != nil {
		return "", err
	}
	return cloakroom.Version(version[:]), nil
}

// writeTemp writes a file that is complete and on the disk, and returns its path.
func (s *Store) writeTemp(folder string, b []byte) (path string, err error) {
	var random [8]byte
	rand.Read(random[:])
	path = filepath.Join(folder, tempPrefix+hex.EncodeToString(random[:]))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(f.Name()) // the returns below have emptied path
			path = ""
		}
	}()
	if err := f.Chmod(0o600); err != nil {
		return "", err
	}
	if _, err := f.Write(b); err != nil {
		return "", err
	}
	if !s.opts.NoSync {
		if err := f.Sync(); err != nil {
			return "", err
		}
	}
	return path, nil
}

func (s *Store) syncDir(path string) error {
	if s.opts.NoSync {
		return nil
	}
	return filelock.SyncFolder(path)
}

// Touch implements [cloakroom.Store]. It is not synced.
func (s *Store) Touch(ctx context.Context, id string, _ cloakroom.Record, expires time.Time) error {
	return failed("touch", s.locked(ctx, fileName(id), func(current *record, path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		slot := 1 - current.slot
		_, err = f.WriteAt(encodeSlot(current.version, nanos(expires), current.sequence+1), int64(slotAt+slot*slotSize))
		return errors.Join(err, f.Close())
	}))
}

// Delete implements [cloakroom.Store].
func (s *Store) Delete(ctx context.Context, id string, r cloakroom.Record) error {
	name := fileName(id)
	err := s.locked(ctx, name, func(current *record, path string) error {
		if r.Version != "" && current.version != string(r.Version) {
			return cloakroom.ErrConflict
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		s.unindex(current.owner, name)
		return nil
	})
	if err == nil {
		err = s.syncDir(s.folder(shardOf(name)))
	}
	return failed("delete", err)
}

// locked runs f on a live record under the lock of its shard.
func (s *Store) locked(ctx context.Context, name string, f func(current *record, path string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := s.live(ctx, name); err != nil { // saves the lock
		return err
	}
	unlock, err := s.lock(ctx, shardOf(name))
	if err != nil {
		return err
	}
	defer unlock()
	current, err := s.live(ctx, name)
	if err != nil {
		return err
	}
	return f(current, s.path(name))
}
