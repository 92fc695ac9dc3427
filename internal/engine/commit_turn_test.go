package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestTurnNotHad: a commit or an end that does not get its turn in time says what it waited for,
// and does nothing.
func TestTurnNotHad(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeout = 10 * time.Millisecond })
	st := r.begin(set("a", "1"))
	turn, _, err := r.commits.Enter(st.ID, time.Minute)
	r.want(err, nil)
	calls := r.calls.since(func() {
		_, committed := r.commit(st, set("a", "2")).Run()
		ended := r.End(r.time(), st.ID, nil, "", Cause{})
		for name, err := range map[string]error{"commit": committed, "end": ended} {
			if !errors.Is(err, context.DeadlineExceeded) ||
				!strings.Contains(err.Error(), "waiting for other requests") {
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

// inTurn runs a commit while another of its session, in the same process, is in the store: slow is
// the operation of that one, which succeeds.
func (r *rig) inTurn(slow storetest.Op, first, second *Commit) (Result, error) {
	r.t.Helper()
	failed, res, err := r.queued(slow, first, second)
	if failed != nil {
		r.t.Error(failed)
	}
	return res, err
}

// queued is inTurn where the first commit may fail, by faults that follow its slow operation.
func (r *rig) queued(
	slow storetest.Op, first, second *Commit, more ...storetest.Fault,
) (failed error, res Result, err error) {
	r.t.Helper()
	until := make(chan struct{})
	r.inject(slow, storetest.Slow(until))
	r.inject(slow, more...)
	one := make(chan error)
	go func() {
		_, err := first.Run()
		one <- err
	}()
	for r.faulty.Left() > len(more) {
		time.Sleep(time.Millisecond)
	}
	two := make(chan error)
	go func() {
		var err error
		res, err = second.Run()
		two <- err
	}()
	waitInLine(r.t)
	close(until)
	failed = <-one
	return failed, res, <-two
}

// TestTurns: a commit that waited for another one starts from what that one stored, and meets no
// conflict.
func TestTurns(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	calls := r.calls.since(func() {
		first, second := r.commit(st, count("n")), r.commit(st, count("n"))
		if _, err := r.inTurn(storetest.OpReplace, first, second); err != nil {
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

// TestTurnAfterFailure: a commit that failed leaves nothing to the one that waited for it: that one
// does not take for stored what was refused.
func TestTurnAfterFailure(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	there := r.other()
	theirs := there.load(st.ID)
	there.run(&theirs, set("b", "theirs")) // so the slow write of the first one is a conflict
	full := storetest.Failed().Reporting(store.ErrFull)
	failed, res, err := r.queued(
		storetest.OpReplace, r.commit(st, remove("a")), r.commit(st, remove("a")), full)
	r.want(failed, store.ErrFull)
	if err != nil || !res.Written || r.text(st.ID, "a") != "" || r.text(st.ID, "b") != "theirs" {
		t.Errorf("%+v, %v: a is %q", res, err, r.text(st.ID, "a"))
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

// TestTurnAfterDelete: a commit that waited while its session lost its record, since nothing was
// left in it, finds it gone, and asks the store for no other one.
func TestTurnAfterDelete(t *testing.T) {
	ops := map[string]document.Operation{"set": set("b", "1"), "remove": remove("a")}
	for name, op := range ops {
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
