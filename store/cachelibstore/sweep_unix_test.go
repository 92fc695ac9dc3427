//go:build linux

package cachelibstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

// A file that cannot be removed spares no other, and the sweep goes on after it.
func TestSweepGoesOn(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	s := open(t, dir, cachelibstore.Options{Now: func() time.Time { return now }})
	for i := range 5 {
		if _, err := s.Create(t.Context(), fmt.Sprint(i), short()); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "[0-9a-f]*"))
	if err != nil || len(names) != 5 {
		t.Fatalf("%v, %v", names, err)
	}
	if err := syscall.Mount(names[1], names[1], "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(names[1], syscall.MNT_DETACH) })
	now = now.Add(2 * time.Hour)
	removed, failures, cursor := 0, 0, ""
	for calls := 0; ; calls++ {
		n, next, err := s.Sweep(t.Context(), cursor, 2)
		removed += n
		if err != nil {
			failures++
		}
		if cursor = next; next == "" {
			break
		}
		if calls > 10 {
			t.Fatal("it does not end")
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "[0-9a-f]*")); removed != 4 || failures != 1 || len(left) != 1 {
		t.Errorf("removed %d, %d calls failed, left %v", removed, failures, left)
	}
	if _, err := os.Stat(names[1]); err != nil {
		t.Error(err)
	}
}
