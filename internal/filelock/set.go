// Package filelock has locks that hold between goroutines and between processes on one machine.
package filelock

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := open(filepath.Join(s.dir, fmt.Sprintf("%02x", i)))
	if err != nil {
		<-gate
		return nil, err
	}
	release := func() {
		f.Close() // which unlocks it
		<-gate
	}
	got, err := tryLock(f)
	if err != nil {
		release()
		return nil, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
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
			return nil, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
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

func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil || !os.IsNotExist(err) {
		return f, err
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
