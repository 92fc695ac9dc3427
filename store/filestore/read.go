package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	r, err := s.live(ctx, folder.Name(id))
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
	case !folder.IsRegular(path):
		s.damage.Unreadable(ctx, path, errors.New("it is no regular file"))
		return record{}, store.ErrNotFound
	}
	if errors.As(err, new(damage)) {
		s.damage.Unreadable(ctx, path, err)
		err = fmt.Errorf("%w: %w", store.ErrUnreadable, err)
	}
	return record{}, err
}

// buffers hold small files while they are read. Without them a read takes a tenth longer.
var buffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// read returns the record in a file, live or expired. A file never changes once it has
// its name, so it does not matter that a large one is opened twice.
func read(path, name string) (record, error) {
	buffer := buffers.Get().(*[16 << 10]byte)
	defer buffers.Put(buffer)
	n, err := folder.ReadStart(path, buffer[:])
	b := buffer[:n]
	if err == nil && !isWhole(b) {
		b, err = folder.ReadAll(path, maxFile+1)
	}
	if err != nil {
		return record{}, err
	}
	r, err := decode(b, name)
	r.Data = bytes.Clone(r.Data)
	return r, err
}
