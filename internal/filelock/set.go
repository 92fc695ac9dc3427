// Package filelock has locks that hold between goroutines and between processes on one
// machine.
package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/internal/rawfile"
)

// Count is how many locks a [Set] has.
const Count = 256

// Set is a fixed set of locks, each a file of a folder. The files are never renamed or
// removed here, since a lock belongs to the open file. Where others remove them, or the
// folder, they are made anew: who holds a lock just then, and who takes the new one,
// may work at the same time. The folder must be on a file system whose locks (flock,
// LockFileEx) hold between all who use it.
type Set struct {
	dir   string
	gates [Count]chan struct{} // of the goroutines of this process
}

// NewSet returns the locks in a folder, which is made when one is taken, for its user alone.
func NewSet(dir string) *Set {
	s := &Set{dir: dir}
	for i := range s.gates {
		s.gates[i] = make(chan struct{}, 1)
	}
	return s
}

// Lock takes the lock i, against the goroutines of this process and against other
// processes, and returns how to give it back. Goroutines queue at a gate, so that at
// most one a lock waits for the file, which is opened for each turn.
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
	for {
		unlock, ok, err := s.lockFile(ctx, s.path(i), gate)
		if ok || err != nil {
			return unlock, err
		}
	}
}

// lockFile takes the lock of a file for who is through the gate. It fails to, and
// leaves the gate, with an error; without one, the file was removed meanwhile, so that
// others have a new one.
func (s *Set) lockFile(ctx context.Context, path string, gate chan struct{}) (unlock func(), ok bool, err error) {
	f, err := s.open(path)
	if err != nil {
		<-gate
		return nil, false, err
	}
	release := func() {
		_ = f.Close() // which unlocks it
		<-gate
	}
	got, err := tryLock(f)
	if err != nil {
		release()
		return nil, false, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	if !got {
		// The kernel wakes who waits for a lock, where polling could find it taken each
		// time. If the context ends first, the wait goes on in the background and ends
		// with giving the turn back.
		done := make(chan error, 1)
		go func() { done <- waitLock(f) }()
		select {
		case err := <-done:
			if err != nil {
				release()
				return nil, false, &os.PathError{Op: "lock", Path: path, Err: err}
			}
		case <-ctx.Done():
			go func() {
				<-done //nolint:errcheck // whether the lock was had or not, let go of it
				release()
			}()
			return nil, false, ctx.Err()
		}
	}
	if !f.Named() {
		_ = f.Close()
		return nil, false, nil
	}
	return release, true, nil
}

func (s *Set) path(i byte) string {
	const digits = "0123456789abcdef"
	return s.dir + string([]byte{os.PathSeparator, digits[i>>4], digits[i&15]})
}

// open opens a lock file to write, without which some file systems give no lock.
func (s *Set) open(path string) (f rawfile.File, err error) {
	for range 10 {
		if f, err = rawfile.OpenToWrite(path); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = rawfile.Create(path)
		switch {
		case errors.Is(err, fs.ErrExist): // another was faster
		case errors.Is(err, fs.ErrNotExist): // the folder is missing
			if _, err := folder.Make(s.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return f, err
			}
		default:
			return f, err
		}
	}
	return f, err
}
