package filestore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
	"github.com/cloakroom-go/cloakroom/store"
)

// damaged is the error of a file that cannot be read as a record.
type damaged struct{ error }

// What the caller of read needs.
const (
	withData    = true
	withoutData = false
)

// buffers are for one file each, while it is read or written. Larger ones than
// maxPooled are not kept.
var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, minPooled)} }}

const (
	minPooled = 4 << 10
	maxPooled = 64 << 10
)

type buffer struct{ b []byte }

func (b *buffer) release() {
	if n := cap(b.b); n >= minPooled && n <= maxPooled {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// read returns the record in a file, live or expired; ErrNotFound; or damaged. The file
// is read from one open descriptor, so it is one state, even while another is renamed
// into its place.
func (s *Store) read(name string, data bool) (record, error) {
	path := s.path(name)
	f, err := rawfile.Open(path)
	if err != nil {
		return record{}, unopened(path, err)
	}
	r, err := readRecord(f, path, name, data)
	if closeErr := f.Close(); err == nil && closeErr != nil {
		return record{}, closeErr
	}
	return r, err
}

// unopened returns what it means that there is no opening or reading a file.
func unopened(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return store.ErrNotFound
	}
	if !isRegular(path) {
		return damaged{errKind}
	}
	return err
}

// isRegular reports whether path is no pipe, device, socket or folder.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

// readRecord reads an open file.
func readRecord(f rawfile.File, path, name string, data bool) (record, error) {
	buf := buffers.Get().(*buffer)
	defer buf.release()
	var err error
	if buf.b, err = readAll(f, buf.b); err != nil {
		return record{}, unopened(path, err)
	}
	if len(buf.b) > maxFile {
		return record{}, damaged{errForeign}
	}
	r, err := decode(buf.b, name)
	if err != nil {
		return record{}, damaged{err}
	}
	if r.id != name && fileName(r.id) != name {
		return record{}, damaged{errOtherID}
	}
	switch {
	case !data:
		r.data = nil
	case cap(buf.b) <= maxPooled:
		r.data = bytes.Clone(r.data)
	}
	return r, nil
}

// readAll appends a file to b, which is empty, up to a byte more than maxFile. One call
// of the system does it for a file that is as long as it states and leaves room in b.
func readAll(f rawfile.File, b []byte) ([]byte, error) {
	for {
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) || len(b) > maxFile {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		size, known := stated(b)
		if known && len(b) == size && len(b) < cap(b) {
			return b, nil
		}
		if len(b) == cap(b) {
			if size < len(b) {
				size = 2 * len(b)
			}
			b = append(make([]byte, 0, min(size, maxFile)+1), b...) // a byte to spare shows the end
		}
	}
}

// live is read for a record that must be live; a damaged one is reported and
// ErrUnreadable. The caller does not hold the lock: a file that is written over just
// then looks damaged or is busy, and under the lock it is not.
func (s *Store) live(ctx context.Context, name string, data bool) (record, error) {
	r, err := s.read(name, data)
	for range 3 {
		if err == nil || !isDamaged(err) && !rawfile.IsBusy(err) && !rawfile.IsHeld(err) {
			return r, s.judge(ctx, name, r, err)
		}
		r, err = s.read(name, data)
	}
	unlock, lockErr := s.lock(ctx, shardOf(name))
	switch {
	case lockErr == nil:
		defer unlock()
		return s.locked(ctx, name, data)
	case ctx.Err() != nil:
		return record{}, lockErr
	}
	// where nothing can be locked, as on a read-only disk, nobody writes
	return r, s.judge(ctx, name, r, err)
}

// locked is live for who holds the lock.
func (s *Store) locked(ctx context.Context, name string, data bool) (record, error) {
	r, err := s.readHeld(ctx, name, data)
	return r, s.judge(ctx, name, r, err)
}

// readHeld is read that waits for others who have the file open, where these prevent it.
func (s *Store) readHeld(ctx context.Context, name string, data bool) (r record, err error) {
	err = rawfile.Retry(ctx, func() error {
		r, err = s.read(name, data)
		return err
	})
	return r, err
}

func isDamaged(err error) bool {
	if err == nil {
		return false
	}
	var d damaged
	return errors.As(err, &d)
}

// judge returns the error that live returns, of what read returned.
func (s *Store) judge(ctx context.Context, name string, r record, err error) error {
	if err == nil {
		if r.expires <= s.now() {
			return store.ErrNotFound
		}
		return nil
	}
	var d damaged
	if errors.As(err, &d) {
		path := s.path(name)
		if !isRegular(path) {
			s.report(ctx, path, errKind)
			return store.ErrNotFound
		}
		s.report(ctx, path, d.error)
		return store.ErrUnreadable
	}
	return err
}

// Load implements [store.Store]. It takes no lock.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	s.sweeper.Request()
	if err := ctx.Err(); err != nil {
		return store.Record{}, failed("load", err)
	}
	r, err := s.live(ctx, fileName(id), withData)
	if err != nil {
		return store.Record{}, failed("load", err)
	}
	return r.record(), nil
}
