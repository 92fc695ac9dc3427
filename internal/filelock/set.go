// Package filelock has locks that hold between goroutines and between processes on one machine.
package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
)

// Count is how many locks a [Set] has.
const Count = 256

// Set is a fixed set of locks, each a file of a folder. The files are never renamed or removed, since a
// lock belongs to the open file. The folder must be on a file system whose locks (flock, LockFileEx) hold between
// all who use it.
type Set struct {
	dir   string
	gates [Count]chan struct{} // of the goroutines of this process
}

// NewSet returns the locks in a folder, which must be there when one is taken.
func NewSet(dir string) *Set {
	s := &Set{dir: dir}
	for i := range s.gates {
		s.gates[i] = make(chan struct{}, 1)
	}
	return s
}

// Lock takes the lock i, against the goroutines of this process and against other processes, and returns
// how to give it back. Goroutines queue at a gate, so that at most one a lock waits for the file, which is
// opened for each turn.
func (s *Set) Lock(ctx context.Context, i byte) (unlock func(), err error) {
	gate := s.gates[i]
	select {
	case gate <- struct{}{}:
	default: // only now, since contexts may make their channel when they are asked for it
		select {
		case gate <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	path := s.path(i)
	f, err := open(path)
	if err != nil {
		<-gate
		return nil, err
	}
	release := func() {
		_ = f.Close() // which unlocks it
		<-gate
	}
	got, err := tryLock(f)
	if err != nil {
		release()
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	if got {
		return release, nil
	}
	// The kernel wakes who waits for a lock, where polling could find it taken each time. If the
	// context ends first, the wait goes on in the background and ends with giving the turn back.
	done := make(chan error, 1)
	go func() { done <- waitLock(f) }()
	select {
	case err := <-done:
		if err != nil {
			release()
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		return release, nil
	case <-ctx.Done():
		go func() {
			<-done //nolint:errcheck // whether the lock was had or not, let go of it
			release()
		}()
		return nil, ctx.Err()
	}
}

func (s *Set) path(i byte) string {
	const digits = "0123456789abcdef"
	return s.dir + string([]byte{os.PathSeparator, digits[i>>4], digits[i&15]})
}

// open opens a lock file to write, without which some file systems give no lock.
func open(path string) (f rawfile.File, err error) {
	for range 10 {
		if f, err = rawfile.OpenToWrite(path); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if f, err = rawfile.Create(path); !errors.Is(err, fs.ErrExist) { // another was faster
			return f, err
		}
	}
	return f, err
}
