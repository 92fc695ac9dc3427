package filelock_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/filelock"
)

// One at a time holds a lock, of those who share the Set and those who share only its folder.
func TestExclusion(t *testing.T) {
	dir := t.TempDir()
	sets := []*filelock.Set{filelock.NewSet(dir), filelock.NewSet(dir)}
	var held, total atomic.Int32 // the race detector does not know locks between files
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				unlock, err := sets[i%2].Lock(t.Context(), 7)
				if err != nil {
					t.Error(err)
					return
				}
				if n := held.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				total.Add(1)
				held.Add(-1)
				unlock()
			}
		})
	}
	wg.Wait()
	if n := total.Load(); n != 400 {
		t.Errorf("%d turns, want 400", n)
	}
}

// Who gives up waiting does not keep the lock.
func TestContext(t *testing.T) {
	dir := t.TempDir()
	a, b := filelock.NewSet(dir), filelock.NewSet(dir)
	unlock, err := a.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*filelock.Set{a, b} {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if _, err := s.Lock(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	}
	other, err := a.Lock(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	if unlock, err = b.Lock(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// Files and folders that were removed are made anew, and who waited at a removed file
// moves on to the new one.
func TestRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "locks")
	a, b, c := filelock.NewSet(dir), filelock.NewSet(dir), filelock.NewSet(dir)
	unlock, err := a.Lock(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan func())
	go func() {
		second, err := b.Lock(t.Context(), 7)
		if err != nil {
			t.Error(err)
		}
		waiting <- second
	}()
	if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
		t.Fatal(err)
	}
	unlock()
	second := <-waiting
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if unlock, err := c.Lock(ctx, 7); !errors.Is(err, context.Canceled) {
		t.Errorf("two hold the lock: %v", err)
		unlock()
	}
	second()
}
