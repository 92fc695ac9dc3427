package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// recorder keeps the events that it is told.
type recorder struct {
	mu     sync.Mutex
	events []event.Event
}

func (r *recorder) listen(c *Config) { c.Events = r.note }

func (r *recorder) note(_ context.Context, e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// take returns, as text, the events since it was last called: the kind, the owner, the reason and
// the actor.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, e := range r.events {
		text := strings.Join([]string{e.Kind.String(), e.Owner, fmt.Sprint(e.Count)}, "/")
		if e.Reason != 0 {
			text += "/" + e.Reason.String()
		}
		if e.Actor != "" {
			text += "/by " + e.Actor
		}
		texts = append(texts, text)
	}
	r.events = nil
	return texts
}

func (r *recorder) want(t *testing.T, want ...string) {
	t.Helper()
	if got := r.take(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestTellCommitted(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen)
	st := r.begin(set("a", "1"))
	heard.want(t, "created//1")
	r.run(&st, set("a", "2"))
	r.run(&st)
	heard.want(t)
	former := st.ID
	r.run(&st, r.login("ann"))
	if e := heard.events[0]; e.Former != ticket.PublicID(former) ||
		e.Session != ticket.PublicID(st.ID) || !e.Time.Equal(r.Now()) {
		t.Errorf("%+v", e)
	}
	heard.want(t, "signed in/ann/1")
	r.run(&st, renew())
	heard.want(t, "renewed/ann/1")
	r.run(&st, r.login("ann"))
	heard.want(t, "signed in/ann/1")
	r.run(&st, r.login("bob"))
	heard.want(t, "ended/ann/1/replaced/by bob", "created/bob/1", "signed in/bob/1")
	r.signedIn("cyd")
	heard.want(t, "created/cyd/1", "signed in/cyd/1")

	r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrRefused))
	if _, err := r.commit(st, set("a", "3")).Run(); err == nil {
		t.Error("a commit that was refused has succeeded")
	}
	r.inject(storetest.OpMove, storetest.Failed().Reporting(store.ErrRefused))
	if _, err := r.commit(st, renew()).Run(); err == nil {
		t.Error("a move that was refused has succeeded")
	}
	heard.want(t)
	r.inject(storetest.OpMove, storetest.Lost())
	r.run(&st, renew())
	heard.want(t, "renewed/bob/1")
	r.inject(storetest.OpCreate, storetest.Lost())
	r.begin(set("a", "1"))
	heard.want(t, "created//1")
}

func TestTellEnded(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen)
	why := Cause{Reason: event.SignedOut, Actor: "ann"}
	begin := func() State {
		st := r.signedIn("ann")
		heard.take()
		return st
	}
	end := func(id string, known *State) {
		t.Helper()
		r.want(r.End(r.time(), id, known, "", why), nil)
	}
	const signedOut = "ended/ann/1/signed out/by ann"

	st := begin()
	end(st.ID, &st)
	heard.want(t, signedOut)
	end(st.ID, &st)
	end(st.ID, nil)
	heard.want(t)

	t.Run("lost", func(t *testing.T) {
		st := begin()
		r.inject(storetest.OpDelete, storetest.Lost())
		end(st.ID, &st)
		end(st.ID, &st)
		heard.want(t, signedOut)
	})
	t.Run("moved", func(t *testing.T) {
		st := begin()
		former := st.ID
		r.run(&st, renew())
		heard.take()
		r.inject(storetest.OpReplace, storetest.Lost())
		end(former, nil)
		end(former, nil)
		end(st.ID, nil)
		heard.want(t, signedOut)
	})
	t.Run("moved and full", func(t *testing.T) {
		st := begin()
		former := st.ID
		r.run(&st, renew())
		heard.take()
		r.inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrFull))
		end(former, nil)
		heard.want(t, signedOut)
	})
	t.Run("moved and ended", func(t *testing.T) {
		st := begin()
		former := st.ID
		r.run(&st, renew())
		heard.take()
		end(st.ID, &st)
		end(former, nil) // which cannot tell whether the record is yet to come
		heard.want(t, signedOut)
	})
	t.Run("elsewhere", func(t *testing.T) {
		st := begin()
		r.before(storetest.OpDelete, func() { r.other().ends(st.ID, nil, "", endedLive) })
		end(st.ID, &st)
		heard.want(t) // it is the other process that tells
	})
}

// TestTellEndedLater: where the first call fails and leaves open what it did, the one that then
// finds the session gone tells of it.
func TestTellEndedLater(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen, func(c *Config) { c.Timeout = 20 * time.Millisecond })
	st := r.signedIn("ann")
	heard.take()
	r.faulty.Decide = func(op storetest.Op, _ string) storetest.Fault {
		if op == storetest.OpDelete {
			return storetest.Lost()
		}
		return storetest.Failed()
	}
	limit := r.Limit(t.Context(), true)
	defer limit.Release()
	if err := r.End(limit, st.ID, &st, "", Cause{}); err == nil {
		t.Fatal("it was told that the session has ended")
	}
	heard.want(t)
	r.faulty.Decide = r.calls.note
	r.want(r.End(r.time(), st.ID, nil, "", Cause{Reason: event.SignedOut}), nil)
	heard.want(t, "ended//1/signed out")
}

