package countstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func record() store.Record {
	return store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour)}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Abilities: []storetest.Ability{storetest.Moves, storetest.Owners, storetest.Lists, storetest.Sweeps},
		Open: func(t testing.TB) store.Store {
			s, err := memstore.New(memstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return countstore.New(s)
		},
	})
}

func TestCounts(t *testing.T) {
	ctx := t.Context()
	mem, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	f := storetest.NewFaulty(mem)
	s := countstore.New(f)
	r := record()
	var want countstore.Stats
	expect := func(step string) {
		t.Helper()
		if got := s.Stats(); got != want {
			t.Fatalf("after %s: %+v, want %+v", step, got, want)
		}
	}
	expect("nothing")
	r.Version, _ = s.Create(ctx, "a", r)
	want.Creates++
	expect("create")
	s.Create(ctx, "a", r)
	want.Creates++
	want.Conflicts++
	expect("create of the same id")
	s.Load(ctx, "a")
	s.Load(ctx, "missing")
	want.Loads += 2
	expect("loads")
	s.Replace(ctx, "a", store.Record{Version: "stale"}, r)
	want.Replaces++
	want.Conflicts++
	expect("a conflict")
	f.Inject(storetest.OpTouch, storetest.Failed())
	s.Touch(ctx, "a", r, r.Expires)
	want.Touches++
	want.Errors++
	expect("a failure")
	s.Move(ctx, "a", r, r, "b", r)
	want.Moves++
	expect("a move")
	f.Inject(storetest.OpMove, storetest.Failed().Reporting(fmt.Errorf("wrapped: %w", errors.ErrUnsupported)))
	s.Move(ctx, "a", r, r, "b", r)
	expect("a move that is not supported")
	s.All(ctx, "", 1)
	s.Owned(ctx, "o", "", 1)
	want.Lists += 2
	expect("lists")
	s.Sweep(ctx, "", 1)
	want.Sweeps++
	expect("a sweep")
	s.Delete(ctx, "b", store.Record{})
	want.Deletes++
	expect("a delete")
}

func TestNoAllocation(t *testing.T) {
	mem, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	s := countstore.New(mem)
	s.Create(t.Context(), "a", record())
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { s.Load(ctx, "a") }); n != 0 {
		t.Errorf("a load allocates %v times", n)
	}
}

func Example() {
	mem, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer mem.Close()
	store := countstore.New(mem)

	ctx := context.Background()
	store.Create(ctx, "id", record())
	store.Load(ctx, "id")
	store.Load(ctx, "id")
	out, _ := json.Marshal(store.Stats())
	fmt.Println(string(out))
	// Output: {"loads":2,"creates":1,"replaces":0,"touches":0,"deletes":0,"moves":0,"lists":0,"sweeps":0,"conflicts":0,"errors":0}
}

// TestWrapped: what a store reports is counted by what it wraps, and passed on.
func TestWrapped(t *testing.T) {
	ctx := t.Context()
	mem, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for reported, want := range map[error]countstore.Stats{
		store.ErrNotFound: {Loads: 1}, store.ErrTooLarge: {Loads: 1}, store.ErrFull: {Loads: 1},
		store.ErrConflict: {Loads: 1, Conflicts: 1}, store.ErrExists: {Loads: 1, Conflicts: 1},
		store.ErrRefused: {Loads: 1, Errors: 1}, errors.ErrUnsupported: {},
	} {
		f := storetest.NewFaulty(mem)
		s := countstore.New(f)
		f.Inject(storetest.OpLoad, storetest.Failed().Reporting(fmt.Errorf("wrapped: %w", reported)))
		if _, err := s.Load(ctx, "a"); !errors.Is(err, reported) || s.Stats() != want {
			t.Errorf("%v: %v, %+v", reported, err, s.Stats())
		}
	}

	f := storetest.NewFaulty(mem)
	s := countstore.New(f)
	for op, call := range map[storetest.Op]func() error{
		storetest.OpOwned: func() error { _, _, err := s.Owned(ctx, "o", "", 1); return err },
		storetest.OpAll:   func() error { _, _, err := s.All(ctx, "", 1); return err },
		storetest.OpSweep: func() error { _, _, err := s.Sweep(ctx, "", 1); return err },
	} {
		f.Inject(op, storetest.Failed())
		if err := call(); !errors.Is(err, storetest.ErrInjected) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if got, want := s.Stats(), (countstore.Stats{Lists: 2, Sweeps: 1, Errors: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
