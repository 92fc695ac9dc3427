package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// signIn signs in to a copy of a session on another engine, with a value.
func (r *rig) signIn(st State, owner, name string) State {
	r.t.Helper()
	r.other().run(&st, r.login(owner), set(name, "theirs"))
	return st
}

// TestJoin: of two sign-ins of one owner with one ticket, the second joins the session of the first
// under a ticket of its own, with what either changed.
func TestJoin(t *testing.T) {
	eachMover(t, func(t *testing.T, r *rig, _ storetest.Op) {
		st := r.begin(set("a", "1"))
		theirs := r.signIn(st, "alice", "b")
		r.run(&st, set("c", "before"), r.login("alice"), set("d", "after"))
		if r.live() != 1 || !r.gone(theirs.ID) {
			t.Errorf("%d live", r.live())
		}
		want := map[string]string{"a": "1", "b": "theirs", "c": "before", "d": "after"}
		for name, want := range want {
			if got := r.text(st.ID, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// TestJoinAfterGone: so does a sign-in in a request that found the session gone when it loaded.
func TestJoinAfterGone(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	theirs := r.signIn(st, "alice", "b")
	join := func(id string, owner string) (*Commit, Result, error) {
		c := r.commit(r.NewState(), r.login(owner), set("c", "after"))
		c.Seal = id
		res, err := c.Run()
		return c, res, err
	}
	c, res, err := join(st.ID, "alice")
	if id := c.Next().ID; err != nil || r.config.Policy.ID(res.Ticket) != id ||
		r.text(id, "b") != "theirs" || r.live() != 1 {
		t.Fatalf("%v, %d live", err, r.live())
	}
	// The seal of a seal leads on, and its former id too.
	last := c.Next().ID
	if c, _, err = join(st.ID, "alice"); err != nil || c.Next().ID == last || r.live() != 1 ||
		!r.gone(theirs.ID) {
		t.Fatalf("%v, %d live", err, r.live())
	}
	last = c.Next().ID
	for name, id := range map[string]string{"a session, and no seal": last, "none": "none"} {
		if c, _, err := join(id, "alice"); err != nil || r.text(c.Next().ID, "b") != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, _, err := join(st.ID, "bob"); err != nil || r.text(c.Next().ID, "b") != "" {
		t.Errorf("another owner: %v", err)
	}
	r.inject(storetest.OpLoad, storetest.Failed())
	if _, _, err := join(st.ID, "alice"); !errors.Is(err, storetest.ErrInjected) {
		t.Errorf("a load that fails: %v", err)
	}
}

// TestJoinsNoOther: a sign-in joins no session of another owner, nor one that has ended.
func TestJoinsNoOther(t *testing.T) {
	for name, test := range map[string]struct {
		owner string
		then  func(r *rig, theirs State)
	}{
		"another owner": {owner: "bob"},
		"a prefix":      {owner: "al"},
		"ended": {owner: "alice", then: func(r *rig, theirs State) {
			r.want(r.other().End(r.time(), theirs.ID, nil, "", Cause{}), nil)
		}},
		"another's since": {owner: "alice", then: func(r *rig, theirs State) {
			// Stored in place, as only another version of the library might.
			rec := theirs.Record
			doc := theirs.Doc
			doc.SetOwner([]byte("bob"))
			rec.Data = doc.Encode()
			_, err := r.mem.Replace(r.t.Context(), theirs.ID, theirs.Record, rec)
			r.want(err, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			st := r.begin(set("a", "1"))
			theirs := r.signIn(st, "alice", "b")
			if test.then != nil {
				test.then(r, theirs)
			}
			live := r.live()
			c := r.commit(st, r.login(test.owner))
			if _, err := c.Run(); err != ErrGone || c.Uncertain() || r.live() != live {
				t.Errorf("%v, %d live", err, r.live())
			}
		})
	}
	t.Run("no sign-in", func(t *testing.T) {
		r := newRig(t)
		st := r.signedIn("alice")
		r.signIn(st, "alice", "b")
		if _, err := r.commit(st, renew()).Run(); err != ErrGone {
			t.Errorf("%v", err)
		}
	})
}

// TestJoinDropsAnothers: what was set for one owner does not go with the sign-in of the next one.
func TestJoinDropsAnothers(t *testing.T) {
	r := newRig(t)
	st := r.signedIn("bob")
	theirs := r.signIn(st, "alice", "b")
	r.run(&st, set("secret", "bob's"), r.login("alice"), set("c", "after"))
	if r.text(st.ID, "secret") != "" || r.text(st.ID, "c") != "after" ||
		r.text(st.ID, "b") != "theirs" ||
		!r.gone(theirs.ID) {
		t.Error("what is bob's is alice's now, or not what she set herself")
	}
}

// TestJoinWaits: the session that a seal names may be about to be created.
func TestJoinWaits(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	half := r.other(moveless)
	half.inject(storetest.OpCreate, storetest.Later())
	c := half.commit(st, half.login("alice"), set("b", "theirs"))
	if _, err := c.Run(); !errors.Is(err, ErrUnknownOutcome) {
		t.Fatal(err)
	}
	r.inject(storetest.OpLoad, storetest.Fault{}, storetest.Fault{}) // the seal, and nothing
	r.before(storetest.OpLoad, func() { half.faulty.Release() })
	r.run(&st, r.login("alice"))
	if r.text(st.ID, "b") != "theirs" || r.live() != 1 {
		t.Errorf("%d live", r.live())
	}
}

// TestJoinFails: where the session to join cannot be looked at, the sign-in fails, and starts none.
func TestJoinFails(t *testing.T) {
	for name, fault := range map[string]storetest.Fault{
		"failed": storetest.Failed(), "refused": storetest.Failed().Reporting(store.ErrRefused),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Timeout = time.Second })
			st := r.begin(set("a", "1"))
			r.signIn(st, "alice", "b")
			first := true
			r.faulty.Decide = func(op storetest.Op, _ string) storetest.Fault {
				if op != storetest.OpLoad || first {
					first = first && op != storetest.OpLoad // the seal
					return storetest.Fault{}
				}
				return fault
			}
			_, err := r.commit(st, r.login("alice")).Run()
			if err == nil || err == ErrGone || errors.Is(err, ErrUnknownOutcome) ||
				!strings.HasPrefix(err.Error(), "cloakroom: commit: ") {
				t.Errorf("%v", err)
			}
			if r.live() != 1 {
				t.Errorf("%d live", r.live())
			}
		})
	}
}

// TestJoinAfterDoubt: a write in doubt was to the record that a seal replaced, so the join is
// certain.
func TestJoinAfterDoubt(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	r.inject(storetest.OpMove, storetest.Failed())
	r.before(storetest.OpLoad, func() { r.signIn(st, "alice", "b") })
	c := r.commit(st, r.login("alice"), count("n"))
	if _, err := c.Run(); err != nil || c.doubt.exists || r.number(c.Next().ID, "n") != 1 {
		t.Errorf("%v, doubt %v", err, c.doubt.err)
	}
	if r.live() != 1 {
		t.Errorf("%d live", r.live())
	}
}
