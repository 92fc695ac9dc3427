package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// TestDeadlineInFlight: the absolute deadline holds also between load and commit.
func TestDeadlineInFlight(t *testing.T) {
	opt := cloakroom.Options{Lifetime: time.Hour, Idle: time.Hour}
	t.Run("apply", func(t *testing.T) {
		s := newSite(t, opt)
		tab := s.browser()
		tab.set(a, "1")
		s.clock.advance(50 * time.Minute)
		tab.value(a) // touches
		tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			a.Get(x)
			s.clock.advance(20 * time.Minute)
			if tab.value(a) != "" {
				t.Error("not expired")
			}
			if _, err := a.UpdateNow(x, shout); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("UpdateNow past the deadline: %v", err)
			}
		})
	})
	for _, owner := range []string{"", "ann"} {
		t.Run("login "+owner, func(t *testing.T) {
			s := newSite(t, opt)
			tab := s.browser()
			tab.set(a, "1")
			if owner != "" {
				tab.login(owner)
			}
			s.clock.advance(50 * time.Minute)
			tab.value(a)
			slow := tab.other()
			w := slow.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
				a.Get(x)
				s.clock.advance(20 * time.Minute)
				if tab.value(a) != "" {
					t.Error("not expired")
				}
				x.Login("ann")
			})
			if slow.value(a) != "" || owner != "" && w.Code != 503 {
				t.Errorf("status %d, an expired session's value lives on: %q", w.Code, slow.value(a))
			}
		})
	}
	t.Run("keepalive", func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(a, "1")
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			a.Get(x)
			for range 13 * 6 {
				s.clock.advance(10 * time.Minute)
				if err := x.KeepAlive(); err != nil {
					return
				}
			}
			t.Errorf("KeepAlive is nil after 13 hours; deadline %v now %v owner", x.Deadline(), s.clock.Now())
		})
	})
}

// TestSealDeadline: a seal lives for its minute, however old the session was.
func TestSealDeadline(t *testing.T) {
	s := newSite(t, cloakroom.Options{Lifetime: time.Hour, Idle: time.Hour})
	tab := s.browser()
	tab.set(a, "1")
	s.clock.advance(59*time.Minute + 50*time.Second)
	old := tab.other()
	tab.login("ann")
	s.clock.advance(20 * time.Second)
	old.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
	if tab.owner() != "" {
		t.Error("the new ticket outlived a sign-out by the old one within a minute")
	}
}

// TestTouchSeal: a touch that was under way does not lengthen a seal.
func TestTouchSeal(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	s.clock.advance(10 * time.Minute)
	old := tab.other()
	slow := tab.other().begin(getting(a), nothing)
	tab.login("ann")
	slow() // touches
	s.clock.advance(5 * time.Minute)
	w := old.do(setting(a, "2"))
	if w.Header().Get("Set-Cookie") == "" {
		t.Errorf("six minutes after the move the old ticket still drops changes: %s", s.log)
	}
}

// TestReadAfterReloadEnded: after Reload said that the session ended there is nothing to read.
func TestReadAfterReloadEnded(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	tab.set(a, "1")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Get(x)
		s.m.RevokeOwned(t.Context(), "ann")
		err := x.Reload()
		if x.Owner() != "" || a.Get(x) != "" || x.ID() != "" {
			t.Errorf("after Reload %v: owner %q a=%q id %q", err, x.Owner(), a.Get(x), x.ID())
		}
	})
}

