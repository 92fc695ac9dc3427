package cloakroom_test

import (
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// TestCommitHeaderIsTheMiddlewares: what CommitHeader puts into a header, and what it
// costs the store, is what the middleware does after the same handler.
func TestCommitHeaderIsTheMiddlewares(t *testing.T) {
	type handler = func(h http.Header, s *cloakroom.Session)
	for what, h := range map[string]handler{
		"untouched": func(h http.Header, _ *cloakroom.Session) { h.Set("Cache-Control", "public") },
		"read":      func(_ http.Header, s *cloakroom.Session) { a.Get(s) },
		"for all": func(h http.Header, s *cloakroom.Session) {
			h.Set("Cache-Control", "public, max-age=60")
			h.Set("Vary", "Accept")
			s.AllowSharedCache()
			a.Get(s)
		},
		"for caches": func(h http.Header, s *cloakroom.Session) {
			h.Set("Cache-Control", "public, max-age=60")
			h.Set("CDN-Cache-Control", "max-age=60")
			a.Set(s, "2")
		},
		"signed out": func(_ http.Header, s *cloakroom.Session) { s.Logout() },
		"taken": func(h http.Header, s *cloakroom.Session) {
			s.SetPersistent(true)
			s.Save()
			h.Add("Set-Cookie", s.Cookie().String())
			h.Add("Set-Cookie", "other=1")
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			inside := s.browser()
			inside.set(a, "1")
			without := s.browser()
			without.set(a, "1")

			var want, got http.Header
			wantCalls := s.store.count(func() {
				want = inside.do(func(w http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
					h(w.Header(), x)
				}).Header()
			})
			gotCalls := s.store.count(func() {
				x := s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: "session=" + without.cookie})
				defer x.Close()
				got = http.Header{}
				h(got, x)
				if err := x.CommitHeader(got, nil); err != nil {
					t.Error(err)
				}
			})
			hideTickets(want, inside.cookie)
			hideTickets(got, without.cookie)
			if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotCalls, wantCalls) {
				t.Errorf("header %v and calls %v, want %v and %v", got, gotCalls, want, wantCalls)
			}
		})
	}
}

// hideTickets leaves of the cookies in h what does not depend on their ticket.
func hideTickets(h http.Header, ticket string) {
	for i, line := range h["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err == nil && ticket != "" && c.Value == ticket {
			c.Value = "ticket"
			h["Set-Cookie"][i] = c.String()
		}
	}
}

// TestCommitHeaderFails: after a commit that fails, the header is that of before, and no
// cache stores the response.
func TestCommitHeaderFails(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	x := s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: "session=" + tab.cookie})
	defer x.Close()
	a.Set(x, "2")
	s.store.intercept(func(string, string, func() error) error { return cloakroom.ErrFull })
	h := http.Header{"X-Handler": {"secret"}, "Set-Cookie": {"secret=1"}}
	err := x.CommitHeader(h, http.Header{"X-Outer": {"1"}, "Expires": {"0"}, "Cdn-Cache-Control": {"public"}})
	want := http.Header{
		"X-Outer": {"1"}, "Cache-Control": {"no-store"}, "Cdn-Cache-Control": {"no-store"},
	}
	if !errors.Is(err, cloakroom.ErrFull) || !reflect.DeepEqual(h, want) {
		t.Errorf("%v, header %v, want %v", err, h, want)
	}
	if err := x.CommitHeader(nil, nil); !errors.Is(err, cloakroom.ErrFull) {
		t.Errorf("without a header: %v", err)
	}
}

// TestCommitHeaderEnded: changes of a session that was ended are dropped, and the
// response goes out without a cookie.
func TestCommitHeaderEnded(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.login("ann")
	x := s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: "session=" + tab.cookie})
	defer x.Close()
	a.Set(x, "late")
	if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	if err := x.CommitHeader(h, nil); err != nil || h["Set-Cookie"] != nil {
		t.Errorf("%v, header %v", err, h)
	}
	if n := s.log.count("changes were dropped"); n != 1 {
		t.Errorf("reported %d times:\n%s", n, s.log)
	}
}

// TestAfterCommitHeader: what is changed afterwards is stored by another Save, unless it
// needs a new cookie.
func TestAfterCommitHeader(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	x := s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: "session=" + tab.cookie})
	if err := x.CommitHeader(nil, nil); err != nil {
		t.Fatal(err)
	}
	a.Set(x, "2")
	if err := x.Save(); err != nil || tab.value(a) != "2" {
		t.Errorf("%v, then %q", err, tab.value(a))
	}
	if err := x.Login("ann"); !errors.Is(err, cloakroom.ErrHeaderSent) {
		t.Errorf("a sign-in: %v", err)
	}
	x.Close()
	if tab.owner() != "" || tab.value(a) != "2" {
		t.Errorf("owner %q, %q", tab.owner(), tab.value(a))
	}
}

