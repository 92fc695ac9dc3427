package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestExact: a commit happens once, whatever becomes of its first writes, or says that it cannot
// tell.
func TestExact(t *testing.T) {
	faults := map[string]storetest.Fault{"lost": storetest.Lost(), "failed": storetest.Failed()}
	for n := range 5 {
		faults[fmt.Sprintf("later by %d", n+1)] = storetest.LaterAfter(n + 1)
	}
	for name, fault := range faults {
		for other, second := range faults {
			t.Run(name+", "+other, func(t *testing.T) {
				r := newRig(t)
				st := r.begin(set("a", "1"))
				r.inject(storetest.OpReplace, fault, second)
				r.run(&st, count("n"))
				r.run(&st, count("n"))
				r.run(&st, count("n"))
				r.faulty.Release()
				if n := r.number(st.ID, "n"); n != 3 {
					t.Errorf("three commits make %d", n)
				}
			})
		}
	}
}

// TestCannotTell: where so many commits of others follow that the record lists none of before, a
// commit in doubt neither happens twice nor passes for one that failed.
func TestCannotTell(t *testing.T) {
	for applied, fault := range map[string]storetest.Fault{
		"lost": storetest.Lost(), "failed": storetest.Failed(),
	} {
		for others, told := range map[int]bool{1: true, 15: true, 40: false} {
			t.Run(fmt.Sprintf("%s, %d others", applied, others), func(t *testing.T) {
				r := newRig(t)
				st := r.begin(set("a", "1"))
				r.inject(storetest.OpReplace, fault)
				r.before(storetest.OpLoad, func() {
					there := r.other()
					theirs := there.load(st.ID)
					for range others {
						there.run(&theirs, count("others"))
					}
				})
				c := r.commit(st, count("n"))
				_, err := c.Run()
				want := 1
				if !told {
					r.want(err, ErrUnknownOutcome)
					if !c.Uncertain() {
						t.Error("it is certain")
					}
					if applied == "failed" {
						want = 0
					}
				} else if err != nil {
					t.Error(err)
				}
				if n := r.number(st.ID, "n"); n != want {
					t.Errorf("%d, want %d", n, want)
				}
			})
		}
	}
}

// TestInDoubt: the error of a commit that may have been stored says so, and names the first failure
// that left it open, whatever ends it.
func TestInDoubt(t *testing.T) {
	for name, end := range map[string]func(r *rig, id string){
		"sealed": func(r *rig, id string) {
			there := r.other()
			st := there.load(id)
			there.run(&st, renew())
		},
		"overdue": func(r *rig, _ string) { r.clock.advance(testAnonymous - time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Lifetime = testAnonymous - time.Minute })
			st := r.begin(set("a", "1"))
			r.inject(storetest.OpReplace,
				storetest.Failed().Reporting(errFirst), storetest.Failed().Reporting(errSecond))
			r.inject(storetest.OpLoad, storetest.Fault{})
			r.before(storetest.OpLoad, func() { end(r, st.ID) })
			c := r.commit(st, set("a", "2"))
			_, err := c.Run()
			r.want(err, ErrUnknownOutcome)
			r.want(err, errFirst)
			if errors.Is(err, errSecond) || !c.Uncertain() {
				t.Errorf("%v, uncertain %v", err, c.Uncertain())
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		for _, refusal := range []error{store.ErrFull, store.ErrTooLarge, store.ErrRefused} {
			r := newRig(t)
			st := r.begin(set("a", "1"))
			r.inject(storetest.OpReplace, storetest.Failed(), storetest.Failed().Reporting(refusal))
			c := r.commit(st, set("a", "2"))
			_, err := c.Run()
			r.want(err, refusal)
			r.want(err, ErrUnknownOutcome)
			if !c.Uncertain() {
				t.Error("it is certain")
			}
		}
	})
	t.Run("out of time", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Timeout = 20 * time.Millisecond })
		st := r.begin(set("a", "1"))
		r.faulty.Decide = func(storetest.Op, string) storetest.Fault {
			return storetest.Failed().Reporting(errFirst)
		}
		for _, st := range []State{st, r.NewState()} {
			c := r.commit(st, set("a", "2"))
			_, err := c.Run()
			r.want(err, ErrUnknownOutcome)
			r.want(err, errFirst)
			if !c.Uncertain() {
				t.Error("it is certain")
			}
		}
	})
}

