package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// eachMover runs a test on a store that can move records and on one that cannot. half is the
// operation that ends the old ticket.
func eachMover(t *testing.T, test func(t *testing.T, r *rig, half storetest.Op)) {
	t.Run("move", func(t *testing.T) { test(t, newRig(t), storetest.OpMove) })
	t.Run("seal, then create", func(t *testing.T) {
		test(t, newRig(t, moveless), storetest.OpReplace)
	})
}

// TestMove: a session that moves lives on under the new ticket alone, and the old id leads to it.
func TestMove(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, half storetest.Op) {
		st := r.begin(set("a", "1"))
		old := st.ID
		r.clock.advance(testAnonymous / 50) // its use is not due to be noted
		calls := r.calls.since(func() {
			res := r.run(&st, r.login("alice"))
			if !res.Written || r.config.Policy.ID(res.Ticket) != st.ID || st.ID == old {
				t.Errorf("%+v", res)
			}
		})
		want := "move"
		if half == storetest.OpReplace {
			want = "replace create"
		}
		if calls != want {
			t.Errorf("the store saw %s", calls)
		}
		if !r.gone(old) || r.text(st.ID, "a") != "1" || r.live() != 1 {
			t.Errorf("%d live", r.live())
		}
		if want := r.Now().Add(testIdle); !st.Record.Expires.Equal(want) {
			t.Errorf("it expires at %v, not %v", st.Record.Expires, want)
		}
		seal := r.load(old)
		end := r.Now().Add(store.IndexGrace)
		if string(seal.Doc.Text(document.Next)) != st.ID ||
			string(seal.Doc.Text(document.NextOwner)) != r.digest("alice") ||
			!seal.Record.Expires.Equal(end) || !seal.Doc.Deadline().Equal(end) ||
			seal.Doc.Len() != 0 {
			t.Errorf("the seal: %+v", seal)
		}
		was := st.ID
		r.run(&st, renew())
		if st.ID == was || !st.belongsTo("alice") || r.live() != 1 {
			t.Error("a renewed session is another one")
		}
	})
}

// TestMoveFails: whatever becomes of the writes of a move, one ticket at most is alive, and success
// is reported only with that one.
func TestMoveFails(t *testing.T) {
	faults := map[string]storetest.Fault{
		"lost": storetest.Lost(), "failed": storetest.Failed(),
		"later by 1": storetest.LaterAfter(1), "later by 2": storetest.LaterAfter(2), "later by 3": storetest.LaterAfter(3),
		"conflict": storetest.Failed().Reporting(store.ErrConflict),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			eachMover(t, func(t *testing.T, r *rig, half storetest.Op) {
				st := r.begin(set("a", "1"))
				old := st.ID
				r.inject(half, fault)
				res := r.run(&st, r.login("alice"), count("n"))
				r.faulty.Release()
				if !res.Written || r.config.Policy.ID(res.Ticket) != st.ID || !r.gone(old) ||
					r.number(st.ID, "n") != 1 || r.live() != 1 {
					t.Errorf("%d live", r.live())
				}
			})
		})
	}
}

// TestMoveRefused: a refusal leaves the session as it was, and is certain.
func TestMoveRefused(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, half storetest.Op) {
		st := r.begin(set("a", "1"))
		r.inject(half, storetest.Failed().Reporting(store.ErrFull))
		c := r.commit(st, r.login("alice"))
		_, err := c.Run()
		r.want(err, store.ErrFull)
		if c.Uncertain() || r.text(st.ID, "a") != "1" || r.live() != 1 {
			t.Errorf("uncertain %v, %d live", c.Uncertain(), r.live())
		}
		r.inject(half, storetest.Failed(), storetest.Failed().Reporting(store.ErrFull))
		c = r.commit(st, r.login("alice"))
		_, err = c.Run()
		r.want(err, ErrUnknownOutcome)
		r.want(err, store.ErrFull)
	})
}

// TestMoveOfNone: the move of a session that has ended, or whose operations fail, does nothing.
func TestMoveOfNone(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, _ storetest.Op) {
		st := r.begin(set("a", "1"))
		c := r.commit(st, renew(), change(func(*document.Draft) error { return errFirst }))
		if _, err := c.Run(); !errors.Is(err, errFirst) || r.text(st.ID, "a") != "1" {
			t.Errorf("%v", err)
		}
		r.want(r.End(r.time(), st.ID, nil, "", Cause{}), nil)
		c = r.commit(st, renew())
		if _, err := c.Run(); err != ErrGone || c.Uncertain() || r.mem.Len() != 0 {
			t.Errorf("%v, %d records", err, r.mem.Len())
		}
	})
}

