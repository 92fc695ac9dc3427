package engine

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// ids returns which sessions a listing holds, and its error.
func ids(list iter.Seq2[*State, error]) (found map[string]int, err error) {
	found = map[string]int{}
	for st, failed := range list {
		if err = failed; err == nil {
			found[st.ID]++
		}
	}
	return found, err
}

// TestList: the live sessions are listed, over any number of pages, and neither seals nor what
// cannot be read.
func TestList(t *testing.T) {
	r := newRig(t)
	want := map[string]bool{}
	for range 2*pageSize + 1 {
		st := r.signedIn("alice")
		want[st.ID] = true
	}
	moved := r.signedIn("alice")
	r.run(&moved, renew())
	want[moved.ID] = true
	r.garbage("alice")
	bobs := r.signedIn("bob")
	owned, err := ids(r.Owned(t.Context(), "alice"))
	if err != nil || len(owned) != len(want) || owned[bobs.ID] != 0 {
		t.Errorf("%d owned, want %d: %v", len(owned), len(want), err)
	}
	all, err := ids(r.All(t.Context()))
	if err != nil || len(all) != len(want)+1 || all[bobs.ID] != 1 {
		t.Errorf("%d in all, want %d: %v", len(all), len(want)+1, err)
	}
	for id := range want {
		if owned[id] != 1 || all[id] == 0 {
			t.Fatalf("a session is listed %d and %d times", owned[id], all[id])
		}
	}
	if log := r.log.String(); strings.Count(log, "reads as no session") != 1 {
		t.Errorf("log: %s", log)
	}
	for range r.All(t.Context()) {
		break // it stops there
	}
	r.inject(storetest.OpAll, storetest.Fault{}, storetest.Failed())
	some, err := ids(r.All(t.Context()))
	if !errors.Is(err, storetest.ErrInjected) || len(some) == 0 {
		t.Errorf("after %d: %v", len(some), err)
	}
}

// TestListOfApplication: an engine that has an application lists its sessions alone.
func TestListOfApplication(t *testing.T) {
	r := newRig(t)
	shop := r.other(func(c *Config) { c.Application, c.Policy = "shop", Own("shop", false) })
	own, theirs := r.signedIn("alice"), shop.signedIn("alice")
	for name, test := range map[string]struct {
		list iter.Seq2[*State, error]
		want []string
	}{
		"all of all":      {r.All(t.Context()), []string{own.ID, theirs.ID}},
		"all of one":      {shop.All(t.Context()), []string{theirs.ID}},
		"alice":           {r.Owned(t.Context(), "alice"), []string{own.ID}},
		"alice, the shop": {shop.Owned(t.Context(), "alice"), []string{theirs.ID}},
	} {
		found, err := ids(test.list)
		if err != nil || len(found) != len(test.want) {
			t.Errorf("%s: %d, %v", name, len(found), err)
		}
		for _, id := range test.want {
			if found[id] != 1 {
				t.Errorf("%s: one is missing", name)
			}
		}
	}
}

// lister is a store whose listings are given.
type lister struct {
	store.FullStore
	entries []store.Entry
	sweeps  []error
}

func (l *lister) Owned(context.Context, string, string, int) ([]store.Entry, string, error) {
	return l.entries, "", nil
}

func (l *lister) All(context.Context, string, int) ([]store.Entry, string, error) {
	return l.entries, "", nil
}

// Sweep removes one record in each batch, and reports the error of the batch.
func (l *lister) Sweep(context.Context, string, int) (int, string, error) {
	err, next := l.sweeps[0], ""
	if l.sweeps = l.sweeps[1:]; len(l.sweeps) > 0 {
		next = "more"
	}
	return 1, next, err
}

// TestListSkips: a store may list what has expired by now, what is past its deadline, an id without
// a record, and by a stale index another owner's.
func TestListSkips(t *testing.T) {
	r := newRig(t)
	st, bobs := r.signedIn("alice"), r.signedIn("bob")
	expired := st
	expired.Record.Expires = r.Now()
	short := r.other(func(c *Config) { c.Lifetime = 0 })
	over := short.begin(set("a", "1"))
	l := &lister{FullStore: r.mem, entries: []store.Entry{
		{ID: "no record"}, {ID: expired.ID, Record: expired.Record},
		{ID: over.ID, Record: over.Record}, {ID: bobs.ID, Record: bobs.Record},
	}}
	stale := rigOn(t, r.mem, l, r.clock)
	if found, err := ids(stale.Owned(t.Context(), "alice")); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := ids(stale.All(t.Context())); err != nil || len(found) != 1 ||
		found[bobs.ID] != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

// TestSweep: expired records go in batches. A batch that fails spares no other, and the error joins
// the failures.
func TestSweep(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.begin(set("a", "1"))
	}
	r.clock.advance(testAnonymous)
	st := r.begin(set("a", "1"))
	if n, err := r.Sweep(t.Context()); err != nil || n != 3 || r.mem.Len() != 1 || r.gone(st.ID) {
		t.Errorf("%d, %v; %d are left", n, err, r.mem.Len())
	}
	l := &lister{FullStore: r.mem, sweeps: []error{errFirst, nil, errSecond, nil}}
	failing := rigOn(t, r.mem, r.mem, r.clock, func(c *Config) { c.Store = l })
	n, err := failing.Sweep(t.Context())
	if failing.want(err, errFirst); n != 4 || !errors.Is(err, errSecond) {
		t.Errorf("%d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.sweeps = []error{errFirst, nil, nil}
	n, err = failing.Sweep(ctx)
	if failing.want(err, context.Canceled); n != 1 || !errors.Is(err, errFirst) ||
		len(l.sweeps) != 2 {
		t.Errorf("%d, %v", n, err)
	}
	plain := newRig(t, func(c *Config) { c.Store = struct{ store.Store }{c.Store} })
	if n, err := plain.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("a store that sweeps by itself: %d, %v", n, err)
	}
}
