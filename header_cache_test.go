package cloakroom_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestCacheControl: whatever a handler says, no shared cache stores a response with our
// cookie, nor one before which the session was read, and what is said to the visitor's
// own cache stays.
func TestCacheControl(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"", "private"},
		{"public", "private"},
		{"public, max-age=60", "private, max-age=60"},
		{"PUBLIC , Max-Age=60", "private, Max-Age=60"},
		{"s-maxage=60", "private"},
		{"max-age=60, s-maxage=600, stale-while-revalidate=5", "private, max-age=60, stale-while-revalidate=5"},
		{"public|max-age=60", "private, max-age=60"},
		{"private", "private"},
		{"private, max-age=60", "private, max-age=60"},
		{"Private,public", "private"},
		{`private="Set-Cookie", max-age=60`, "private, max-age=60"},
		{`private="Set-Cookie, public", max-age=60`, "private, max-age=60"},
		{`no-cache="a, public, b"`, `private, no-cache="a, public, b"`},
		{`x="a\", public", no-store`, `x="a\", public", no-store`},
		{"no-cache", "private, no-cache"},
		{"no-store", "no-store"},
		{"no-store, public", "private, no-store"},
		{"no-store, must-understand", "private, no-store"},
		{"must-revalidate, proxy-revalidate, max-age=0", "private, must-revalidate, max-age=0"},
		{"immutable,,max-age=60,", "private, immutable, max-age=60"},
		{`x="`, `private, x="`},
	} {
		for what, do := range map[string]func(*cloakroom.Session){
			"set":  func(s *cloakroom.Session) { a.Set(s, "1"); s.AllowSharedCache() },
			"read": func(s *cloakroom.Session) { _ = a.Get(s) },
		} {
			s := newSite(t, cloakroom.Options{})
			w := s.browser().do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				do(s)
				if c.said != "" {
					w.Header()["Cache-Control"] = strings.Split(c.said, "|")
				}
			})
			if got := strings.Join(w.Header()["Cache-Control"], "|"); got != c.want {
				t.Errorf("%s, %q gives %q, want %q", what, c.said, got, c.want)
			}
		}
	}
}

// TestOtherCacheHeaders: shared caches listen to more than Cache-Control, and some to
// that rather.
func TestOtherCacheHeaders(t *testing.T) {
	const late, early = "Thu, 01 Dec 2033 16:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"
	said := http.Header{
		"Cdn-Cache-Control":             {"max-age=60"},
		"CDN-Cache-Control":             {"max-age=60"},
		"Cloudflare-Cdn-Cache-Control":  {"max-age=60"},
		"X-Litespeed-Cache-Control":     {"public,max-age=60"},
		"Surrogate-Control":             {"max-age=60"},
		"Edge-Control":                  {"!no-store, max-age=60"},
		"X-Accel-Expires":               {"60"},
		"Expires":                       {late},
		"cache-control":                 {"public, max-age=60"},
		"Etag":                          {`"x"`},
		"Surrogate-Key":                 {"page"},
		"Access-Control-Expose-Headers": {"Cache-Control"},
	}
	want := maps.Clone(said)
	for _, name := range []string{"Cdn-Cache-Control", "CDN-Cache-Control", "Cloudflare-Cdn-Cache-Control", "X-Litespeed-Cache-Control", "Surrogate-Control", "Edge-Control"} {
		want[name] = []string{"no-store"}
	}
	want["X-Accel-Expires"], want["Vary"], want["Cache-Control"] = []string{"0"}, []string{"Cookie"}, []string{"private, max-age=60"}
	delete(want, "Expires")
	delete(want, "cache-control")
	s := newSite(t, cloakroom.Options{})
	respond := func(do func(*cloakroom.Session)) http.Header {
		return s.browser().do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			maps.Copy(w.Header(), said)
			do(s)
		}).Header()
	}
	same := func(a, b http.Header) bool { return maps.EqualFunc(a, b, slices.Equal[[]string]) }
	read := respond(func(s *cloakroom.Session) { _ = a.Get(s) })
	if !same(read, want) {
		t.Errorf("read: %v", read)
	}
	set := respond(func(s *cloakroom.Session) { a.Set(s, "1") })
	delete(set, "Set-Cookie")
	if !same(set, want) {
		t.Errorf("set: %v", set)
	}
	if got := respond(func(*cloakroom.Session) {}); !same(got, said) {
		t.Errorf("untouched: %v", got)
	}
	shared := respond(func(s *cloakroom.Session) { _ = a.Get(s); s.AllowSharedCache() })
	if delete(shared, "Vary"); !same(shared, said) {
		t.Errorf("shareable: %v", shared)
	}
	w := s.browser().do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.Header().Set("Expires", early)
		_ = a.Get(s)
	})
	if w.Header().Get("Expires") != early || w.Header().Get("Cache-Control") != "private" {
		t.Errorf("expired: %v", w.Header())
	}
}

// TestCookieClearedIsPrivate: a cookie that is cleared, ours or another's, is not to be
// stored either.
func TestCookieClearedIsPrivate(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	w := tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		s.Logout()
		s.AllowSharedCache()
	})
	if w.Header().Get("Cache-Control") != "private, max-age=60" || len(w.Result().Cookies()) != 1 {
		t.Errorf("%v", w.Header()["Cache-Control"])
	}
}

// TestFailureIsNotStored: the error of one visitor is no other's page, whatever
// middleware outside says of caching.
func TestFailureIsNotStored(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 30 * time.Millisecond})
	s.store.intercept(func(string, string, func() error) error { return errors.New("down") })
	w := newRecorder()
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("CDN-Cache-Control", "max-age=60")
	w.Header().Set("Expires", "Thu, 01 Dec 2033 16:00:00 GMT")
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { a.Set(s.m.Get(r), "1") })).
		ServeHTTP(w, s.browser().request())
	h := w.Header()
	if w.Code != 503 || h.Get("Cache-Control") != "no-store" || h.Get("CDN-Cache-Control") != "no-store" || h.Get("Expires") != "" {
		t.Errorf("status %d, %v", w.Code, h)
	}
}
