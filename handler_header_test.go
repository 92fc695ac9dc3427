package cloakroom_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// TestNestedApart: middleware between the middleware and itself has the session of the handler
// inside.
func TestNestedApart(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	inner := s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := a.Get(s.m.Get(r)); got != "between" {
			t.Errorf("a=%q", got)
		}
	}))
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Set(s.m.Get(r), "between")
		inner.ServeHTTP(w, r)
	})).ServeHTTP(newRecorder(), s.browser().request())
}

// TestVaryIsAdded: the response varies by the cookie besides what it varies by already.
func TestVaryIsAdded(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	for vary, want := range map[string][]string{
		"Accept": {"Accept", "Cookie"}, "accept, cookie": {"accept, cookie"},
		"*": {"*"}, "": {"Cookie"},
	} {
		w := s.browser().do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			if vary != "" {
				w.Header().Set("Vary", vary)
			}
			a.Get(s)
		})
		if got := w.Header()["Vary"]; !slices.Equal(got, want) {
			t.Errorf("Vary %q, want %q", got, want)
		}
	}
}

// TestSpaceAroundCookies: spaces and tabs around a cookie are no part of it.
func TestSpaceAroundCookies(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	for _, line := range []string{
		"session=%", " \tsession=%\t ", "x=1; session=% ; y=2", "x=1;session=%\t;y=2", "session=% ",
	} {
		r := s.browser().request()
		r.Header.Set("Cookie", strings.ReplaceAll(line, "%", tab.cookie))
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := a.Get(s.m.Get(r)); got != "1" {
				t.Errorf("%q: a=%q", line, got)
			}
		})).ServeHTTP(newRecorder(), r)
	}
}

// TestRefreshIsNoLook: a request whose handler leaves its session alone may be kept in caches, also
// where every request slides the timeout.
func TestRefreshIsNoLook(t *testing.T) {
	p := shared()
	p.RefreshEachRequest = true
	s := newSite(t, cloakroom.Options{Profile: p})
	tab := s.browser()
	tab.set(a, "1")
	s.clock.advance(time.Minute)
	h := s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	calls := s.store.count(func() {
		h.ServeHTTP(newRecorder(), tab.request())
		w := newRecorder()
		h.ServeHTTP(w, tab.request())
		if len(w.Header()) != 0 {
			t.Errorf("header %v", w.Header())
		}
	})
	if calls["touch"] != 2 {
		t.Errorf("calls %v", calls)
	}
}

// TestFlashesOfNone: where no message is returned, nothing is pending, so that a request that only
// reads does not wait for those that commit.
func TestFlashesOfNone(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		s.Flash("info", "hello")
	})
	stop := make(chan struct{})
	committing := make(chan struct{})
	s.store.intercept(func(op, _ string, do func() error) error {
		if op == "replace" {
			close(committing)
			<-stop
		}
		return do()
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tab.other().set(a, "1")
	}()
	<-committing
	w := tab.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if got := s.Flashes("error"); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
	close(stop)
	<-done
	if w.Code != http.StatusOK {
		t.Errorf("status %d\n%s", w.Code, s.log)
	}
}

// TestRevokeOthersOfNone: an anonymous session has no others, whatever the store can list.
func TestRevokeOthersOfNone(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	plain := struct{ store.Store }{s.store}
	m, err := cloakroom.New(plain, cloakroom.Options{InsecureCookie: true, Now: s.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	session := m.Open(t.Context(), "")
	defer session.Close()
	a.Set(session, "1")
	if n, err := m.RevokeOthers(t.Context(), session); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	session.Login("ann")
	if _, err := m.RevokeOthers(t.Context(), session); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
