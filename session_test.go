package cloakroom_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

func TestTransact(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	failure := errors.New("no")
	var kept *cloakroom.Tx
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		b.Set(s, "pending")
		err := s.Transact(func(tx *cloakroom.Tx) error {
			if v := b.Get(tx); v != "pending" {
				t.Errorf("b=%q: what is pending comes first", v)
			}
			a.Set(tx, "2")
			b.Delete(tx)
			return failure
		})
		if !errors.Is(err, failure) || a.Get(s) != "1" || b.Get(s) != "pending" {
			t.Errorf("%v, a=%q b=%q", err, a.Get(s), b.Get(s))
		}
		err = s.Transact(func(tx *cloakroom.Tx) error {
			kept = tx
			a.Set(tx, a.Get(tx)+"2")
			a.Update(tx, shout)
			return nil
		})
		if err != nil || a.Get(s) != "12!" {
			t.Errorf("%v, a=%q", err, a.Get(s))
		}
		a.Set(kept, "late")
		if _, _, err := a.Lookup(kept); !errors.Is(err, cloakroom.ErrFinished) {
			t.Errorf("a Tx after its function: %v", err)
		}
	})
	if tab.value(a) != "12!" || tab.value(b) != "pending" {
		t.Errorf("a=%q b=%q", tab.value(a), tab.value(b))
	}
}

func TestFlashes(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		s := newSite(t, cloakroom.Options{Format: format})
		tab := s.browser()
		flash := func(category, text string) handlerFunc {
			return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Flash(category, text) }
		}
		var got []cloakroom.Flash[string]
		take := func(categories ...string) handlerFunc {
			return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { got = s.Flashes(categories...) }
		}
		tab.do(flash("info", "one"))
		tab.do(flash("error", "two"))
		tab.do(flash("info", "one"))
		tab.do(take("error"))
		if want := []cloakroom.Flash[string]{{"error", "two"}}; !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", format, got, want)
		}
		slow := tab.other().begin(take(), nothing)
		tab.do(flash("info", "one")) // the third of them: it was not returned
		slow()
		if want := []cloakroom.Flash[string]{{"info", "one"}, {"info", "one"}}; !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", format, got, want)
		}
		tab.do(take())
		if want := []cloakroom.Flash[string]{{"info", "one"}}; !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", format, got, want)
		}
		if calls := s.store.count(func() { tab.do(take()) }); len(got) > 0 || calls["replace"] > 0 {
			t.Errorf("%v: %v, calls %v", format, got, calls)
		}
	}
}

func TestPersistent(t *testing.T) {
	for _, byDefault := range []bool{false, true} {
		s := newSite(t, cloakroom.Options{Persistent: byDefault})
		tab := s.browser()
		set := func(on bool) handlerFunc {
			return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.SetPersistent(on) }
		}
		for i, step := range []struct {
			h       handlerFunc
			cookie  bool
			expires bool
		}{
			{setting(a, "1"), true, byDefault},
			{setting(a, "2"), false, false},
			{set(byDefault), false, false},
			{set(!byDefault), true, !byDefault},
			{func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Clear() }, false, false},
			{func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() }, true, !byDefault},
			{set(byDefault), true, byDefault},
		} {
			cookies := tab.do(step.h).Result().Cookies()
			if len(cookies) > 0 != step.cookie {
				t.Errorf("default %v, step %d: %d cookies", byDefault, i, len(cookies))
				continue
			}
			deadline := s.clock.Now().Add(12 * time.Hour).Truncate(time.Second)
			if len(cookies) > 0 && (step.expires && !cookies[0].Expires.Equal(deadline) || !step.expires && !cookies[0].Expires.IsZero()) {
				t.Errorf("default %v, step %d: expires %v", byDefault, i, cookies[0].Expires)
			}
		}
		if len(tab.cookie) != 43 {
			t.Error("the ticket was lost")
		}
	}
}

func TestClear(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	tab.set(a, "1")
	old := tab.cookie
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		s.Flash("info", "x")
		s.Clear()
		b.Set(s, "2")
		if a.Get(s) != "" || len(s.Flashes()) > 0 {
			t.Error("values are there after Clear")
		}
	})
	if tab.value(a) != "" || tab.value(b) != "2" || tab.owner() != "ann" || tab.cookie != old {
		t.Errorf("a=%q b=%q owner %q", tab.value(a), tab.value(b), tab.owner())
	}
}

