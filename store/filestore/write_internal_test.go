package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// syncs notes what a store syncs.
func syncs(t *testing.T, s *Store) func() []string {
	var list []string
	note := func(path string) {
		rel, err := filepath.Rel(s.dir, path)
		if err != nil {
			t.Error(err)
		}
		rel = strings.ReplaceAll(rel, someID, "ID")
		if at := strings.Index(rel, tempPrefix); at >= 0 {
			rel = rel[:at+len(tempPrefix)]
		}
		list = append(list, filepath.ToSlash(strings.ReplaceAll(rel, ownerA, "OWNER")))
	}
	file, dir := s.syncFile, s.syncFolder
	s.syncFile = func(f *os.File) error { note(f.Name()); return file(f) }
	s.syncFolder = func(path string) error { note(path); return dir(path) }
	return func() []string { defer func() { list = nil }(); return list }
}

// A write is durable when it returns: the entry before the record, the file before its name.
func TestSyncs(t *testing.T) {
	s, err := New(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	synced := syncs(t, s)
	check := func(op string, err error, want ...string) {
		t.Helper()
		if got := synced(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s synced %q, want %q; %v", op, got, want, err)
		}
	}
	r := create(t, s, someID, ownerA)
	check("create", nil, "owners/0a", "owners/0a/OWNER/ID", "owners/0a/OWNER",
		"sessions/ab/.tmp-", "sessions/ab")
	r.Version, err = s.Replace(t.Context(), someID, r, r)
	check("replace", err, "sessions/ab/.tmp-", "sessions/ab")
	check("touch", s.Touch(t.Context(), someID, r, r.Expires), "sessions/ab/.tmp-", "sessions/ab")
	check("delete", s.Delete(t.Context(), someID, r), "sessions/ab")
}

// A sync that fails is no success.
func TestFailedSyncs(t *testing.T) {
	broken := errors.New("broken disk")
	s := opened(t)
	r := create(t, s, someID, ownerA)
	s.syncFolder = func(string) error { return broken }
	if _, err := s.Replace(t.Context(), someID, r, r); !errors.Is(err, broken) {
		t.Errorf("replace: %v", err)
	}
	if err := s.Delete(t.Context(), someID, store.Record{}); !errors.Is(err, broken) {
		t.Errorf("delete: %v", err)
	}
	s, r.Owner = opened(t), ""
	s.syncFile = func(*os.File) error { return broken }
	if _, err := s.Create(t.Context(), someID, r); !errors.Is(err, broken) {
		t.Errorf("create: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(s.path(someID))); err != nil || len(left) > 0 {
		t.Errorf("left behind %v; %v", left, err)
	}
}

// What is removed by hand while a write is under way stays gone.
func TestRemovedUnderWrite(t *testing.T) {
	s := opened(t)
	create(t, s, someID, ownerA)
	_, err := s.change(t.Context(), someID, func(current record, err error) (store.Record, error) {
		return current.Record, errors.Join(err, os.Remove(s.path(someID)))
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	if left, err := os.ReadDir(filepath.Dir(s.path(someID))); err != nil || len(left) > 0 {
		t.Errorf("it left %v; %v", left, err)
	}
}