// TestUpdateWhileEnding: an update that is still being computed when the session ends
// is dropped.
func TestUpdateWhileEnding(t *testing.T) {
	for _, owned := range []bool{false, true} {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(name, "1")
		if owned {
			tab.login("ann")
		}
		slow := tab.other()
		w := slow.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			b.Set(x, "pending")
			in, out, done := make(chan bool), make(chan bool), make(chan bool)
			first := true
			go func() {
				a.Update(x, func(v string) string {
					if first {
						first = false
						close(in)
						<-out
					}
					return v + "!"
				})
				close(done)
			}()
			<-in
			tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
			if err := x.Save(); !errors.Is(err, cloakroom.ErrEnded) {
				t.Error(err)
			}
			close(out)
			<-done
		})
		if c := w.Header().Get("Set-Cookie"); c != "" || w.Code != 200 {
			t.Errorf("owned %v: status %d, Set-Cookie %.12q on an ended session; a=%q %s", owned, w.Code, c, slow.value(a), s.log)
		}
	}
}

// TestUpdateAfterEnd: what follows a sign-in on an ended session is computed once, and
// goes to the new one.
func TestUpdateAfterEnd(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	slow := tab.other()
	calls := 0
	slow.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Get(x)
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
		if err := x.Reload(); !errors.Is(err, cloakroom.ErrEnded) {
			t.Error(err)
		}
		if err := x.Login("ann"); err != nil {
			t.Error(err)
		}
		a.Update(x, func(v string) string {
			if calls++; calls > 10 {
				panic("too often")
			}
			return v + "!"
		})
	})
	if slow.owner() != "ann" || slow.value(a) != "!" {
		t.Errorf("owner %q, a=%q after %d calls\n%s", slow.owner(), slow.value(a), calls, s.log)
	}
}

// TestLateCreate: a creation that is applied late brings no session back.
func TestLateCreate(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	l := &lateCreate{FullStore: s.store.FullStore}
	s.store.FullStore = l
	tab := s.browser()
	tab.login("ann")
	old := tab.other()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		if err := x.Logout(); err != nil {
			t.Error(err)
		}
	})
	if err := l.late(); err != nil {
		t.Log(err)
	}
	if o := old.owner(); o != "" {
		t.Errorf("%q is back after an acknowledged sign-out", o)
	}
}

type lateCreate struct {
	store.FullStore
	late func() error
}

// TestLoginLost: a sign-in is not lost when something else in the request fails.
func TestLoginLost(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	slow := tab.other()
	myErr := errors.New("no a")
	w := slow.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Get(x)
		tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
		if err := x.Login("ann"); err != nil {
			t.Error(err)
		}
		err := x.Transact(func(tx *cloakroom.Tx) error {
			if a.Get(tx) == "" {
				return myErr
			}
			a.Set(tx, "2")
			return nil
		})
		if !errors.Is(err, myErr) {
			t.Error(err)
		}
		t.Log("owner now", x.Owner(), x.Err())
	})
	if w.Code == 200 && slow.owner() != "ann" {
		t.Errorf("status %d, owner %q: the sign-in was lost silently; log %s", w.Code, slow.owner(), s.log)
	}
}

// TestTransactReturnsErrEnded: the caller's own error is not taken for ours.
func TestTransactReturnsErrEnded(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Set(x, "2")
		x.Transact(func(tx *cloakroom.Tx) error { return cloakroom.ErrEnded })
	})
	if v := tab.value(a); v != "2" {
		t.Errorf("a=%q", v)
	}
}

// TestRevokeUnreadable: what this process cannot read, another may, so it ends all the same.
func TestRevokeUnreadable(t *testing.T) {
	for _, what := range []string{"revoke", "logout"} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			small := s.manager(cloakroom.Options{MaxBytes: 1024})
			tab := s.browser()
			tab.login("ann")
			tab.set(a, strings.Repeat("x", 3000))
			if what == "revoke" {
				n, err := small.RevokeOwned(t.Context(), "ann")
				t.Log(n, err)
			} else {
				o := tab.other()
				o.m = small
				o.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
					if err := x.Logout(); err != nil {
						t.Error(err)
					}
				})
			}
			if tab.owner() != "" {
				t.Error("still signed in after acknowledged " + what)
			}
		})
	}
}

