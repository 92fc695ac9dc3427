package engine

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
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
			if r.config.Policy.ID(res.Ticket) != st.ID || r.text(st.ID, "a") != "1" ||
				r.live() != 1 {
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
		r.want(r.End(r.time(), st.ID, nil, "", Cause{}), nil)
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
	t.Run("taken and refused", func(t *testing.T) {
		r := newRig(t)
		r.inject(storetest.OpCreate, storetest.Failed().Reporting(store.ErrExists),
			storetest.Failed().Reporting(store.ErrFull))
		c := r.commit(r.NewState(), set("a", "1"))
		_, err := c.Run()
		if r.want(err, store.ErrFull); errors.Is(err, ErrUnknownOutcome) || c.Uncertain() {
			t.Errorf("an id that was taken is in doubt: %v", err)
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

// TestCreateSealed: where the id of a Create that was lost was sealed meanwhile, the session is
// gone.
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
	r.want(r.End(r.time(), st.ID, nil, "", Cause{}), nil)
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