// TestRefused: a refusal is final, and certain.
func TestRefused(t *testing.T) {
	for _, refusal := range []error{store.ErrFull, store.ErrTooLarge, store.ErrRefused} {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.inject(storetest.OpReplace, storetest.Failed().Reporting(refusal))
		c := r.commit(st, set("a", "2"))
		calls := r.calls.since(func() {
			_, err := c.Run()
			r.want(err, refusal)
			if errors.Is(err, ErrUnknownOutcome) || c.Uncertain() {
				t.Errorf("%v is uncertain", err)
			}
		})
		if calls != "" || r.text(st.ID, "a") != "1" {
			t.Errorf("%v: then %s", refusal, calls)
		}
	}
}

// TestCallsAfterFailure: what a commit asks of the store after a failure is what it needs to know,
// and no more.
func TestCallsAfterFailure(t *testing.T) {
	refused := storetest.Failed().Reporting(store.ErrRefused)
	gone := storetest.Failed().Reporting(fmt.Errorf("replace: %w", store.ErrNotFound))
	conflict := storetest.Failed().Reporting(store.ErrConflict)
	type faults map[storetest.Op]storetest.Fault
	failing := change(func(*document.Draft) error { return errFirst })
	for name, test := range map[string]struct {
		faults faults
		op     document.Operation
		calls  string
		want   error
	}{
		"gone, as a store may wrap it": {
			faults{storetest.OpReplace: gone}, set("a", "2"), "", ErrGone,
		},
		"a load refused": {
			faults{storetest.OpReplace: conflict, storetest.OpLoad: refused},
			set("a", "2"), "", store.ErrRefused,
		},
		"a load that fails at first": {
			faults{storetest.OpReplace: conflict, storetest.OpLoad: storetest.Failed()},
			set("a", "2"), "load replace", nil,
		},
		"an operation that fails": {nil, failing, "load", errFirst},
		"it fails after a conflict": {
			faults{storetest.OpReplace: conflict},
			func() document.Operation {
				tries := 0
				return change(func(d *document.Draft) error {
					if tries++; tries > 1 {
						return errFirst
					}
					d.Remove("a")
					return nil
				})
			}(), "load", errFirst,
		},
	} {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		for op, fault := range test.faults {
			r.inject(op, fault)
		}
		c := r.commit(st, test.op)
		calls := r.calls.since(func() {
			if _, err := c.Run(); !errors.Is(err, test.want) || c.Uncertain() {
				t.Errorf("%s: %v, uncertain %v", name, err, c.Uncertain())
			}
		})
		if calls != test.calls {
			t.Errorf("%s: then the store saw %q", name, calls)
		}
	}
}

// TestOverdueInDoubt: a move whose outcome is unknown, and that finds the deadline passed when it
// tries again, does not begin another session: the first try may yet be applied.
func TestOverdueInDoubt(t *testing.T) {
	short := func(c *Config) { c.Lifetime = 10 * time.Minute }
	for op, change := range map[storetest.Op]func(*Config){
		storetest.OpMove: func(*Config) {}, storetest.OpReplace: moveless,
	} {
		t.Run(string(op), func(t *testing.T) {
			r := newRig(t, short, change)
			st := r.begin(document.SetText("k", "1"))
			r.inject(op, storetest.Later())
			r.before(storetest.OpLoad, func() { r.clock.advance(10 * time.Minute) })
			c := r.commit(st, r.login("ann"))
			_, err := c.Run()
			r.want(err, ErrUnknownOutcome)
			if c.Restart(0, r.NewState()) {
				t.Error("it starts afresh")
			}
			r.faulty.Release()
		})
	}
}

// TestNoTimeLeft: a commit that meets a conflict when its time is up asks the store for nothing
// more.
func TestNoTimeLeft(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	c := r.commit(st, change(func(d *document.Draft) error {
		d.Remove("a")
		cancel()
		return nil
	}))
	c.Limit = r.Limit(ctx, false)
	defer c.Limit.Release()
	r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrConflict))
	calls := r.calls.since(func() {
		_, err := c.Run()
		r.want(err, store.ErrConflict)
	})
	if calls != "" || c.Uncertain() {
		t.Errorf("then the store saw %s, uncertain %v", calls, c.Uncertain())
	}
}
