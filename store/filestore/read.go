package filestore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

// Load implements [store.Store]. It takes no lock.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	s.sweeper.Request()
	if err := ctx.Err(); err != nil {
		return store.Record{}, failed("load", err)
	}
	r, err := s.live(ctx, fileName(id))
	if err != nil {
		return store.Record{}, failed("load", err)
	}
	return r.Record, nil
}

// live returns a live record. Otherwise the error is ErrNotFound, with the record if it
// has expired, or ErrUnreadable, which is reported.
func (s *Store) live(ctx context.Context, name string) (r record, err error) {
	path := s.path(name)
	err = folder.Retry(ctx, func() (err error) {
		r, err = read(path, name)
		return err
	})
	switch {
	case err == nil && s.opts.Now().Before(r.Expires):
		return r, nil
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return r, store.ErrNotFound
	case !isRegular(path):
		s.damage.Unreadable(ctx, path, errors.New("it is no regular file"))
		return record{}, store.ErrNotFound
	}
	var reason damaged
	if errors.As(err, &reason) {
		s.damage.Unreadable(ctx, path, reason.error)
		return record{}, store.ErrUnreadable
	}
	return record{}, err
}

// isRegular reports whether path is no pipe, device, socket or folder.
func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

// damaged is why a file cannot be read as a record.
type damaged struct{ error }

// buffers hold small files while they are read. Without them a read takes a tenth longer.
var buffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// read returns the record in a file, live or expired. A file never changes once it has
// its name, so an open file is one state.
func read(path, name string) (record, error) {
	f, err := folder.Open(path)
	if err != nil {
		return record{}, err
	}
	defer f.Close()
	buffer := buffers.Get().(*[8 << 10]byte)
	defer buffers.Put(buffer)
	n, err := f.Read(buffer[:])
	b := buffer[:n]
	if err == nil && !isWhole(b) { // one call reads most records
		all := bytes.NewBuffer(bytes.Clone(b))
		_, err = all.ReadFrom(io.LimitReader(f, maxFile))
		b = all.Bytes()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return record{}, err
	}
	r, err := decode(b, name)
	if err != nil {
		return record{}, damaged{err}
	}
	r.Data = bytes.Clone(r.Data)
	return r, nil
}
