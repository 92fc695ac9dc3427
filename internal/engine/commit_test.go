package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

var (
	errFirst  = errors.New("the first failure")
	errSecond = errors.New("the second failure")
)

// TestCreate: a session gets a record when there is something to keep, and no sooner.
func TestCreate(t *testing.T) {
	r := newRig(t)
	st := r.NewState()
	if st.Stored() {
		t.Error("a session is stored before a commit")
	}
	calls := r.calls.since(func() {
		if res := r.run(&st, remove("a")); res != (Result{}) || st.Stored() {
			t.Errorf("nothing to keep: %+v", res)
		}
	})
	if calls != "" {
		t.Errorf("nothing to keep: the store saw %s", calls)
	}
	res := r.run(&st, set("a", "1"))
	if !res.Written || r.config.Policy.ID(res.Ticket) != st.ID || r.text(st.ID, "a") != "1" {
		t.Errorf("%+v", res)
	}
	if want := r.Now().Add(testAnonymous); !st.Record.Expires.Equal(want) {
		t.Errorf("it expires at %v", st.Record.Expires)
	}
	if want := r.Now().Add(testLifetime); !st.Record.Deadline.Equal(want) {
		t.Errorf("it ends at %v", st.Record.Deadline)
	}
}

// TestCreateFails: after a failed Create, one session lives or none, and never under a ticket that
// may come back.
func TestCreateFails(t *testing.T) {
	for name, fault := range map[string]storetest.Fault{
		"lost":   storetest.Lost(),
		"failed": storetest.Failed(),
		"exists": storetest.Failed().Reporting(store.ErrExists),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.inject(storetest.OpCreate, fault)
			st := r.NewState()
			res := r.run(&st, set("a", "1"))
			if r.config.Policy.ID(res.Ticket) != st.ID || r.text(st.ID, "a") != "1" || r.live() != 1 {
				t.Errorf("%+v, %d live", res, r.live())
			}
		})
	}
	t.Run("later", func(t *testing.T) {
		r := newRig(t)
		r.inject(storetest.OpCreate, storetest.Later())
		st := r.NewState()
		r.run(&st, set("a", "1"))
		if errs := r.faulty.Release(); len(errs) != 1 || errs[0] != nil {
			t.Fatal(errs)
		}
		r.want(r.End(r.time(), st.ID, nil, ""), nil)
		if !r.gone(st.ID) {
			t.Error("the late record is the session that has ended")
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, refusal := range []error{store.ErrFull, store.ErrTooLarge, store.ErrRefused} {
			r := newRig(t)
			r.inject(storetest.OpCreate, storetest.Failed().Reporting(refusal))
			c := r.commit(r.NewState(), set("a", "1"))
			calls := r.calls.since(func() {
				_, err := c.Run()
				r.want(err, refusal)
			})
			if c.Uncertain() || calls != "" {
				t.Errorf("%v is uncertain, or tried again: %s", refusal, calls)
			}
		}
	})
	t.Run("in doubt and refused", func(t *testing.T) {
		r := newRig(t)
		r.inject(storetest.OpCreate, storetest.Later(), storetest.Failed().Reporting(store.ErrFull))
		c := r.commit(r.NewState(), set("a", "1"))
		_, err := c.Run()
		r.want(err, store.ErrFull)
		r.want(err, ErrUnknownOutcome)
		if !c.Uncertain() {
			t.Error("a record that may still come is certain not to")
		}
	})
}

// TestCreateSealed: where the id of a Create that was lost was sealed meanwhile, the session is gone.
func TestCreateSealed(t *testing.T) {
	r := newRig(t)
	r.inject(storetest.OpCreate, storetest.Failed())
	c := r.commit(r.NewState(), set("a", "1"))
	r.before(storetest.OpLoad, func() {
		_, how, err := r.other().endSealed(r.time(), c.next.ID)
		if err != nil || how != endedBefore {
			t.Errorf("%v, %v", how, err)
		}
	})
	if _, err := c.Run(); err != ErrGone {
		t.Errorf("%v", err)
	}
}

