package cloakroom_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestP4CommitError: when the commit fails, the client gets one clean 503 and no cookie.
func TestP4CommitError(t *testing.T) {
	for _, op := range []string{"load", "create", "replace", "move", "delete"} {
		t.Run(op, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Timeout: 50 * time.Millisecond})
			tab := s.browser()
			if op != "create" {
				tab.set(a, "1")
			}
			before := tab.other()
			s.store.intercept(func(got, _ string, do func() error) error {
				if got == op {
					return errors.New("the disk is on fire")
				}
				return do()
			})
			w := tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				h := w.Header()
				h.Set("Content-Length", "6")
				h.Set("Location", "/account")
				h.Set("ETag", `"1"`)
				h.Set("Content-Encoding", "gzip")
				h.Add("Set-Cookie", "other=1")
				switch op {
				case "load":
					a.Get(s)
				case "move":
					s.Login("ann")
				case "delete":
					s.Logout()
				default:
					a.Set(s, "2")
				}
				w.WriteHeader(http.StatusFound)
				if _, err := w.Write([]byte("secret")); err == nil {
					t.Error("Write reported no error")
				}
			})
			s.store.intercept(nil)
			if w.Code != http.StatusServiceUnavailable || w.Body.String() != "Service Unavailable\n" {
				t.Errorf("status %d, body %q", w.Code, w.Body)
			}
			for _, h := range []string{"Set-Cookie", "Location", "Etag", "Content-Encoding"} {
				if v := w.Header().Get(h); v != "" {
					t.Errorf("%s: %q was sent", h, v)
				}
			}
			if op != "create" && before.value(a) != "1" {
				t.Errorf("value %q, want the old one", before.value(a))
			}
			if !strings.Contains(s.log.String(), "the disk is on fire") {
				t.Errorf("not logged: %s", s.log)
			}
		})
	}
}

// TestP4OuterHeaders: what outer middleware had set stays in the error response.
func TestP4OuterHeaders(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 20 * time.Millisecond})
	tab := s.browser()
	tab.set(a, "1")
	s.store.intercept(func(string, string, func() error) error { return errors.New("down") })
	w := newRecorder()
	w.Header().Set("Strict-Transport-Security", "max-age=1")
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=0")
		w.Header().Set("X-Balance", "100")
		a.Get(s.m.Get(r))
	})).ServeHTTP(w, tab.request())
	if w.Code != 503 || w.Header().Get("Strict-Transport-Security") != "max-age=1" || w.Header().Get("X-Balance") != "" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
}

// TestP5NothingSecret: the store and the log never see a ticket.
func TestP5NothingSecret(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 20 * time.Millisecond})
	var ids []string
	s.store.intercept(func(_, id string, do func() error) error {
		ids = append(ids, id)
		return do()
	})
	tab := s.browser()
	tab.set(a, "1")
	first := tab.cookie
	tab.login("ann")
	var id string
	var printed string
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		id = s.ID()
		printed = fmt.Sprintf("%v %+v %#v %s %s", s, s, s, s.Err(), s.LogValue())
		if s.LogValue().String() != id {
			t.Errorf("the session is logged as %q", s.LogValue())
		}
	})
	s.store.intercept(func(string, string, func() error) error { return errors.New("down") })
	tab.do(setting(a, "2"))
	everything := strings.Join(ids, " ") + s.log.String() + id + printed
	for _, secret := range []string{first, tab.cookie} {
		if len(secret) != 43 || strings.Contains(everything, secret) {
			t.Error("a ticket was seen outside of the cookie")
		}
	}
	for _, i := range ids {
		if len(i) != 64 || strings.Contains(id, i[:20]) {
			t.Errorf("store id %q, public ID %q", i, id)
		}
	}
}