func TestTellRevoked(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen)
	st, kept := r.signedIn("ann"), r.signedIn("ann")
	r.signedIn("bob")
	damaged := r.garbage("ann")
	heard.take()
	r.want(r.Revoke(t.Context(), "ann", ticket.PublicID(st.ID), "root"), nil)
	heard.want(t, "ended/ann/1/revoked/by root")
	r.signedIn("ann")
	heard.take()
	n, err := r.RevokeOwned(t.Context(), "ann", kept.ID, "root")
	if n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	got := heard.take()
	slices.Sort(got)
	want := []string{"ended//1/revoked/by root", "ended/ann/1/revoked/by root", "unreadable//1"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if !r.gone(damaged) || r.gone(kept.ID) {
		t.Error("the wrong session was revoked")
	}
}

// TestTellHalfMoved: a session that ends between the steps of a sign-in is told of once, and an
// entry of an index alone is no session.
func TestTellHalfMoved(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen, moveless)
	st := r.begin(set("a", "1"))
	heard.take()
	former := st.ID
	r.before(storetest.OpCreate, func() {
		r.want(r.other(heard.listen).End(r.time(), former, nil, "",
			Cause{Reason: event.SignedOut}), nil)
	})
	if _, err := r.commit(st, r.login("ann")).Run(); err == nil {
		t.Error("a session that was ended has got a new ticket")
	}
	heard.want(t, "ended//1/lost")

	st = r.begin(set("a", "1"))
	heard.take()
	r.inject(storetest.OpCreate, storetest.Failed().Reporting(store.ErrFull))
	if _, err := r.commit(st, r.login("ann")).Run(); !errors.Is(err, store.ErrFull) {
		t.Error(err)
	}
	heard.want(t, "ended//1/lost")

	_, id := r.config.Policy.Mint()
	_, err := r.revoke(t.Context(), "ann", store.Entry{ID: id}, nil, "")
	r.want(err, nil)
	heard.want(t)
}

func TestTellExpired(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen)
	st := r.begin(set("a", "1"))
	old := st
	r.clock.advance(testLifetime - time.Minute)
	rec := st.Record
	rec.Expires = r.Now().Add(time.Hour)
	v, err := r.mem.Create(t.Context(), st.ID, rec)
	r.want(err, nil)
	old.Record.Version, old.Record.Expires = v, rec.Expires
	heard.take()
	r.clock.advance(2 * time.Minute)
	for range 2 {
		if !r.gone(st.ID) {
			t.Error("it lives past its deadline")
		}
		if _, err := r.commit(old, set("a", "2")).Run(); !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}
	heard.want(t, "ended//1/expired")
	r.clock.advance(2 * time.Hour)
	n, err := r.Sweep(t.Context())
	r.want(err, nil)
	heard.want(t, fmt.Sprintf("records swept//%d", n))
}

func TestTellDamaged(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen)
	c := r.commit(r.NewState(), set("a", "1"))
	c.Unreadable = r.garbage("")
	_, err := c.Run()
	r.want(err, nil)
	heard.want(t, "unreadable//1", "ended//1/damaged", "created//1")
}

func TestTellEmptied(t *testing.T) {
	var heard recorder
	r := newRig(t, heard.listen, func(c *Config) { c.Policy.KeepsEmpty = false })
	st := r.begin(set("a", "1"))
	r.run(&st, remove("a"))
	heard.want(t, "created//1", "ended//1/emptied")
}

// TestTellPanic: a listener that panics fails no commit.
func TestTellPanic(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Events = func(context.Context, event.Event) { panic("listener") }
	})
	st := r.begin(set("a", "1"))
	r.want(r.End(r.time(), st.ID, &st, "", Cause{}), nil)
	if log := r.log.String(); strings.Count(log, "panic: listener") != 2 {
		t.Error(log)
	}
}

// TestTellWithoutTurn: a listener may use the session that it is told of.
func TestTellWithoutTurn(t *testing.T) {
	var r *rig
	calls := 0
	r = newRig(t, func(c *Config) {
		c.Timeout = 50 * time.Millisecond
		c.Events = func(_ context.Context, e event.Event) {
			if calls++; e.Kind == event.Renewed {
				r.want(r.Revoke(t.Context(), "ann", e.Session, ""), nil)
			}
		}
	})
	st := r.signedIn("ann")
	r.run(&st, document.Operation{Kind: document.Renew})
	if calls != 4 || !r.gone(st.ID) {
		t.Errorf("%d events", calls)
	}
}
