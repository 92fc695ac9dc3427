// Package filelock has locks that hold between goroutines and between processes on one
// machine.
package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloakroom-go/cloakroom/internal/folder"
)

// Count is how many locks a [Set] has.
const Count = 256

// Set is a fixed set of locks, each a file in one folder. The folder must be on a file
// system whose locks (flock, LockFileEx) hold between all that use it.
//
// A lock belongs to the open file, so a Set never renames or removes one. It makes anew
// what others remove; the holder of a removed lock and that of the new one may then work
// at the same time.
type Set struct {
	dir   string
	gates [Count]chan struct{} // of the goroutines of this process
}

// NewSet returns the locks in a folder, which is made private when a lock is first taken.
func NewSet(dir string) *Set {
	s := &Set{dir: dir}
	for i := range s.gates {
		s.gates[i] = make(chan struct{}, 1)
	}
	return s
}

// Lock takes lock i against other goroutines and other processes, and returns how to
// release it. Goroutines queue at a gate first, so that at most one a lock and process
// waits for the file. The file is open only while the lock is held or waited for.
func (s *Set) Lock(ctx context.Context, i byte) (unlock func(), err error) {
	gate := s.gates[i]
	select {
	case gate <- struct{}{}:
	default: // a context may make its channel when asked, so ask only now
		select {
		case gate <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	for {
		f, err := s.open(i)
		if err != nil {
			<-gate
			return nil, err
		}
		release := func() {
			_ = f.Close() // this unlocks it
			<-gate
		}
		if err := lock(ctx, f, release); err != nil {
			return nil, err
		}
		if isNamed(f) {
			return release, nil
		}
		_ = f.Close() // it was removed, so others lock a new file
	}
}

// lock takes the lock of an open file. With an error, it calls release, at once or when
// a wait that goes on in the background has ended.
func lock(ctx context.Context, f *os.File, release func()) error {
	got, err := tryLock(f)
	if got {
		return nil
	}
	if err == nil {
		// The kernel wakes those that wait in turn; polling could miss each turn.
		done := make(chan error, 1)
		go func() { done <- waitLock(f) }()
		select {
		case err = <-done:
		case <-ctx.Done():
			go func() {
				<-done //nolint:errcheck // locked or not, release it
				release()
			}()
			return ctx.Err()
		}
	}
	if err != nil {
		release()
		return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}

// isNamed reports whether an open file still has its name.
func isNamed(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(f.Name())
	return err == nil && os.SameFile(mine, there)
}

// open opens a lock file, and makes it and the folder if they are missing. It opens the
// file to write, since some file systems lock no other.
func (s *Set) open(i byte) (f *os.File, err error) {
	path := filepath.Join(s.dir, string([]byte{digits[i>>4], digits[i&15]}))
	err = folder.Remake(func() error { return makeFile(path) }, func() (err error) {
		f, err = folder.OpenToWrite(path)
		return err
	})
	return f, err
}

func makeFile(path string) error {
	if _, err := folder.Make(filepath.Dir(path)); err != nil {
		return err
	}
	f, err := folder.Create(path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return f.Close()
}

const digits = "0123456789abcdef"
