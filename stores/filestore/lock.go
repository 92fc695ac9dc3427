package filestore

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
)

// lock takes the lock of a shard, against the goroutines of this process and against other processes, and
// returns how to give it back. Goroutines queue at a gate, so that at most one a shard waits for
// the lock file, which is opened for each turn: a lock belongs to the open file.
func (s *Store) lock(ctx context.Context, shard string) (unlock func(), err error) {
	n, err := hex.DecodeString(shard)
	if err != nil {
		return nil, err
	}
	gate := s.gates[n[0]]
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := openLock(filepath.Join(s.dir, "locks", shard))
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

func openLock(path string) (*os.File, error) {
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
