package filestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

var (
	someID  = strings.Repeat("ab", 32)
	ownerA  = strings.Repeat("0a", 32)
	ownerB  = strings.Repeat("0b", 32)
	aMinute = store.IndexGrace
)

func opened(t *testing.T) *Store {
	s, err := New(t.TempDir(), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, s *Store, id, owner string) store.Record {
	t.Helper()
	r := store.Record{Data: []byte("data"), Expires: time.Now().Add(time.Hour), Owner: owner}
	var err error
	if r.Version, err = s.Create(t.Context(), id, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// entry puts an index entry that is so old.
func entry(t *testing.T, s *Store, owner, name, content string, age time.Duration) string {
	t.Helper()
	path := filepath.Join(s.ownerFolder(owner), name)
	at := time.Now().Add(-age)
	_, err := folder.Make(filepath.Dir(path))
	err = errors.Join(err, os.WriteFile(path, []byte(content), 0o600), os.Chtimes(path, at, at))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// An entry is purged only if it is old and no record of that owner is behind it.
func TestPurge(t *testing.T) {
	for _, test := range []struct {
		name, owner string // whose record it is, if there is one
		damage      bool
		age         time.Duration
		stays       bool
	}{
		{name: "live", owner: ownerA, age: 2 * aMinute, stays: true},
		{name: "unreadable", owner: ownerA, damage: true, age: 2 * aMinute, stays: true},
		{name: "another's", owner: ownerB, age: 2 * aMinute},
		{name: "without a record", age: 2 * aMinute},
		{name: "young", age: aMinute / 2, stays: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := opened(t)
			if test.owner != "" {
				create(t, s, someID, test.owner)
			}
			if test.damage {
				if err := os.WriteFile(s.path(someID), []byte("damage"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path := entry(t, s, ownerA, someID, "", test.age)
			s.purge(t.Context(), path)
			if stays := folder.IsThere(path); stays != test.stays {
				t.Errorf("it stays: %v", stays)
			}
		})
	}
}

// An entry of an owner whose record is another's by now is listed without it.
func TestOwnedByAnother(t *testing.T) {
	s := opened(t)
	create(t, s, someID, ownerB)
	entry(t, s, ownerA, someID, "", 0)
	page, _, err := s.Owned(t.Context(), ownerA, "", 0)
	if err != nil || len(page) != 1 || page[0].ID != someID || page[0].Record.Version != "" {
		t.Errorf("listed %v; %v", page, err)
	}
}

// The id of an entry that is named by a hash is in the entry. Until it is there, the entry
// stands for nothing.
func TestOwnedByOtherIDs(t *testing.T) {
	s := opened(t)
	entry(t, s, ownerA, folder.Name("a short id"), "a short id", 0)
	entry(t, s, ownerA, folder.Name("another"), "", 0)
	page, _, err := s.Owned(t.Context(), ownerA, "", 0)
	if err != nil || len(page) != 1 || page[0].ID != "a short id" {
		t.Errorf("listed %v; %v", page, err)
	}
}

// A change of owner moves the entry, and the next write makes anew one that was removed.
func TestIndex(t *testing.T) {
	s := opened(t)
	r := create(t, s, someID, ownerA)
	before, after := s.ownerFolder(ownerA), filepath.Join(s.ownerFolder(ownerB), someID)
	next := r
	next.Owner = ownerB
	v, err := s.Replace(t.Context(), someID, r, next)
	if err != nil || folder.IsThere(before) || !folder.IsThere(after) {
		t.Errorf("after a change of owner: %v", err)
	}
	if err := os.RemoveAll(s.owners); err != nil {
		t.Fatal(err)
	}
	next.Version = v
	_, err = s.Replace(t.Context(), someID, next, next)
	if err != nil || !folder.IsThere(after) {
		t.Errorf("after a removal by hand: %v", err)
	}
}

// Announcing a session makes an old entry young, so nothing purges it before the record is there.
func TestIndexMakesYoung(t *testing.T) {
	s := opened(t)
	path := entry(t, s, ownerA, someID, "", 2*aMinute)
	if err := s.index(ownerA, someID, someID, false); err != nil {
		t.Fatal(err)
	}
	s.purge(t.Context(), path)
	if !folder.IsThere(path) {
		t.Error("it was purged")
	}
}
