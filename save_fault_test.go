package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

var errLost = errors.New("connection lost")

// fault is what becomes of one store call.
type fault func(do func() error) error

func applied(do func() error) error { // and reported failed
	if err := do(); err != nil {
		return err
	}
	return errLost
}

func notApplied(func() error) error { return errLost }

// once makes the next call of an operation fail.
func (s *spy) once(op string, f fault) {
	var once sync.Once
	s.intercept(func(got, _ string, do func() error) error {
		err, hit := error(nil), false
		if got == op {
			once.Do(func() { err, hit = f(do), true })
		}
		if hit {
			return err
		}
		return do()
	})
}

func incrementing(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
	count.Update(s, func(n int) int { return n + 1 })
}

func (b *browser) count() (n int) {
	b.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { n = count.Get(s) })
	return n
}

// TestUnknownOutcome: after a write that failed without telling whether it happened,
// commit finds out, and never applies an update twice.
func TestUnknownOutcome(t *testing.T) {
	for name, f := range map[string]fault{"applied": applied, "not applied": notApplied} {
		t.Run("replace "+name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.do(incrementing)
			s.store.once("replace", f)
			if w := tab.do(incrementing); w.Code != 200 || tab.count() != 2 {
				t.Errorf("status %d, count %d; want 200 and 2\n%s", w.Code, tab.count(), s.log)
			}
		})
		t.Run("create "+name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			s.store.once("create", f)
			if w := tab.do(incrementing); w.Code != 200 || tab.count() != 1 {
				t.Errorf("status %d, count %d; want 200 and 1\n%s", w.Code, tab.count(), s.log)
			}
		})
		t.Run("delete "+name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.do(incrementing)
			old := tab.other()
			s.store.once("delete", f)
			w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
			if w.Code != 200 || old.count() != 0 {
				t.Errorf("status %d, count %d; want 200 and 0\n%s", w.Code, old.count(), s.log)
			}
		})
		for _, noMove := range []bool{false, true} {
			for _, op := range []string{"move", "replace", "create"} {
				if noMove == (op == "move") {
					continue
				}
				t.Run("sign in, "+op+" "+name, func(t *testing.T) {
					s := newSite(t, cloakroom.Options{})
					if noMove {
						s.withoutMove()
					}
					tab := s.browser()
					tab.do(incrementing)
					old := tab.other()
					s.store.once(op, f)
					w := tab.do(func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
						s.Login("ann")
						incrementing(nil, r, s)
					})
					s.store.intercept(nil)
					if old.count() != 0 {
						t.Error("the old ticket still works")
					}
					// A create that was not applied must not be tried again when the
					// old ticket is dead.
					if fails := op == "create" && name == "not applied"; fails {
						if w.Code != 503 || tab.cookie != old.cookie {
							t.Errorf("status %d; want 503 and no new ticket", w.Code)
						}
					} else if w.Code != 200 || tab.count() != 2 || tab.owner() != "ann" {
						t.Errorf("status %d, count %d, owner %q\n%s", w.Code, tab.count(), tab.owner(), s.log)
					}
				})
			}
		}
	}
}

// TestAppliedLater: a write that is reported failed may still happen, before or after
// it is tried again.
func TestAppliedLater(t *testing.T) {
	for _, when := range []string{"load", "replace", "end"} {
		t.Run("before next "+when, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.do(incrementing)
			var late func() error
			s.store.intercept(func(op, _ string, do func() error) error {
				if op == "replace" && late == nil {
					late = do
					return errLost
				}
				if late != nil && op == when {
					if err := late(); when == "load" && err != nil {
						t.Errorf("late write: %v", err)
					}
				}
				return do()
			})
			w := tab.do(incrementing)
			s.store.intercept(nil)
			if err := late(); err == nil {
				t.Error("the late write was stored a second time")
			}
			if w.Code != 200 || tab.count() != 2 {
				t.Errorf("status %d, count %d; want 200 and 2", w.Code, tab.count())
			}
		})
	}
}

// TestCannotTell: when the record has moved on so far that it does not tell, the client
// gets an error, and nothing is applied twice; also not by a later commit of the same
// request.
func TestCannotTell(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.do(incrementing)
	other := tab.other()
	other.m = s.manager(cloakroom.Options{})
	s.store.once("replace", func(do func() error) error {
		if err := do(); err != nil {
			return err
		}
		s.store.intercept(nil)
		for range 20 {
			other.do(incrementing)
		}
		return errLost
	})
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "1")
		_, err := count.UpdateNow(s, func(n int) int { return n + 1 })
		if !errors.Is(err, cloakroom.ErrUnknownOutcome) || !errors.Is(err, errLost) {
			t.Errorf("UpdateNow: %v, want ErrUnknownOutcome and its cause", err)
		}
		if err := s.Err(); !errors.Is(err, cloakroom.ErrUnknownOutcome) {
			t.Errorf("Err: %v: it must stick", err)
		}
	})
	if w.Code != 503 || tab.count() != 22 {
		t.Errorf("status %d, count %d; want 503 and 22", w.Code, tab.count())
	}
}

// TestLostThenMoved: a change whose answer was lost, and that a sign-in then took
// along, is not reported as dropped: who tried again would apply it twice.
func TestLostThenMoved(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.do(incrementing)
	other := tab.other()
	other.m = s.manager(cloakroom.Options{})
	s.store.once("replace", func(do func() error) error {
		if err := do(); err != nil {
			return err
		}
		s.store.intercept(nil)
		other.login("ann")
		return errLost
	})
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if _, err := count.UpdateNow(s, func(n int) int { return n + 1 }); !errors.Is(err, cloakroom.ErrUnknownOutcome) {
			t.Errorf("UpdateNow: %v, and the session counts %d", err, other.count())
		}
	})
}