// TestMovedMeanwhile: of two that move a session, one does, and the other one knows that its own
// ticket never came alive. The seal of another is not taken for its own.
func TestMovedMeanwhile(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, half storetest.Op) {
		st := r.begin(set("a", "1"))
		theirs := st
		r.before(half, func() { r.other().run(&theirs, renew()) })
		c := r.commit(st, renew(), set("a", "2"))
		if _, err := c.Run(); err != ErrGone || c.Uncertain() {
			t.Errorf("%v, uncertain %v", err, c.Uncertain())
		}
		if r.live() != 1 || r.text(theirs.ID, "a") != "1" {
			t.Errorf("%d live", r.live())
		}
	})
}

// TestMovedAndEnded: a move whose answer was lost, of a session that was ended since under its new
// id, reports that it is gone, and that it must not be begun afresh.
func TestMovedAndEnded(t *testing.T) {
	for name, end := range map[string]func(r *rig, c *Commit){
		"deleted": func(r *rig, c *Commit) {
			r.want(r.mem.Delete(r.t.Context(), c.moving.id, store.Record{}), nil)
		},
		"sealed": func(r *rig, c *Commit) {
			if _, _, err := r.other().endSealed(r.time(), c.moving.id); err != nil {
				r.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			st := r.begin(set("a", "1"))
			r.inject(storetest.OpMove, storetest.Lost())
			c := r.commit(st, r.login("alice"))
			r.before(storetest.OpLoad, func() { end(r, c) })
			if _, err := c.Run(); err != ErrGone || !c.Uncertain() || c.Restart(0, r.NewState()) {
				t.Errorf("%v, uncertain %v", err, c.Uncertain())
			}
			if r.live() != 0 {
				t.Errorf("%d live", r.live())
			}
		})
	}
}

// TestHalfWayAndEnded: so does one in two steps of which the second one's answer was lost.
func TestHalfWayAndEnded(t *testing.T) {
	r := newRig(t, moveless)
	st := r.begin(set("a", "1"))
	r.inject(storetest.OpCreate, storetest.Lost())
	c := r.commit(st, r.login("alice"))
	r.before(storetest.OpLoad, func() { r.other().ends(st.ID, nil, "", endedLive) })
	if _, err := c.Run(); err != ErrGone || !c.Uncertain() || c.Restart(0, r.NewState()) {
		t.Errorf("%v, uncertain %v", err, c.Uncertain())
	}
	if r.live() != 0 {
		t.Errorf("%d live", r.live())
	}
}

// TestHalfWay: where the old record is sealed and the new one does not come, the session is signed
// out, and the error says what is known.
func TestHalfWay(t *testing.T) {
	for name, test := range map[string]struct {
		fault   storetest.Fault
		unknown bool
		want    error
	}{
		"failed":  {storetest.Failed(), true, storetest.ErrInjected},
		"later":   {storetest.Later(), true, storetest.ErrInjected},
		"refused": {storetest.Failed().Reporting(store.ErrFull), false, store.ErrFull},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, moveless)
			st := r.begin(set("a", "1"))
			r.inject(storetest.OpCreate, test.fault)
			c := r.commit(st, r.login("alice"))
			_, err := c.Run()
			r.want(err, test.want)
			if errors.Is(err, ErrUnknownOutcome) != test.unknown ||
				!strings.Contains(err.Error(), "the old one is dead") {
				t.Errorf("%v", err)
			}
			if !c.Uncertain() || c.Restart(0, r.NewState()) || !r.gone(st.ID) || r.live() != 0 {
				t.Errorf("uncertain %v, %d live", c.Uncertain(), r.live())
			}
			// It ends by its old id although it is not there yet.
			r.want(r.End(r.time(), st.ID, nil, "", Cause{}), nil)
			r.faulty.Release()
			if r.live() != 0 {
				t.Error("it comes back after its end")
			}
		})
	}
	t.Run("lost", func(t *testing.T) {
		r := newRig(t, moveless)
		st := r.begin(set("a", "1"))
		r.inject(storetest.OpCreate, storetest.Lost())
		r.run(&st, r.login("alice"))
		if r.text(st.ID, "a") != "1" || r.live() != 1 {
			t.Errorf("%d live", r.live())
		}
	})
}

// TestDropSeal: no seal is left where another library would take it for a session, and a failure to
// remove it is logged, without the id.
func TestDropSeal(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, _ storetest.Op) {
		r.config.Policy.LeavesSeal = false
		st := r.begin(set("a", "1"))
		r.run(&st, r.login("alice"))
		if r.mem.Len() != 1 || r.log.String() != "" {
			t.Errorf("%d records\n%s", r.mem.Len(), r.log)
		}
		old := st.ID
		r.inject(storetest.OpDelete, storetest.Failed().Reporting(errors.New("no file "+old)))
		r.run(&st, renew())
		if log := r.log.String(); !strings.Contains(log, "seal not deleted") ||
			strings.Contains(log, old) {
			t.Errorf("log: %s", log)
		}
		logged := len(r.log.String())
		r.inject(storetest.OpDelete, storetest.Failed().Reporting(store.ErrNotFound))
		r.run(&st, renew())
		if len(r.log.String()) != logged {
			t.Errorf("log: %s", r.log)
		}
	})
}
