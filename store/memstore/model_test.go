package memstore_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

type modelState struct {
	expires time.Time
	owner   string
	version store.Version
}

// A model without shards, slots and heaps must agree with the store after any operations.
func TestAgainstModel(t *testing.T) {
	ctx := t.Context()
	c := newClock()
	s, err := memstore.New(memstore.Options{Now: c.now, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	model := map[string]modelState{}
	rng := rand.New(rand.NewPCG(1, 2))
	for step := range 100_000 {
		now := c.now()
		k := id(rng.IntN(600))
		before, alive := model[k]
		alive = alive && before.expires.After(now)
		after := modelState{
			expires: now.Add(time.Duration(rng.IntN(5000)) * time.Millisecond),
			owner:   []string{"", "a", "b"}[rng.IntN(3)],
		}
		r := store.Record{Data: []byte(k), Expires: after.expires, Owner: after.owner}
		old := store.Record{Version: before.version}
		var want, err error
		if !alive {
			want = store.ErrNotFound
		}
		switch rng.IntN(8) {
		case 0, 1:
			if want = nil; alive {
				want = store.ErrExists
			}
			after.version, err = s.Create(ctx, k, r)
		case 2, 3:
			after.version, err = s.Replace(ctx, k, old, r)
		case 4:
			after.version, after.owner = before.version, before.owner
			err = s.Touch(ctx, k, r, after.expires)
		case 5:
			after = modelState{}
			err = s.Delete(ctx, k, old)
		case 6:
			to := id(rng.IntN(600))
			target := model[to]
			if alive && target.expires.After(now) {
				want = store.ErrExists
			}
			var v store.Version
			v, err = s.Move(ctx, k, old, store.Record{Expires: after.expires}, to, r)
			if err == nil {
				model[to] = modelState{after.expires, after.owner, v}
				loaded, loadErr := s.Load(ctx, k)
				if loadErr != nil && after.expires.After(now) {
					t.Fatalf("step %d: the seal: %v", step, loadErr)
				}
				after.owner, after.version = "", loaded.Version
			}
		case 7:
			c.advance(time.Duration(rng.IntN(20)) * time.Millisecond)
			if rng.IntN(50) == 0 {
				_, _, err = s.Sweep(ctx, "", 100)
			}
			want, after = err, before
		}
		if !errors.Is(err, want) {
			t.Fatalf("step %d: %v, want %v", step, err, want)
		}
		if err == nil {
			model[k] = after
		}
		if step%500 == 0 {
			compare(t, s, model, c.now())
		}
	}
	c.advance(time.Hour)
	for cursor, next := "", "-"; next != ""; cursor = next {
		var err error
		if _, next, err = s.Sweep(ctx, cursor, 10); err != nil {
			t.Fatal(err)
		}
	}
	if s.Len() != 0 || s.Bytes() != 0 {
		t.Errorf("after all expired: %d records, %d bytes", s.Len(), s.Bytes())
	}
}

func compare(t *testing.T, s *memstore.Store, model map[string]modelState, now time.Time) {
	t.Helper()
	want := map[string]int{}
	for k, v := range model {
		alive := v.expires.After(now)
		r, err := s.Load(t.Context(), k)
		if (err == nil) != alive {
			t.Fatalf("load: %v, but alive is %v", err, alive)
		}
		if alive {
			want["all"]++
			want[v.owner]++
			if r.Owner != v.owner || r.Version != v.version || !r.Expires.Equal(v.expires) {
				t.Fatalf("loaded %+v, want %+v", r, v)
			}
		}
	}
	for _, owner := range []string{"all", "a", "b"} {
		got := map[string]bool{}
		for cursor, next := "", "-"; next != ""; cursor = next {
			var page []store.Entry
			var err error
			if owner == "all" {
				page, next, err = s.All(t.Context(), cursor, 7)
			} else {
				page, next, err = s.Owned(t.Context(), owner, cursor, 7)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				got[e.ID] = true
			}
		}
		if len(got) != want[owner] {
			t.Fatalf("%s lists %d, want %d", owner, len(got), want[owner])
		}
	}
}
