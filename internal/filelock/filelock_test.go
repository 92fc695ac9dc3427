package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// One at a time holds a lock, within a Set and between Sets of one folder.
func TestExclusion(t *testing.T) {
	dir := t.TempDir()
	sets := []*Set{NewSet(dir), NewSet(dir)}
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

// A wait that is given up does not keep the lock.
func TestContext(t *testing.T) {
	dir := t.TempDir()
	a, b := NewSet(dir), NewSet(dir)
	unlock, err := a.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Set{a, b} {
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

// Files and folders that were removed are made anew, and a wait at a removed file
// moves on to the new one.
func TestRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "locks")
	a, b, c := NewSet(dir), NewSet(dir), NewSet(dir)
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
	waitsFor(b, 7)
	for range 100 { // b may make a file while the folder is being emptied
		if err = os.RemoveAll(filepath.Dir(dir)); err == nil {
			break
		}
	}
	if err != nil {
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

// waitsFor returns once a goroutine is through the gate of a lock that another Set holds, and
// has had time to get as far as the file.
func waitsFor(s *Set, i byte) {
	for len(s.gates[i]) == 0 {
		runtime.Gosched()
	}
	time.Sleep(20 * time.Millisecond)
}

// A lock that is free is had without a look at the context's channel, which may have to be
// made for it.
func TestFreeLock(t *testing.T) {
	s := NewSet(t.TempDir())
	for range 20 {
		unlock, err := s.Lock(noDone{t.Context(), t}, 3)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
}

// noDone is a context whose channel must not be asked for.
type noDone struct {
	context.Context
	t *testing.T
}

func (c noDone) Done() <-chan struct{} {
	c.t.Error("the context's channel was asked for")
	return c.Context.Done()
}

// A lock that cannot be had says why, each time it is tried, and keeps no turn.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewSet(file) // not a folder
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so that waiting for a turn fails otherwise
	for range 3 {
		var failure *os.PathError
		if _, err := s.Lock(ctx, 9); !errors.As(err, &failure) {
			t.Errorf("error %v, want an *os.PathError", err)
		}
	}
}

// A file that neither opens nor can be created is an error in the end, and so is a folder that
// cannot be made, with the reason.
func TestCannotBeMade(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "missing"), filepath.Join(dir, "01")); err != nil {
		t.Skip(err) // the system has no links, or not for all
	}
	if _, err := NewSet(dir).Lock(t.Context(), 1); err == nil {
		t.Error("a link to nothing was locked")
	}
	if _, err := os.Stat("/sys/kernel"); err != nil {
		t.Skip("needs a folder in which even root can make nothing")
	}
	_, err := NewSet("/sys/cloakroom").Lock(t.Context(), 1)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want why the folder cannot be made", err)
	}
}

// Of several that need a folder and its files at once, all get them.
func TestFirstUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "locks")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s := NewSet(dir)
			for i := range Count {
				unlock, err := s.Lock(t.Context(), byte(i))
				if err != nil {
					t.Error(err)
					return
				}
				unlock()
			}
		})
	}
	wg.Wait()
}

// Of a Set, one goroutine at a time waits for a file: one that gave up has the turn until its
// wait ends in the background.
func TestTurnWhileWaiting(t *testing.T) {
	dir := t.TempDir()
	a, b := NewSet(dir), NewSet(dir)
	unlock, err := a.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Lock(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if _, err := b.Lock(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	time.Sleep(20 * time.Millisecond)
	if len(b.gates[1]) != 1 {
		t.Errorf("%d have the turn before the wait ended, want 1", len(b.gates[1]))
	}
	unlock()
	for range 2 { // the wait in the background lets go of both, turn and lock
		if unlock, err = b.Lock(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		unlock()
	}
}

// Each lock has a file of its own, in two hexadecimal digits, which other processes use too.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	s := NewSet(dir)
	for i, name := range map[byte]string{0x00: "00", 0x0f: "0f", 0xf0: "f0", 0xa7: "a7"} {
		unlock, err := s.Lock(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Errorf("%d files, want 4: %v", len(files), err)
	}
}

// A wait at a removed file moves on to the new one also where another holds that by now.
func TestRemovedAndMade(t *testing.T) {
	dir := t.TempDir()
	a, b, c := NewSet(dir), NewSet(dir), NewSet(dir)
	first, err := a.Lock(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan func())
	go func() {
		unlock, err := b.Lock(t.Context(), 7)
		if err != nil {
			t.Error(err)
		}
		waited <- unlock
	}()
	time.Sleep(20 * time.Millisecond)
	if err := os.Remove(filepath.Join(dir, "07")); err != nil {
		t.Fatal(err)
	}
	second, err := c.Lock(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	first()
	select {
	case <-waited:
		t.Error("two hold the lock")
	case <-time.After(20 * time.Millisecond):
		second()
		(<-waited)()
	}
}
