//go:build linux

package filestore_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func TestFullDisk(t *testing.T) { eachSync(t, testFullDisk) }

func testFullDisk(t *testing.T, opts filestore.Options) {
	ctx := t.Context()
	dir := mount(t, "4m")
	s := open(t, dir, opts)
	records := map[string]store.Record{}
	var full error
	for i := 0; full == nil && i < 1000; i++ {
		r := lasting(strings.Repeat("x", 50_000))
		v, err := s.Create(ctx, hexID(i), r)
		if err == nil {
			r.Version = v
			records[hexID(i)] = r
		}
		full = err
	}
	if !errors.Is(full, store.ErrFull) || !errors.Is(full, syscall.ENOSPC) {
		t.Fatalf("got %v, want ErrFull", full)
	}
	if text := full.Error(); !strings.Contains(text, "create") || !strings.Contains(text, dir) {
		t.Errorf("the error names no operation or no path: %s", text)
	}
	for id, r := range records {
		for _, size := range []int{60_000, 200_000} {
			if _, err := s.Replace(ctx, id, r, lasting(strings.Repeat("y", size))); !errors.Is(err, store.ErrFull) {
				t.Fatalf("Replace by %d bytes: %v, want ErrFull", size, err)
			}
		}
		if got, err := s.Load(ctx, id); err != nil || got.Version != r.Version || len(got.Data) != len(r.Data) {
			t.Fatalf("after a refused Replace: %v", err)
		}
	}
	for _, path := range files(t, dir) {
		if strings.Contains(path, ".tmp-") {
			t.Errorf("left behind: %s", path)
		}
	}
	for id, r := range records { // signing out works on a full disk, and makes room
		if err := s.Delete(ctx, id, r); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	if _, err := s.Create(ctx, hexID(5000), lasting(strings.Repeat("x", 50_000))); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	ctx := t.Context()
	dir := mount(t, "4m")
	s := open(t, dir, filestore.Options{})
	r := lasting("data")
	v, err := s.Create(ctx, hexID(1), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("a read-only folder needs the right to remount: %v", err)
	}
	_, create := s.Create(ctx, hexID(2), r)
	_, replace := s.Replace(ctx, hexID(1), r, r)
	for op, err := range map[string]error{
		"create": create, "replace": replace,
		"touch": s.Touch(ctx, hexID(1), r, r.Expires), "delete": s.Delete(ctx, hexID(1), r),
	} {
		if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), op) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want an error that names operation and path", op, err)
		}
	}
	if got, err := s.Load(ctx, hexID(1)); err != nil || got.Version != v {
		t.Errorf("Load: %v", err)
	}
	if again, err := filestore.New(dir, filestore.Options{}); err != nil || again == nil {
		t.Errorf("opening it read-only: %v", err)
	}
	if _, err := filestore.New(filepath.Join(dir, "new"), filestore.Options{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("making a folder: %v", err)
	}
}

// An operation that waits for a lock ends with its context, and the lock is not lost.
func TestLockHonoursContext(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, filestore.Options{})
	r := lasting("data")
	v, err := s.Create(t.Context(), hexID(1), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	held, err := os.OpenFile(filepath.Join(dir, "locks", hexID(1)[:2]), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for range 3 { // the second waits for the first, in this process
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := s.Delete(ctx, hexID(1), r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Delete: %v", err)
		}
		if _, err := s.Replace(ctx, hexID(1), r, r); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Replace: %v", err)
		}
		cancel()
	}
	if got, err := s.Load(t.Context(), hexID(1)); err != nil || got.Version != v {
		t.Errorf("Load takes no lock: %v", err)
	}
	held.Close()
	if err := s.Delete(t.Context(), hexID(1), r); err != nil {
		t.Errorf("Delete after the lock was free: %v", err)
	}
}