// TestSignInHalfWay: a sign-out that is acknowledged while a sign-in is between its two
// steps is not undone by the second.
func TestSignInHalfWay(t *testing.T) {
	type act func(*site, *browser) error
	logout := func(_ *site, old *browser) (err error) {
		old.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { err = s.Logout() })
		return err
	}
	revokeAll := func(s *site, _ *browser) error {
		_, err := s.m.RevokeOwned(context.Background(), "ann")
		return err
	}
	for name, act := range map[string]act{"sign out": logout, "sign out everywhere": revokeAll} {
		// acted before the create, or after it but before its answer
		for _, applied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, created %v", name, applied), func(t *testing.T) {
				s := newSite(t, cloakroom.Options{}).withoutMove()
				tab := s.browser()
				tab.login("ann")
				old := tab.other()
				other := old.other()
				other.m = s.manager(cloakroom.Options{})
				s.store.once("create", func(do func() error) error {
					s.store.intercept(nil)
					var err error
					if applied {
						if err = do(); err != nil {
							t.Error(err)
						}
					}
					if err := act(s, other); err != nil {
						t.Error(err)
					}
					if applied {
						return errLost
					}
					return do()
				})
				w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann") })
				if w.Code != 503 {
					t.Errorf("status %d: the sign-in survived the sign-out", w.Code)
				}
				for info, err := range s.m.All(t.Context()) {
					t.Errorf("a session is alive: %+v, %v", info.ID, err)
				}
			})
		}
	}
}

// TestLoginAfterEnd: a sign-in on an anonymous session that ended meanwhile starts a
// new one with what was set after it; on one that had an owner it fails.
func TestLoginAfterEnd(t *testing.T) {
	signIn := func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "before")
		s.Login("ann")
		b.Set(s, "after")
	}
	logout := func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() }
	t.Run("anonymous", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(count2, "1")
		slow := tab.begin(getting(a), signIn)
		old := tab.other()
		old.do(logout)
		if w := slow(); w.Code != 200 {
			t.Fatalf("status %d\n%s", w.Code, s.log)
		}
		if tab.owner() != "ann" || tab.value(a) != "" || tab.value(b) != "after" || tab.value(count2) != "" {
			t.Errorf("owner %q a=%q b=%q", tab.owner(), tab.value(a), tab.value(b))
		}
	})
	t.Run("owned", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.login("ann")
		slow := tab.begin(getting(a), signIn)
		tab.other().do(logout)
		if w := slow(); w.Code != 503 || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("status %d, want 503 and no cookie", w.Code)
		}
	})
	t.Run("with a ticket that was replaced", func(t *testing.T) { // its answer may have been lost
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(a, "1")
		again := tab.other()
		tab.login("ann")
		if w := again.do(setting(a, "late")); w.Header().Get("Set-Cookie") != "" || s.log.count("dropped") != 1 {
			t.Error("a late request replaced the new ticket in the browser")
		}
		again.login("ann")
		if again.owner() != "ann" || again.value(a) != "1" || len(s.owned("ann")) != 1 {
			t.Errorf("owner %q, a=%q, %d sessions", again.owner(), again.value(a), len(s.owned("ann")))
		}
	})
}

const count2 = cloakroom.Key[string]("count2")

// TestOtherOwner: what one owner left is not shown to the next.
func TestOtherOwner(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "anonymous")
	tab.login("ann")
	if v := tab.value(a); v != "anonymous" {
		t.Errorf("value %q: signing in lost it", v)
	}
	tab.login("ann")
	if v := tab.value(a); v != "anonymous" {
		t.Errorf("value %q: signing in again lost it", v)
	}
	tab.login("bob")
	if v := tab.value(a); v != "" || tab.owner() != "bob" {
		t.Errorf("%s sees %q", tab.owner(), v)
	}
}

// TestLogoutFollows: signing out by a ticket that was replaced within the last minute ends the
// session that it became, over several steps.
func TestLogoutFollows(t *testing.T) {
	for _, noMove := range []bool{false, true} {
		s := newSite(t, cloakroom.Options{})
		if noMove {
			s.withoutMove()
		}
		tab := s.browser()
		tab.login("ann")
		first := tab.other()
		for range 3 {
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
		}
		if tab.cookie == first.cookie || tab.owner() != "ann" {
			t.Fatal("Renew did not")
		}
		first.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
		if first.cookie != "" || tab.owner() != "" {
			t.Errorf("owner %q after sign-out", tab.owner())
		}
	}
}

// TestMovedInDoubt: a move was applied, and its answer was that of a client which had sent it twice.
// While the new record cannot be seen, the outcome is unknown.
func TestMovedInDoubt(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 200 * time.Millisecond})
	tab := s.browser()
	tab.set(a, "1")
	from := "" // the id that it was moved from
	s.store.intercept(func(op, id string, do func() error) error {
		err := do()
		switch {
		case op == "move" && err == nil:
			from = id
			return store.ErrConflict
		case op == "load" && from != "" && id != from:
			return errors.New("the node is down")
		}
		return err
	})
	tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		x.Renew()
		if err := x.Save(); !errors.Is(err, cloakroom.ErrUnknownOutcome) {
			t.Errorf("%v, want ErrUnknownOutcome", err)
		}
	})
	if from == "" {
		t.Error("nothing was moved")
	}
}