// TestCommitLate: what is changed after the header is committed, dropped where the session has ended,
// and else logged with the session's public ID and what is given.
func TestCommitLate(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(*site)
		want      []string // in the log
	}{
		"stored": {func(*site) {}, nil},
		"ended": {func(s *site) {
			if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
				t.Error(err)
			}
		}, []string{"this request's changes were dropped"}},
		"refused": {func(s *site) {
			s.store.around = func(string, string, func() error) error { return store.ErrRefused }
		}, []string{"is not stored", "session=ID ", "method=GET"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.login("ann")
			id := tab.id()
			x := s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: "session=" + tab.cookie})
			defer x.Close()
			if err := errors.Join(x.Load(), x.CommitHeader(nil, nil)); err != nil {
				t.Fatal(err)
			}
			a.Set(x, "1")
			test.meanwhile(s)
			x.CommitLate(slog.String("method", "GET"))
			log := strings.ReplaceAll(s.log.String(), id, "ID")
			for _, want := range test.want {
				if !strings.Contains(log, want) {
					t.Errorf("%q is not in %s", want, log)
				}
			}
			if test.want == nil && (log != "" || tab.value(a) != "1") {
				t.Errorf("%q is stored, the log is %s", tab.value(a), log)
			}
		})
	}
}

// TestCommitHeaderRefreshes: with a profile that asks for it, a session that was not
// touched is used all the same.
func TestCommitHeaderRefreshes(t *testing.T) {
	p := shared()
	p.RefreshEachRequest = true
	s := newSite(t, cloakroom.Options{Profile: p, Persistent: true})
	tab := s.browser()
	tab.set(a, "1")
	for cookies, want := range map[string]struct {
		lines int
		calls map[string]int
	}{
		"session=" + tab.cookie: {1, map[string]int{"load": 1, "touch": 1}},
		"":                      {0, map[string]int{}},
	} {
		h := http.Header{}
		calls := s.store.count(func() {
			x := s.m.OpenWith(t.Context(), cloakroom.Visit{Cookies: cookies})
			defer x.Close()
			if err := x.CommitHeader(h, nil); err != nil {
				t.Error(err)
			}
		})
		if len(h["Set-Cookie"]) != want.lines || !reflect.DeepEqual(calls, want.calls) {
			t.Errorf("%d cookies, calls %v, want %v", len(h["Set-Cookie"]), calls, want)
		}
	}
}

// TestTicketsWithoutCookies: a ticket that comes otherwise than by a cookie counts, and
// where tickets come in a header, no cookie does; a new one goes out by the header.
func TestTicketsWithoutCookies(t *testing.T) {
	for header, want := range map[string]string{"": "1", "Authorization": ""} {
		inHeader := map[string]string{"": "", "Authorization": "1"}[header]
		s := newSite(t, cloakroom.Options{RequestHeader: header})
		first := s.m.Open(t.Context(), "")
		a.Set(first, "1")
		h := http.Header{}
		if err := first.CommitHeader(h, nil); err != nil {
			t.Fatal(err)
		}
		ticket := first.Cookie().Value
		first.Close()
		if sent := h.Get("Session-Ticket") == ticket; sent != (header != "") || (h["Set-Cookie"] != nil) == sent {
			t.Errorf("%q: by header: %v, cookies: %d", header, sent, len(h["Set-Cookie"]))
		}
		for _, v := range []struct {
			cloakroom.Visit
			want string
		}{
			{cloakroom.Visit{Tickets: []string{"bad", ticket}}, "1"},
			{cloakroom.Visit{Tickets: []string{"bad"}, Cookies: "session=" + ticket}, ""},
			{cloakroom.Visit{Cookies: "session=" + ticket}, want},
			{cloakroom.Visit{Header: []string{"Basic x", "bearer " + ticket}}, inHeader},
			{cloakroom.Visit{Header: []string{ticket}}, ""},
		} {
			x := s.m.OpenWith(t.Context(), v.Visit)
			if got := a.Get(x); got != v.want {
				t.Errorf("%q: %d tickets, cookie %v: %q, want %q", header, len(v.Tickets), v.Cookies != "", got, v.want)
			}
			x.Close()
		}
	}
}
