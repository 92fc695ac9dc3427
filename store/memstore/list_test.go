package memstore

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestPageSize(t *testing.T) {
	for limit, want := range map[int]int{
		-1: 100, 0: 100, 1: 1, 100: 100, 10_000: 10_000, 10_001: 10_000,
	} {
		if n := pageSize(limit); n != want {
			t.Errorf("limit %d: %d, want %d", limit, n, want)
		}
	}
}

// fill creates records that expire in a minute.
func fill(t *testing.T, s *Store, n int, owner string) {
	t.Helper()
	for i := range n {
		r := store.Record{Expires: s.now().Add(time.Minute), Owner: owner}
		if _, err := s.Create(t.Context(), fmt.Sprint(i), r); err != nil {
			t.Fatal(err)
		}
	}
}

// A page of All looks at so many slots at most, since most may be free.
func TestAllIsBounded(t *testing.T) {
	s, _ := still(t)
	fill(t, s, 3000, "")
	if page, _, err := s.All(t.Context(), "", 5); err != nil || cap(page) != 5 {
		t.Errorf("a page of 5 has room for %d: %v", cap(page), err)
	}
	for i := range 3000 {
		if err := s.Delete(t.Context(), fmt.Sprint(i), store.Record{}); err != nil {
			t.Fatal(err)
		}
	}
	cursor, looked := "", 0
	for pages := 1; ; pages++ {
		page, next, err := s.All(t.Context(), cursor, 5)
		if err != nil || len(page) > 0 || cap(page) > s.Len() {
			t.Fatal(page, err)
		}
		if next == "" {
			break
		}
		n, slot, err := parseCursor(next)
		if err != nil {
			t.Fatal(err)
		}
		at := int(slot)
		for i := range n {
			at += int(s.shards[i].used)
		}
		if at-looked != 5*scanFactor {
			t.Fatalf("page %d looked at %d slots, want %d", pages, at-looked, 5*scanFactor)
		}
		cursor, looked = next, at
	}
	if 3000-looked > 5*scanFactor {
		t.Errorf("the last page looked at %d slots", 3000-looked)
	}
}

// What has expired is not listed at its very instant, and pages are full until the last one.
func TestAllAtTheInstant(t *testing.T) {
	s, now := still(t)
	fill(t, s, 25, "ann")
	count := func(list func(cursor string) ([]store.Entry, string, error)) (n int) {
		t.Helper()
		for cursor := ""; ; {
			page, next, err := list(cursor)
			if err != nil || next != "" && len(page) != 10 {
				t.Fatalf("a page of %d, next %q: %v", len(page), next, err)
			}
			if n += len(page); next == "" {
				return n
			}
			cursor = next
		}
	}
	all := func(cursor string) ([]store.Entry, string, error) {
		return s.All(t.Context(), cursor, 10)
	}
	owned := func(cursor string) ([]store.Entry, string, error) {
		return s.Owned(t.Context(), "ann", cursor, 10)
	}
	*now = now.Add(time.Minute - 1)
	if n, of := count(all), count(owned); n != 25 || of != 25 {
		t.Errorf("before: %d and %d listed, want 25", n, of)
	}
	*now = now.Add(1)
	if page, _, err := all(""); len(page) != 0 || err != nil {
		t.Errorf("at the instant: %d listed, %v", len(page), err)
	}
	if page, _, err := owned(""); len(page) != 0 || err != nil {
		t.Errorf("at the instant: %d of the owner listed, %v", len(page), err)
	}
}

// Sweep looks at no more than its limit, removes what has expired at its very instant, and
// leaves what was touched since.
func TestSweepIsBounded(t *testing.T) {
	s, now := still(t)
	fill(t, s, 250, "")
	for i := range 50 {
		err := s.Touch(t.Context(), fmt.Sprint(i), store.Record{}, now.Add(2*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
	}
	*now = now.Add(time.Minute)
	total, cursor := 0, ""
	for _, last := range []bool{false, false, true} { // 250 to look at, 100 a time
		n, next, err := s.Sweep(t.Context(), cursor, 0)
		if err != nil || n > 100 || (next == "") != last {
			t.Fatalf("%d removed, next %q, %v", n, next, err)
		}
		total, cursor = total+n, next
	}
	if total != 200 || s.Len() != 50 {
		t.Errorf("%d removed, %d left", total, s.Len())
	}
	*now = now.Add(time.Minute)
	if n, next, err := s.Sweep(t.Context(), "", 50); n != 50 || next != "" || err != nil {
		t.Errorf("the rest: %d removed, next %q, %v", n, next, err)
	}
}

// A listing by owner has none of the records that get another owner while it is made.
func TestOwnedWhileOwnersChange(t *testing.T) {
	const records = 5000
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := store.Record{Owner: "ann", Expires: time.Now().Add(time.Hour)}
	versions := make([]store.Version, records)
	for i := range versions {
		if versions[i], err = s.Create(t.Context(), fmt.Sprint(i), r); err != nil {
			t.Fatal(err)
		}
	}
	var changed atomic.Bool
	go func() {
		defer changed.Store(true)
		for i := records - 1; i >= 0; i-- { // the last ones are listed last
			old, next := r, r
			old.Version, next.Owner = versions[i], "bob"
			if _, err := s.Replace(t.Context(), fmt.Sprint(i), old, next); err != nil {
				t.Error(err)
			}
		}
	}()
	for done := false; !done; {
		done = changed.Load()
		page, _, err := s.Owned(t.Context(), "ann", "", records)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			if e.Record.Owner != "ann" {
				t.Fatalf("a record of %q is listed", e.Record.Owner)
			}
		}
	}
}
