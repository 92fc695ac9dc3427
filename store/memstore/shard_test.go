package memstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// still returns a store without a sweep in the background, and its clock, which stands still.
func still(t *testing.T) (*Store, *time.Time) {
	t.Helper()
	now := time.Unix(1_800_000_000, 0)
	s, err := New(Options{Now: func() time.Time { return now }, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, &now
}

// sound fails unless the parts of each shard agree with each other.
func sound(t *testing.T, s *Store) {
	t.Helper()
	total, owned := 0, 0
	for n := range s.shards {
		sh := &s.shards[n]
		live := 0
		for slot := range sh.used {
			it := sh.at(slot)
			if it.version == "" {
				if _, ok := sh.other[slot]; ok || it.data != nil || it.owner != nil {
					t.Fatalf("shard %d: the free slot %d holds on to something", n, slot)
				}
				continue
			}
			live++
			id := sh.id(slot)
			_, hash := s.shard(id)
			if found, ok := sh.find(hash, id); !ok || found != slot {
				t.Fatalf("shard %d: %q is in slot %d, found in %d, %v", n, id, slot, found, ok)
			}
			if d := sh.heap[it.heapPos]; d.slot != slot || d.at > it.expires {
				t.Fatalf("shard %d: slot %d expires at %d, due as %+v", n, slot, it.expires, d)
			}
			if it.owner != nil {
				owned++
				if r := it.owner.refs[it.ownerPos]; r.shard() != n || r.slot() != slot {
					t.Fatalf("shard %d: slot %d is listed as %d, %d", n, slot, r.shard(), r.slot())
				}
			}
		}
		free := 0
		for at := sh.free; at > 0; at = sh.at(at - 1).heapPos {
			free++
		}
		indexed := 0
		for i := range sh.byID {
			indexed += sh.byID[i].used
		}
		if len(sh.heap) != live || indexed != live || free+live != int(sh.used) {
			t.Fatalf("shard %d: %d live, %d due, %d indexed, %d free, %d used",
				n, live, len(sh.heap), indexed, free, sh.used)
		}
		for i := 1; i < len(sh.heap); i++ {
			if sh.heap[i].at < sh.heap[(i-1)/2].at {
				t.Fatalf("shard %d: the heap is out of order at %d", n, i)
			}
		}
		if want := (int(sh.used) + chunkLen - 1) / chunkLen; len(sh.chunks) != want {
			t.Fatalf("shard %d: %d chunks for %d slots, want %d", n, len(sh.chunks), sh.used, want)
		}
		total += live
	}
	listed := 0
	for i := range s.owners {
		for name, o := range s.owners[i].byName {
			live := 0
			for _, r := range o.refs {
				if r&refFree == 0 {
					live++
				}
			}
			if o.name != name || live == 0 || live != int(o.live) {
				t.Fatalf("owner %q: %d live, %d counted", o.name, live, o.live)
			}
			listed += live
		}
	}
	if total != s.Len() || listed != owned {
		t.Fatalf("%d records, counted %d; %d with owners, listed %d", total, s.Len(), owned, listed)
	}
}

// Whatever happens to records, no part of a shard loses or keeps what another has not.
func TestParts(t *testing.T) {
	s, now := still(t)
	ctx := t.Context()
	lots := rand.New(rand.NewPCG(1, 2))
	soon := func() time.Time { return now.Add(time.Duration(1 + lots.IntN(1000))) }
	for step := range 30_000 {
		id := fmt.Sprintf("%d", lots.IntN(8000))
		r := store.Record{Data: []byte(id), Expires: soon()}
		if lots.IntN(2) == 0 {
			r.Owner = fmt.Sprintf("owner %d", lots.IntN(100))
		}
		old, err := s.Load(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			_, err = s.Create(ctx, id, r)
		case lots.IntN(4) == 0:
			err = s.Touch(ctx, id, old, soon())
		case lots.IntN(3) == 0:
			_, err = s.Replace(ctx, id, old, r)
		case lots.IntN(2) == 0:
			_, err = s.Move(ctx, id, old, r, id+"'", r)
			if errors.Is(err, store.ErrExists) {
				err = nil
			}
		default:
			err = s.Delete(ctx, id, old)
		}
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if step%3 == 0 {
			*now = now.Add(1)
		}
		if step%2000 == 0 {
			if _, _, err := s.Sweep(ctx, "", 1+lots.IntN(500)); err != nil {
				t.Fatal(err)
			}
			sound(t, s)
		}
	}
	*now = now.Add(time.Hour)
	s.sweepAll()
	if sound(t, s); s.Len() != 0 || s.Bytes() != 0 {
		t.Errorf("%d records of %d bytes are left", s.Len(), s.Bytes())
	}
}

// What a record leaves free is taken by the next ones.
func TestSlotsAreReused(t *testing.T) {
	s, now := still(t)
	used := func() (n uint32) {
		for i := range s.shards {
			n += s.shards[i].used
		}
		return n
	}
	for round := range 3 {
		for i := range 1000 {
			r := store.Record{Expires: now.Add(time.Minute), Owner: "ann"}
			if _, err := s.Create(t.Context(), fmt.Sprint(i), r); err != nil {
				t.Fatal(err)
			}
		}
		slots, places := used(), len(s.ownerShard("ann").byName["ann"].refs)
		if slots != 1000 || places != 1000 {
			t.Fatalf("round %d: %d slots and %d places, want 1,000", round, slots, places)
		}
		for i := range 999 { // the last one keeps the owner
			if err := s.Delete(t.Context(), fmt.Sprint(i), store.Record{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Touch(t.Context(), "999", store.Record{}, *now); err != nil { // expired
			t.Fatal(err)
		}
	}
}

// A call goes by no earlier time than one before it, unless the clock must have been set.
func TestNotBefore(t *testing.T) {
	const now = int64(1_800_000_000_000_000_000)
	for _, c := range []struct {
		ahead  time.Duration // of the latest time before what was seen
		by     time.Duration // what to go by, after what was seen
		ok     bool
		latest time.Duration
	}{
		{-1, 0, true, 0},
		{0, 0, true, 0},
		{1, 1, true, 1},
		{time.Second - 1, time.Second - 1, true, time.Second - 1},
		{time.Second, 0, false, time.Second},
	} {
		sh := shard{latest: now + int64(c.ahead)}
		by, ok := sh.notBefore(now)
		if by != now+int64(c.by) || ok != c.ok || sh.latest != now+int64(c.latest) {
			t.Errorf("%v ahead: by %v, %v, latest %v", c.ahead, by-now, ok, sh.latest-now)
		}
	}
}

// TestHas: ids with one hash are told apart, those that begin alike too.
func TestHas(t *testing.T) {
	s, now := still(t)
	r := store.Record{Data: []byte("x"), Expires: now.Add(time.Hour)}
	long := strings.Repeat("a", shortID)
	for _, id := range []string{"abc", "ab\x00", long, long + "b"} {
		if _, err := s.Create(t.Context(), id, r); err != nil {
			t.Fatal(err)
		}
		n, hash := s.shard(id)
		sh := &s.shards[n]
		slot, ok := sh.find(hash, id)
		if !ok || !sh.has(slot, id) {
			t.Errorf("%.4q is not there", id)
		}
		for _, other := range []string{"ab", "abd", "abcd", "abc\x00", "ab\x00\x00", long[1:], long + "a", long + "bc"} {
			if sh.has(slot, other) {
				t.Errorf("%.4q is taken for %.4q", id, other)
			}
		}
	}
}