func TestLogoutThenSet(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	tab.set(a, "1")
	old := tab.other()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "dropped")
		s.Logout()
		if a.Get(s) != "" || s.Owner() != "" || !s.IsNew() {
			t.Error("something is left after Logout")
		}
		b.Set(s, "2")
	})
	if tab.cookie == old.cookie || tab.value(b) != "2" || tab.value(a) != "" || tab.owner() != "" || old.owner() != "" {
		t.Errorf("a=%q b=%q owner %q", tab.value(a), tab.value(b), tab.owner())
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		s.Logout()
		s.Login("bob")
	})
	if tab.owner() != "bob" {
		t.Errorf("owner %q", tab.owner())
	}
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
	c := w.Result().Cookies()
	if len(c) != 1 || c[0].MaxAge != -1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].Path != "/" {
		t.Errorf("cleared by %v", w.Header()["Set-Cookie"])
	}
}

// TestLogoutAfterError: what a handler did wrong before keeps no owner signed in.
func TestLogoutAfterError(t *testing.T) {
	for what, wrong := range map[string]func(x *cloakroom.Session){
		"Set":    func(x *cloakroom.Session) { cloakroom.Key[string]("").Set(x, "") },
		"Get":    func(x *cloakroom.Session) { cloakroom.Key[int]("_cloakroom").Get(x) },
		"Update": func(x *cloakroom.Session) { cloakroom.Key[int]("").Update(x, func(n int) int { return n }) },
		"Login":  func(x *cloakroom.Session) { _ = x.Login("") },
	} {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.login("ann")
		w := tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			wrong(x)
			if err := x.Logout(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
		if w.Code != http.StatusServiceUnavailable || tab.owner() != "" {
			t.Errorf("%s: status %d, and %q is signed in", what, w.Code, tab.owner())
		}
	}
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	s.store.once("load", notApplied)
	tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		name.Get(x)
		if err := x.Logout(); !errors.Is(err, errLost) {
			t.Errorf("after a load that failed: %v", err)
		}
	})
}

// TestDescribe: what a session says of itself.
func TestDescribe(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	start := s.clock.Now()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		if !session.IsNew() || session.ID() != "" || session.Owner() != "" || !session.AuthenticatedAt().IsZero() {
			t.Error("a new session is something")
		}
		a.Set(session, "1")
	})
	s.clock.advance(time.Hour / 4)
	tab.login("ann")
	s.clock.advance(time.Minute)
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		if session.IsNew() || len(session.ID()) != 22 || session.Owner() != "ann" {
			t.Errorf("new %v, ID %q, owner %q", session.IsNew(), session.ID(), session.Owner())
		}
		login := start.Add(time.Hour / 4)
		for what, times := range map[string][2]time.Time{
			"CreatedAt":       {session.CreatedAt(), start},
			"AuthenticatedAt": {session.AuthenticatedAt(), login},
			"Deadline":        {session.Deadline(), login.Add(12 * time.Hour)},
			"ExpiresAt":       {session.ExpiresAt(), login.Add(30 * time.Minute)},
		} {
			if !times[0].Equal(times[1]) {
				t.Errorf("%s %v, want %v", what, times[0], times[1])
			}
		}
	})
}

// TestGoroutines: a session may be used from several goroutines.
func TestGoroutines(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 20 {
					count.Update(s, func(n int) int { return n + 1 })
					if _, err := count.UpdateNow(s, func(n int) int { return n + 1 }); err != nil {
						t.Error(err)
					}
					a.Set(s, "1")
					a.Get(s)
					s.Flash("info", "x")
					s.Flashes()
					if i == 0 {
						if err := s.Save(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
	})
	if n := tab.count(); n != 320 {
		t.Errorf("count %d, want 320\n%s", n, s.log)
	}
}

// TestNames: what this request sees, pending changes included, without what a Key refuses.
func TestNames(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		s := newSite(t, cloakroom.Options{Format: format, Persistent: true})
		tab := s.browser()
		want := func(when string, names ...string) {
			t.Helper()
			var got []string
			calls := s.store.count(func() {
				tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { got = s.Names() })
			})
			if !slices.Equal(got, names) || calls["load"] > 1 || calls["replace"] > 0 {
				t.Errorf("%v, %s: %q, want %q; calls %v", format, when, got, names, calls)
			}
		}
		want("new")
		tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			b.Set(s, "2")
			a.Set(s, "1")
			s.Flash("info", "hello")
			if got := s.Names(); !slices.Equal(got, []string{string(a), string(b)}) {
				t.Errorf("%v, pending: %q", format, got)
			}
		})
		want("stored", string(a), string(b))
		tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Delete(s) })
		want("one deleted", string(b))
		tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Clear() })
		want("cleared")
	}
	m := newSite(t, cloakroom.Options{}).m
	if got := m.Get(httptest.NewRequest(http.MethodGet, "/", nil)).Names(); got != nil {
		t.Errorf("without the middleware: %q", got)
	}
}
