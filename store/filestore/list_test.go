package filestore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func sweepAll(t *testing.T, s *filestore.Store) (removed int) {
	t.Helper()
	for cursor, next := "", "-"; next != ""; cursor = next {
		n, to, err := s.Sweep(t.Context(), cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		removed += n
		next = to
	}
	return removed
}

// A sweep leaves nothing behind of sessions that ended, and no temporary file of a crash.
func TestSweepLeavesNothing(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	c := new(clock)
	c.n.Store(time.Now().UnixNano())
	s := open(t, dir, filestore.Options{NoSync: true, Now: c.now})
	for i := range 40 {
		r := lasting("data")
		r.Expires = c.now().Add(time.Minute)
		r.Owner = hexID(i % 5)
		if _, err := s.Create(ctx, []string{hexID(i), "short id " + hexID(i)}[i%2], r); err != nil {
			t.Fatal(err)
		}
	}
	temp := filepath.Join(dir, "sessions", "ab", ".tmp-0123456789abcdef")
	orphan := filepath.Join(filepath.Dir(filepath.Join(dir, "owners", hexID(1)[:2], hexID(1), "x")), hexID(99))
	for _, path := range []string{temp, orphan} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := sweepAll(t, s); n != 0 {
		t.Errorf("%d live sessions were removed", n)
	}
	if page, _, err := s.Owned(ctx, hexID(1), "", 100); err != nil || len(page) != 9 || !hasBare(page, hexID(99)) {
		t.Errorf("a young entry without a record is not listed: %d entries, %v", len(page), err)
	}
	for _, path := range []string{temp, orphan} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("removed too early: %v", err)
		}
	}
	c.advance(20 * time.Minute)
	if page, _, err := s.Owned(ctx, hexID(2), "", 100); err != nil || len(page) != 0 {
		t.Errorf("old entries are listed: %v %v", page, err)
	}
	if n := sweepAll(t, s); n != 40 {
		t.Errorf("%d removed, want 40", n)
	}
	for _, sub := range []string{"sessions", "owners"} {
		if left := files(t, filepath.Join(dir, sub)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func hasBare(page []store.Entry, id string) bool {
	for _, e := range page {
		if e.ID == id && e.Record.Version == "" {
			return true
		}
	}
	return false
}

func TestBadCursors(t *testing.T) {
	s := open(t, t.TempDir(), filestore.Options{})
	for _, cursor := range []string{"x", "zz/a", "100/a", "-1/a", "0/a", "../a", "AB/a"} {
		if _, _, err := s.All(context.Background(), cursor, 1); err == nil {
			t.Errorf("All accepted cursor %q", cursor)
		}
		if _, _, err := s.Sweep(context.Background(), "sessions:"+cursor, 1); err == nil {
			t.Errorf("Sweep accepted cursor %q", cursor)
		}
	}
	if _, _, err := s.Sweep(context.Background(), "elsewhere:00/", 1); err == nil {
		t.Error("Sweep accepted another root")
	}
}