// TestConflict: what others commit meanwhile stays, and so does what this commit sets, also where
// its session had that value before.
func TestConflict(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"), set("b", "1"))
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("a", "2"), set("c", "3"))
	if res := r.run(&st, set("a", "1"), remove("b")); !res.Written || res.Ticket != "" {
		t.Errorf("%+v", res)
	}
	for name, want := range map[string]string{"a": "1", "b": "", "c": "3"} {
		if got := r.text(st.ID, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	theirs = there.load(st.ID)
	there.run(&theirs, set("a", "2"))
	if r.run(&st, set("a", "1")); r.text(st.ID, "a") != "1" {
		t.Error("a value that is set once more does not go before another's")
	}
	calls := r.calls.since(func() {
		if res := r.run(&st, remove("b")); res != (Result{}) {
			t.Errorf("nothing changes: %+v", res)
		}
	})
	if calls != "" {
		t.Errorf("nothing changes: the store saw %s", calls)
	}
}

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
	for applied, fault := range map[string]storetest.Fault{"lost": storetest.Lost(), "failed": storetest.Failed()} {
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

// TestCallsAfterFailure: what a commit asks of the store after a failure is what it needs to know, and
// no more.
func TestCallsAfterFailure(t *testing.T) {
	refused := storetest.Failed().Reporting(store.ErrRefused)
	conflict := storetest.Failed().Reporting(store.ErrConflict)
	failing := change(func(*document.Draft) error { return errFirst })
	for name, test := range map[string]struct {
		faults map[storetest.Op]storetest.Fault
		op     document.Operation
		calls  string
		want   error
	}{
		"gone, as a store may wrap it": {
			map[storetest.Op]storetest.Fault{
				storetest.OpReplace: storetest.Failed().Reporting(fmt.Errorf("replace: %w", store.ErrNotFound)),
			}, set("a", "2"), "", ErrGone,
		},
		"a load refused": {
			map[storetest.Op]storetest.Fault{storetest.OpReplace: conflict, storetest.OpLoad: refused},
			set("a", "2"), "", store.ErrRefused,
		},
		"an operation that fails": {nil, failing, "load", errFirst},
		"it fails after a conflict": {
			map[storetest.Op]storetest.Fault{storetest.OpReplace: conflict},
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

// TestTurnNotHad: a commit or an end that does not get its turn in time says what it waited for, and
// does nothing.
func TestTurnNotHad(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeout = 10 * time.Millisecond })
	st := r.begin(set("a", "1"))
	turn, _, err := r.commits.Enter(st.ID, time.Minute)
	r.want(err, nil)
	calls := r.calls.since(func() {
		_, committed := r.commit(st, set("a", "2")).Run()
		for name, err := range map[string]error{"commit": committed, "end": r.End(r.time(), st.ID, nil, "")} {
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting for other requests") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	if calls != "" {
		t.Errorf("the store saw %s", calls)
	}
	r.commits.Leave(turn, nil, 0)
	r.run(&st, set("a", "2"))
}

// TestEndedMeanwhile: a commit to a session that ended does not bring it back.
func TestEndedMeanwhile(t *testing.T) {
	end := func(r *rig, id string) func() {
		return func() { r.want(r.other().End(r.time(), id, nil, ""), nil) }
	}
	t.Run("before the write", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.before(storetest.OpReplace, end(r, st.ID))
		if _, err := r.commit(st, set("a", "2")).Run(); err != ErrGone || !r.gone(st.ID) {
			t.Errorf("%v", err)
		}
	})
	t.Run("after a conflict", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrConflict))
		r.before(storetest.OpLoad, end(r, st.ID))
		c := r.commit(st, set("a", "2"))
		calls := r.calls.since(func() {
			if _, err := c.Run(); err != ErrGone || c.Uncertain() || c.Unreadable != "" {
				t.Errorf("%v, uncertain %v", err, c.Uncertain())
			}
		})
		if calls != "" {
			t.Errorf("then the store saw %s", calls)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrConflict))
		r.inject(storetest.OpLoad, storetest.Failed().Reporting(store.ErrUnreadable))
		c := r.commit(st, set("a", "2"))
		if _, err := c.Run(); err != ErrGone || c.Unreadable != st.ID {
			t.Errorf("%v, unreadable is %q", err, c.Unreadable)
		}
	})
	t.Run("sealed, before a retry", func(t *testing.T) {
		r := newRig(t)
		st := r.begin(set("a", "1"))
		tries := 0
		c := r.commit(st, change(func(d *document.Draft) error {
			if tries++; d.At("a").Present() {
				return errFirst
			}
			return nil
		}))
		there := r.other()
		theirs := there.load(st.ID)
		there.run(&theirs, renew())
		if _, err := c.Run(); err != ErrGone || tries != 1 || !r.gone(st.ID) {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}

// TestRefresh: an operation that fails on what is out of date is tried again on what is there, and
// its error stands where it fails there too.
func TestRefresh(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	takes := func(want string) document.Operation {
		return change(func(d *document.Draft) error {
			if got, _ := document.Decode[string](d.At("a"), "a"); got != want {
				return fmt.Errorf("%w: %s", errFirst, got)
			}
			d.Remove("a")
			return nil
		})
	}
	_, err := r.commit(st, takes("2")).Run()
	if r.want(err, errFirst); strings.Contains(err.Error(), "2") {
		t.Error(err)
	}
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("a", "2"))
	stale := st
	r.run(&st, takes("2"))
	if got := r.text(st.ID, "a"); got != "" {
		t.Errorf("a is %q", got)
	}
	_, err = r.commit(stale, takes("3")).Run()
	if r.want(err, errFirst); strings.HasSuffix(err.Error(), "1") {
		t.Errorf("it goes by what is out of date: %v", err)
	}
}

// TestMustAsks: a commit that must be exact finds out whether it is up to date, where it changes
// nothing.
func TestMustAsks(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("a", "2"))
	one := func(d *document.Draft) error {
		value, err := document.Encode(d.Format(), "a", "1")
		d.Set("a", value)
		return err
	}
	r.run(&st, change(one))
	if got := r.text(st.ID, "a"); got != "1" {
		t.Errorf("a is %q", got)
	}
}

// inTurn runs a commit while another of its session, in the same process, is in the store: slow is
// the operation of that one.
func (r *rig) inTurn(slow storetest.Op, first, second *Commit) (Result, error) {
	r.t.Helper()
	until := make(chan struct{})
	r.inject(slow, storetest.Slow(until))
	one := make(chan error)
	go func() {
		_, err := first.Run()
		one <- err
	}()
	for r.faulty.Left() > 0 {
		time.Sleep(time.Millisecond)
	}
	var res Result
	two := make(chan error)
	go func() {
		var err error
		res, err = second.Run()
		two <- err
	}()
	waitInLine(r.t)
	close(until)
	if err := <-one; err != nil {
		r.t.Error(err)
	}
	return res, <-two
}

// TestTurns: a commit that waited for another one starts from what that one stored, and meets no
// conflict.
func TestTurns(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	calls := r.calls.since(func() {
		if _, err := r.inTurn(storetest.OpReplace, r.commit(st, count("n")), r.commit(st, count("n"))); err != nil {
			t.Error(err)
		}
	})
	if calls != "replace" || r.number(st.ID, "n") != 2 {
		t.Errorf("the second one calls %s, and makes %d", calls, r.number(st.ID, "n"))
	}
}

// TestTurnIsNotFresh: what a commit of this process left may be out of date all the same.
func TestTurnIsNotFresh(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	tries := 0
	second := r.commit(st, change(func(d *document.Draft) error {
		if tries++; tries == 1 {
			there := r.other()
			theirs := there.load(st.ID)
			there.run(&theirs, set("b", "theirs"))
		}
		if !d.At("b").Present() {
			return errFirst
		}
		return nil
	}))
	if _, err := r.inTurn(storetest.OpReplace, r.commit(st, set("a", "2")), second); err != nil {
		t.Error(err)
	}
}

// TestTurnAfterMove: a commit that waited while its session got a new ticket is too late: it has
// no part in the session under the new one.
func TestTurnAfterMove(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	first := r.commit(st, r.login("alice"))
	_, err := r.inTurn(storetest.OpMove, first, r.commit(st, set("a", "2")))
	if err != ErrGone {
		t.Errorf("%v", err)
	}
	if got := r.text(first.Next().ID, "a"); got != "1" {
		t.Errorf("a is %q", got)
	}
}

// TestTurnAfterDelete: a commit that waited while its session lost its record, since nothing was left
// in it, finds it gone, and asks the store for no other one.
func TestTurnAfterDelete(t *testing.T) {
	for name, op := range map[string]document.Operation{"set": set("b", "1"), "remove": remove("a")} {
		r := newRig(t, shared)
		st := r.begin(set("a", "1"))
		r.faulty.Decide = func(_ storetest.Op, id string) storetest.Fault {
			if id != st.ID {
				t.Errorf("%s: the store is asked for %q", name, id)
			}
			return storetest.Fault{}
		}
		_, err := r.inTurn(storetest.OpDelete, r.commit(st, remove("a")), r.commit(st, op))
		if err != ErrGone || r.mem.Len() != 0 {
			t.Errorf("%s: %v, %d records", name, err, r.mem.Len())
		}
	}
}

// TestOverdue: nothing is committed after the absolute deadline, as of when the commit began or had
// to wait.
func TestOverdue(t *testing.T) {
	change := func(c *Config) { c.Lifetime = 10 * time.Minute } // the record lives longer
	for name, ops := range map[string][]document.Operation{
		"set": {set("a", "2")}, "renew": {renew()},
	} {
		for _, can := range []bool{true, false} {
			r := newRig(t, change, func(c *Config) {
				if !can {
					moveless(c)
				}
			})
			st := r.begin(set("a", "1"))
			r.clock.advance(10 * time.Minute)
			c := r.commit(st, ops...)
			calls := r.calls.since(func() {
				if _, err := c.Run(); err != ErrGone {
					t.Errorf("%s: %v", name, err)
				}
			})
			if calls != "" {
				t.Errorf("%s: the store saw %s", name, calls)
			}
		}
	}
	r := newRig(t, change)
	st := r.begin(set("a", "1"))
	c := r.commit(st, set("a", "2"))
	c.Now = r.Now()
	r.clock.advance(10 * time.Minute)
	if _, err := c.Run(); err != nil {
		t.Errorf("a commit that began in time: %v", err)
	}
}

// TestClockAfterWait: a commit that had to try again counts from then.
func TestClockAfterWait(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	c := r.commit(st, set("a", "2"))
	c.Now = r.Now()
	r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrConflict))
	r.before(storetest.OpLoad, func() { r.clock.advance(testAnonymous / 2) })
	if _, err := c.Run(); err != nil {
		t.Fatal(err)
	}
	if want := r.Now().Add(testAnonymous); !c.Next().Record.Expires.Equal(want) {
		t.Errorf("it expires at %v, want %v", c.Next().Record.Expires, want)
	}
}