// TestP6Fixation: an unknown ticket is never adopted, and signing in changes the ticket.
func TestP6Fixation(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	unknown := strings.Repeat("A", 43)
	tab := s.browser()
	tab.cookie = unknown
	if got := s.store.count(func() { tab.do(getting(a)) }); !maps.Equal(got, map[string]int{"load": 1}) {
		t.Errorf("an unknown ticket cost %v", got)
	}
	tab.set(a, "1")
	if tab.cookie == unknown || len(tab.cookie) != 43 {
		t.Error("an unknown ticket was adopted")
	}
	before := tab.other()
	tab.login("ann")
	if tab.cookie == before.cookie {
		t.Error("signing in kept the ticket")
	}
	if v := before.value(a); v != "" {
		t.Error("the old ticket still works")
	}
	if v := tab.value(a); v != "1" {
		t.Errorf("value %q: signing in lost it", v)
	}
}

// TestP7BadCookies: what is not a well-formed ticket never reaches the store.
func TestP7BadCookies(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	good := tab.cookie
	other := good[:42] + string(rune(good[42]+1)) // other spare bits: decodes to the same bytes
	for _, bad := range []string{
		"", "x", good[:42], good + "A", good + "=", good[:42] + "=", "+" + good[1:], "/" + good[1:], `"` + good + `"`, other,
		strings.Repeat("A", 5000), good[:20] + "\x00" + good[21:], good[:20] + "é" + good[22:], " ", good + " x",
	} {
		tab.cookie = bad
		var w interface{ Result() *http.Response }
		got := s.store.count(func() { w = tab.do(getting(a)) })
		if len(got) > 0 || w.Result().StatusCode != 200 || len(w.Result().Cookies()) > 0 {
			t.Errorf("cookie %.60q: calls %v, status %d, cookies %d", bad, got, w.Result().StatusCode, len(w.Result().Cookies()))
		}
	}
}

// TestP8Clocks: both timeouts are on, and the absolute one is enforced whatever the
// store says.
func TestP8Clocks(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	idle := s.browser()
	idle.set(a, "1")
	busy := idle.other()
	busy.cookie = ""
	busy.set(a, "2")
	s.clock.advance(29 * time.Minute)
	if v := busy.value(a); v != "2" {
		t.Errorf("value %q before the idle timeout", v)
	}
	s.clock.advance(2 * time.Minute)
	if v := idle.value(a); v != "" {
		t.Error("an idle session has not expired")
	}
	for range 11*4 - 1 {
		s.clock.advance(15 * time.Minute)
		if v := busy.value(a); v != "2" {
			t.Fatal("a session in use has expired early")
		}
	}
	s.clock.advance(29 * time.Minute)
	busy.value(a)
	s.clock.advance(20 * time.Minute)
	if v := busy.value(a); v != "" {
		t.Error("a session has outlived its absolute deadline")
	}
}

// TestP9Bounded: a session that is too large is refused with a clear error, and stays
// as it was.
func TestP9Bounded(t *testing.T) {
	s := newSite(t, cloakroom.Options{MaxBytes: 2000, MaxValues: 3})
	tab := s.browser()
	tab.set(a, "1")
	for name, h := range map[string]handlerFunc{
		"bytes": setting(b, strings.Repeat("x", 2000)),
		"values": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			for i := range 3 {
				cloakroom.Key[int](fmt.Sprint(i)).Set(s, i)
			}
		},
	} {
		if w := tab.do(h); w.Code != 503 || !strings.Contains(s.log.String(), "too large") {
			t.Errorf("%s: status %d\n%s", name, w.Code, s.log)
		}
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if _, err := b.UpdateNow(s, func(string) string { return strings.Repeat("x", 2000) }); !errors.Is(err, cloakroom.ErrTooLarge) {
			t.Errorf("UpdateNow: %v, want ErrTooLarge", err)
		}
		a.Set(s, "2") // what UpdateNow failed to do is not tried again
	})
	if v := tab.value(a); v != "2" {
		t.Errorf("value %q", v)
	}
}
