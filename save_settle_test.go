package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestTouchedOnce: a use is noted once in a request, however often it saves, and also where the
// session was read only after the header.
func TestTouchedOnce(t *testing.T) {
	for name, h := range map[string]handlerFunc{
		"saved twice": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Get(s)
			s.Save()
			s.Save()
		},
		"read late": func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			w.Write([]byte("begun"))
			a.Get(s)
		},
	} {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(a, "1")
		s.clock.advance(10 * time.Minute)
		if calls := s.store.count(func() { tab.do(h) }); calls["touch"] != 1 {
			t.Errorf("%s: %v", name, calls)
		}
	}
}

// TestTooLargeIsNotSticky: changes that are refused for their size stay pending, for the handler to
// take some back.
func TestTooLargeIsNotSticky(t *testing.T) {
	s := newSite(t, cloakroom.Options{MaxBytes: 1 << 10})
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "small")
		b.Set(s, strings.Repeat("b", 2<<10))
		for range 2 {
			if err := s.Save(); !errors.Is(err, cloakroom.ErrTooLarge) || s.Err() != nil {
				t.Errorf("%v, then %v", err, s.Err())
			}
		}
		b.Delete(s)
		if err := s.Save(); err != nil {
			t.Error(err)
		}
	})
	if got := tab.value(a); got != "small" {
		t.Errorf("a=%q", got)
	}
}

// TestChangedWhileCommitting: what another goroutine changes while an exact update is being stored
// takes no part in it, and replaces nothing of it when it is tried again.
func TestChangedWhileCommitting(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		for range 3 { // so that there is room for one more
			a.Set(session, "2")
		}
		first := true
		s.store.intercept(func(op, _ string, do func() error) error {
			if op == "replace" && first {
				first = false
				b.Set(session, "meanwhile")
				return cloakroom.ErrConflict
			}
			return do()
		})
		updates := 0
		update := func(string) string { updates++; return "updated" }
		if _, err := name.UpdateNow(session, update); err != nil {
			t.Error(err)
		}
		if updates != 2 {
			t.Errorf("%d updates", updates)
		}
	})
	for k, want := range map[cloakroom.Key[string]]string{a: "2", b: "meanwhile", name: "updated"} {
		if got := tab.value(k); got != want {
			t.Errorf("%s=%q, want %q", k, got, want)
		}
	}
}

// TestExactUpdateTooLate: an exact update that would begin a session after the header has left does
// nothing, since its cookie could not be sent.
func TestExactUpdateTooLate(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	calls := s.store.count(func() {
		s.browser().do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			w.Write([]byte("begun"))
			_, err := a.UpdateNow(s, func(string) string { return "1" })
			if !errors.Is(err, cloakroom.ErrHeaderSent) {
				t.Error(err)
			}
		})
	})
	if len(calls) != 0 {
		t.Errorf("calls %v", calls)
	}
}

// TestHijackHidesCookie: a connection is not given away while a cookie must be sent with it, be it
// pending or committed since the last one was asked for.
func TestHijackHidesCookie(t *testing.T) {
	for name, h := range map[string]func(*cloakroom.Session){
		"pending sign-in": func(s *cloakroom.Session) { s.Login("ann") },
		"sign-in after another cookie": func(s *cloakroom.Session) {
			s.Renew()
			s.Save()
			s.Cookie()
			s.Login("ann")
			s.Save()
		},
	} {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(a, "1")
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h(s.m.Get(r))
			if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, cloakroom.ErrHeaderSent) {
				t.Errorf("%s: %v", name, err)
			}
		})).ServeHTTP(&able{ResponseWriter: newRecorder()}, tab.request())
	}
}

// TestLogoutAfterHangup: a sign-out ends the session also when the client has hung up.
func TestLogoutAfterHangup(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	ctx, hangUp := context.WithCancel(t.Context())
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		session := s.m.Get(r)
		session.Load()
		hangUp()
		if err := session.Logout(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(newRecorder(), tab.request().WithContext(ctx))
	if owner := tab.owner(); owner != "" {
		t.Errorf("%s is signed in", owner)
	}
}

// TestFinished: a session whose handler has returned takes no commit and waits for none.
func TestFinished(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	var kept *cloakroom.Session
	s.browser().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { kept = s })
	_, exact := a.UpdateNow(kept, func(string) string { return "1" })
	for name, err := range map[string]error{
		"UpdateNow": exact, "Save": kept.Save(), "Logout": kept.Logout(), "Reload": kept.Reload(),
		"KeepAlive": kept.KeepAlive(),
	} {
		if !errors.Is(err, cloakroom.ErrFinished) {
			t.Errorf("%s: %v", name, err)
		}
	}
	kept.Discard()
}