// TestBounds: what is over the bounds is refused, unless it was stored under higher ones and does
// not grow.
func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 1000)
	r := newRig(t)
	st := r.begin(set("a", long), set("b", "1"), set("c", "1"))
	low := r.other(func(c *Config) { c.MaxBytes, c.MaxValues = 500, 100 })
	few := r.other(func(c *Config) { c.MaxValues = 2 })
	for name, c := range map[string]*Commit{
		"a longer value":  low.commit(st, set("b", "22")),
		"one more value":  low.commit(st, set("d", "")),
		"one more of few": few.commit(st, set("d", ""), set("a", "")),
		"new, too long":   low.commit(low.NewState(), set("a", long)),
		"new, too many":   few.commit(few.NewState(), set("a", ""), set("b", ""), set("c", "")),
	} {
		if _, err := c.Run(); !errors.Is(err, store.ErrTooLarge) || c.Uncertain() {
			t.Errorf("%s: %v", name, err)
		}
	}
	low.run(&st, set("b", "2"))
	low.run(&st, remove("c"))
	few.run(&st, set("a", strings.Repeat("y", 900)))
	if r.text(st.ID, "b") != "2" || r.text(st.ID, "c") != "" {
		t.Error("what does not grow is not stored")
	}
}

// TestUnreadableIsReplaced: a record that cannot be read is ended before a session takes its place.
func TestUnreadableIsReplaced(t *testing.T) {
	r := newRig(t)
	id := r.garbage("")
	c := r.commit(r.NewState(), set("a", "1"))
	c.Unreadable = id
	res, err := c.Run()
	if err != nil || !res.Written || c.Next().ID == id || r.mem.Len() != 1 {
		t.Errorf("%+v, %v, %d records", res, err, r.mem.Len())
	}
	r.inject(storetest.OpDelete, storetest.Failed().Reporting(store.ErrFull))
	c = r.commit(r.NewState(), set("a", "1"))
	c.Unreadable = r.garbage("")
	if _, err := c.Run(); !errors.Is(err, store.ErrFull) || r.mem.Len() != 2 {
		t.Errorf("%v, %d records", err, r.mem.Len())
	}
	c = r.commit(r.NewState())
	c.Unreadable = r.garbage("")
	if res, err := c.Run(); err != nil || !res.Emptied || res.Written {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestRestart: a commit is begun afresh only where nothing hides what became of the session.
func TestRestart(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	r.want(r.End(r.time(), st.ID, nil, ""), nil)
	c := r.commit(st, set("a", "2"), r.login("alice"), set("b", "1"))
	if _, err := c.Run(); err != ErrGone {
		t.Fatal(err)
	}
	if !c.Restart(1, r.NewState()) {
		t.Fatal("an anonymous session is not begun afresh")
	}
	if _, err := c.Run(); err != nil {
		t.Fatal(err)
	}
	id := c.Next().ID
	if r.text(id, "a") != "" || r.text(id, "b") != "1" || !c.Next().belongsTo("alice") {
		t.Error("it does not begin with the sign-in")
	}
	if c.Restart(0, r.NewState()) {
		t.Error("a new session is begun afresh")
	}
}