// TestRevokeOthersAfterLogin: in the request that signs in, others are those of the new owner.
func TestRevokeOthersAfterLogin(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	one, two := s.browser(), s.browser()
	one.login("ann")
	two.do(func(_ http.ResponseWriter, r *http.Request, x *cloakroom.Session) {
		x.Login("ann")
		n, err := s.m.RevokeOthers(r.Context(), x)
		if n != 1 || err != nil {
			t.Errorf("owner %q: RevokeOthers %d %v", x.Owner(), n, err)
		}
	})
	if one.owner() != "" {
		t.Error("still there")
	}
}

// TestRevokeOthersTwoMoves: RevokeOthers keeps the session itself, whatever ticket it
// has by now.
func TestRevokeOthersTwoMoves(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	slow := tab.other()
	slow.do(func(_ http.ResponseWriter, r *http.Request, x *cloakroom.Session) {
		x.Owner()
		for range 2 {
			tab.do(func(_ http.ResponseWriter, _ *http.Request, y *cloakroom.Session) { y.Renew() })
		}
		n, err := s.m.RevokeOthers(r.Context(), x)
		t.Log(n, err)
	})
	if tab.owner() != "ann" {
		t.Error("RevokeOthers ended the session itself")
	}
}

// TestRevokeOthersLoadFails: or fails.
func TestRevokeOthersLoadFails(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	slow := tab.other()
	slow.do(func(_ http.ResponseWriter, r *http.Request, x *cloakroom.Session) {
		x.Owner()
		tab.do(func(_ http.ResponseWriter, _ *http.Request, y *cloakroom.Session) { y.Renew() })
		s.store.once("load", notApplied)
		n, err := s.m.RevokeOthers(r.Context(), x)
		t.Log(n, err)
	})
	if tab.owner() != "ann" {
		t.Error("RevokeOthers ended the session itself")
	}
}

// TestIdleLowered: a lower idle timeout holds for sessions in use.
func TestIdleLowered(t *testing.T) {
	s := newSite(t, cloakroom.Options{Idle: 10 * time.Hour})
	tab := s.browser()
	tab.set(a, "1")
	tab.m = s.manager(cloakroom.Options{Idle: 15 * time.Minute})
	tab.value(a)
	s.clock.advance(time.Hour)
	if v := tab.value(a); v != "" {
		t.Error("used under the new idle timeout, and alive an hour later")
	}
}

func (l *lateCreate) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	if l.late == nil {
		l.late = func() error { _, err := l.FullStore.Create(context.Background(), id, r); return err }
		return "", errLost
	}
	return l.FullStore.Create(ctx, id, r)
}

// TestTooLargeAfterSeal: once the old ticket is dead, a creation that is refused fails
// the request.
func TestTooLargeAfterSeal(t *testing.T) {
	s := newSite(t, cloakroom.Options{}).withoutMove()
	tab := s.browser()
	tab.set(a, "cart")
	s.store.once("create", func(func() error) error { return cloakroom.ErrTooLarge })
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		x.Login("ann")
		if err := x.Save(); !errors.Is(err, cloakroom.ErrTooLarge) || !errors.Is(x.Err(), cloakroom.ErrTooLarge) {
			t.Errorf("Save: %v, Err: %v", err, x.Err())
		}
	})
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("status %d", w.Code)
	}
}

// TestRenewEnded: a session that is known to have ended has no ticket to renew.
func TestRenewEnded(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	tab.do(func(_ http.ResponseWriter, r *http.Request, x *cloakroom.Session) {
		x.Owner()
		tab.other().do(func(_ http.ResponseWriter, _ *http.Request, y *cloakroom.Session) { y.Logout() })
		a.UpdateNow(x, shout)
		if err := x.Renew(); !errors.Is(err, cloakroom.ErrEnded) {
			t.Errorf("Renew: %v", err)
		}
		if _, err := s.m.RevokeOthers(r.Context(), x); !errors.Is(err, cloakroom.ErrEnded) {
			t.Errorf("RevokeOthers: %v", err)
		}
	})
}
