//go:build linux

package filestore_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// A file that cannot be removed spares no other, and the sweep goes on after it.
func TestSweepGoesOn(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	s := open(t, dir, filestore.Options{NoSync: true, Now: func() time.Time { return now }})
	for i := range 20 {
		if _, err := s.Create(t.Context(), hexID(i), lasting("x")); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "sessions", "*", "[0-9a-f]*"))
	if err != nil || len(names) != 20 {
		t.Fatalf("%v, %v", names, err)
	}
	stuck := names[3]
	if err := syscall.Mount(stuck, stuck, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(stuck, syscall.MNT_DETACH) })
	now = now.Add(1000 * time.Hour)
	removed, failures, cursor := 0, 0, ""
	for calls := 0; ; calls++ {
		n, next, err := s.Sweep(t.Context(), cursor, 5)
		removed += n
		if err != nil {
			failures++
			if !strings.Contains(err.Error(), stuck) {
				t.Errorf("the error does not say what: %v", err)
			}
		}
		if cursor = next; next == "" {
			break
		}
		if calls > 20 {
			t.Fatal("it does not end")
		}
	}
	if removed != 19 || failures != 1 {
		t.Errorf("removed %d, %d calls failed", removed, failures)
	}
}
