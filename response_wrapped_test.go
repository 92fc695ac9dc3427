package cloakroom_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// everything is what net/http's writers can do besides writing, and what some
// frameworks assert without asking.
type everything interface {
	http.Flusher
	http.Hijacker
	http.Pusher
	io.ReaderFrom
	io.StringWriter
	CloseNotify() <-chan bool
	EnableFullDuplex() error
	FlushError() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	Unwrap() http.ResponseWriter
}

// plain is a writer that can do nothing else.
type plain struct{ http.ResponseWriter }

// able is one that can, and notes what it was asked.
type able struct {
	http.ResponseWriter
	asked []string
}

func (w *able) ask(what string) error { w.asked = append(w.asked, what); return nil }

func (w *able) FlushError() error                    { return w.ask("FlushError") }
func (w *able) SetReadDeadline(time.Time) error      { return w.ask("SetReadDeadline") }
func (w *able) SetWriteDeadline(time.Time) error     { return w.ask("SetWriteDeadline") }
func (w *able) EnableFullDuplex() error              { return w.ask("EnableFullDuplex") }
func (w *able) Push(string, *http.PushOptions) error { return w.ask("Push") }
func (w *able) CloseNotify() <-chan bool             { w.ask("CloseNotify"); return nil }
func (w *able) ReadFrom(r io.Reader) (int64, error) {
	w.ask("ReadFrom")
	return io.Copy(w.ResponseWriter, r)
}
func (w *able) WriteString(s string) (int, error) { w.ask("WriteString"); return len(s), nil }
func (w *able) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.ask("Hijack")
	return nil, nil, errors.New("not now")
}

// wraps is middleware outside that has only Unwrap.
type wraps struct{ http.ResponseWriter }

func (w wraps) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestWriterAbilities: the writer within has all methods, does what the one below can
// do, and says where it cannot.
func TestWriterAbilities(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	type result struct {
		what string
		err  error
	}
	use := func(below http.ResponseWriter) (results []result) {
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			all := w.(everything)
			note := func(what string, err error) { results = append(results, result{what, err}) }
			note("SetReadDeadline", all.SetReadDeadline(time.Now()))
			note("SetWriteDeadline", all.SetWriteDeadline(time.Now()))
			note("EnableFullDuplex", all.EnableFullDuplex())
			note("Push", all.Push("/style.css", nil))
			_, _, err := all.Hijack()
			note("Hijack", err)
			note("FlushError", all.FlushError())
		})).ServeHTTP(below, httptest.NewRequest(http.MethodGet, "/", nil))
		return results
	}
	for _, r := range use(plain{newRecorder()}) {
		if !errors.Is(r.err, http.ErrNotSupported) {
			t.Errorf("%s where nothing is supported: %v", r.what, r.err)
		}
	}
	for _, wrapped := range []bool{false, true} {
		w := &able{ResponseWriter: newRecorder()}
		below := http.ResponseWriter(w)
		if wrapped {
			below = wraps{w}
		}
		for i, r := range use(below) {
			if (r.err != nil) != (r.what == "Hijack") || i >= len(w.asked) || w.asked[i] != r.what {
				t.Errorf("%s: %v; asked %v", r.what, r.err, w.asked)
			}
		}
	}
}

// TestCloseNotify: it is the writer's below, or else tells of the end of the request's
// context.
func TestCloseNotify(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		closed := w.(everything).CloseNotify()
		select {
		case <-closed:
			t.Error("closed already")
		default:
		}
		cancel()
		<-closed
	})).ServeHTTP(plain{newRecorder()}, r)
	w := &able{ResponseWriter: newRecorder()}
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(everything).CloseNotify()
	})).ServeHTTP(wraps{w}, r)
	if fmt.Sprint(w.asked) != "[CloseNotify]" {
		t.Error(w.asked)
	}
}

// TestSwitchingProtocols: a handler that writes the 101 itself hands out the cookie
// with it, and may hijack then.
func TestSwitchingProtocols(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	h := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := s.m.Get(r)
		a.Set(session, "1")
		w.Header().Set("Upgrade", "chat")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "hello")
		b.Set(session, "after")
	}))
	returned := make(chan struct{})
	server, _ := s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(returned)
		h.ServeHTTP(w, r)
	}))
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	rest, err := io.ReadAll(r)
	if string(rest) != "hello" || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	<-returned // a server waits for no handler that has hijacked its connection
	if v := s.stored(resp, b); v != "after" {
		t.Errorf("b=%q", v)
	}
}

// TestPatternOutside: middleware outside sees the pattern and its values as without this one.
func TestPatternOutside(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	for pattern, path := range map[string]string{
		"GET /users/{id}":                "/users/7",
		"/a/{x}/b/{rest...}":             "/a/1/b/2/3",
		"example.com/{$}":                "/",
		"/plain":                         "/plain",
		"POST /elsewhere/{id}":           "/nowhere",
		"/odd/{":                         "",
		"/escaped/{percent}/{sla_sh...}": "/escaped/%20%2F/x",
	} {
		if path == "" {
			continue
		}
		bare, within := http.NewServeMux(), http.NewServeMux()
		for _, mux := range []*http.ServeMux{bare, within} {
			mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
		}
		want, got := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRequest(http.MethodGet, path, nil)
		bare.ServeHTTP(newRecorder(), want)
		s.m.Handler(within).ServeHTTP(newRecorder(), got)
		if got.Pattern != want.Pattern {
			t.Errorf("%s: pattern %q, want %q", path, got.Pattern, want.Pattern)
		}
		for _, name := range []string{"id", "x", "rest", "percent", "sla_sh", "$"} {
			if got.PathValue(name) != want.PathValue(name) {
				t.Errorf("%s: %s is %q, want %q", path, name, got.PathValue(name), want.PathValue(name))
			}
		}
	}
}

// TestPatternsOfRouters: patterns that are none of net/http's do no harm.
func TestPatternsOfRouters(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	for _, pattern := range []string{"", "{", "}", "{}", "{{", "/a/{id:[0-9]{2}}/x", "{a", "{a}{b}{", "/:id/*rest"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			r.Pattern = pattern
			r.SetPathValue("id", "7")
		})).ServeHTTP(newRecorder(), r)
		if r.Pattern != pattern || (r.PathValue("id") == "7") != strings.Contains(pattern, "{id") {
			t.Errorf("%q: pattern %q, id %q", pattern, r.Pattern, r.PathValue("id"))
		}
	}
}

// TestPersistentCookie: Max-Age stands beside Expires, and says the same by the
// server's clock.
func TestPersistentCookie(t *testing.T) {
	for _, lifetime := range []time.Duration{90 * time.Minute, 100 * 365 * 24 * time.Hour} {
		s := newSite(t, cloakroom.Options{Persistent: true, Lifetime: lifetime})
		tab := s.browser()
		w := tab.do(setting(a, "1"))
		c := w.Result().Cookies()[0]
		want := min(int64(lifetime/time.Second), 1<<31-1)
		if int64(c.MaxAge) != want || !c.Expires.Equal(s.clock.Now().Add(lifetime).Truncate(time.Second)) {
			t.Errorf("Max-Age=%d, Expires=%v", c.MaxAge, c.Expires)
		}
		s.clock.advance(10 * time.Minute)
		w = tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
		if c := w.Result().Cookies()[0]; int64(c.MaxAge) != min(int64(lifetime/time.Second)-600, 1<<31-1) {
			t.Errorf("renewed: Max-Age=%d", c.MaxAge)
		}
	}
}

// TestRecoveredOutside: after a panic, middleware outside answers as it likes, with a
// cookie only for what was committed.
func TestRecoveredOutside(t *testing.T) {
	for what, c := range map[string]struct {
		do      func(*cloakroom.Session)
		cookies int
	}{
		"a change":       {func(s *cloakroom.Session) { a.Set(s, "2"); s.Login("ann") }, 0},
		"a saved change": {func(s *cloakroom.Session) { s.Login("ann"); s.Save() }, 1},
		"a read":         {func(s *cloakroom.Session) { _ = a.Get(s) }, 0},
		"a sign-out":     {func(s *cloakroom.Session) { s.Logout() }, 1},
		"nothing":        {func(*cloakroom.Session) {}, 0},
	} {
		// the writer that the handler had, as Echo does, or the one outside
		for _, through := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, through %v", what, through), func(t *testing.T) {
				s := newSite(t, cloakroom.Options{})
				tab := s.browser()
				tab.set(a, "1")
				w := newRecorder()
				func() {
					out := http.ResponseWriter(w)
					defer func() {
						recover()
						out.WriteHeader(500)
						io.WriteString(out, "oops")
					}()
					s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if through {
							out = w
						}
						c.do(s.m.Get(r))
						panic("on purpose")
					})).ServeHTTP(w, tab.request())
				}()
				if w.Code != 500 || w.Body.String() != "oops" || len(w.Result().Cookies()) != c.cookies {
					t.Errorf("status %d, %d cookies\n%s", w.Code, len(w.Result().Cookies()), s.log)
				}
				if tab.takeCookies(w); what == "a change" && (tab.value(a) != "1" || tab.owner() != "") {
					t.Error("what was not committed is stored")
				} else if what == "a saved change" && tab.owner() != "ann" {
					t.Error("what was committed has no cookie")
				}
			})
		}
	}
}

// TestDiscard: what is pending is dropped, and nothing else.
func TestDiscard(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	cookie := tab.cookie
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		s.Login("ann")
		a.Set(s, "2")
		b.Update(s, shout)
		s.Flash("c", "m")
		s.SetPersistent(true)
		s.Discard()
		if a.Get(s) != "1" || s.Owner() != "" || s.IsPersistent() || len(s.Flashes()) > 0 {
			t.Error("it is still to be seen")
		}
	})
	if w.Code != 200 || len(w.Result().Cookies()) > 0 || tab.value(a) != "1" || tab.owner() != "" {
		t.Errorf("status %d, a=%q, owner %q", w.Code, tab.value(a), tab.owner())
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		s.Discard()
		a.Set(s, "3")
		if err := s.Save(); err != nil {
			t.Error(err)
		}
		a.Set(s, "4")
		s.Discard()
		b.Set(s, "5")
	})
	if x, y := tab.value(a), tab.value(b); x != "3" || y != "5" || tab.cookie != cookie {
		t.Errorf("a=%q b=%q", x, y)
	}
	fresh := s.browser()
	w = fresh.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann"); s.Discard() })
	if len(w.Result().Cookies()) > 0 || s.log.count("level=ERROR") > 0 {
		t.Errorf("%d cookies\n%s", len(w.Result().Cookies()), s.log)
	}
	var kept *cloakroom.Session
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { kept = s })
	kept.Discard()
	if err := kept.Err(); !errors.Is(err, cloakroom.ErrFinished) {
		t.Error(err)
	}
}

// TestDiscardAfterPanic: a panic within a change of the caller's leaves nothing behind either.
func TestDiscardAfterPanic(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	for _, do := range []func(s *cloakroom.Session){
		func(s *cloakroom.Session) { a.Update(s, func(string) string { panic("on purpose") }) },
		func(s *cloakroom.Session) { a.UpdateNow(s, func(string) string { panic("on purpose") }) },
		func(s *cloakroom.Session) { s.Transact(func(*cloakroom.Tx) error { panic("on purpose") }) },
	} {
		w := tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			defer func() {
				recover()
				s.Discard()
				w.WriteHeader(500)
			}()
			b.Set(s, "2")
			s.Login("ann")
			do(s)
		})
		if w.Code != 500 || tab.value(b) != "" || tab.owner() != "" {
			t.Errorf("status %d, b=%q, owner %q", w.Code, tab.value(b), tab.owner())
		}
	}
}

// TestUsedInVain: what takes a change in silence, since there is no session to take it,
// is logged once a place.
func TestUsedInVain(t *testing.T) {
	uses := map[string]func(*cloakroom.Session){
		"Set":           func(s *cloakroom.Session) { a.Set(s, "1") },
		"Get":           func(s *cloakroom.Session) { _ = a.Get(s) },
		"Flash":         func(s *cloakroom.Session) { s.Flash("c", "m") },
		"Flashes":       func(s *cloakroom.Session) { s.Flashes() },
		"Delete":        func(s *cloakroom.Session) { a.Delete(s) },
		"Update":        func(s *cloakroom.Session) { a.Update(s, shout) },
		"Clear":         func(s *cloakroom.Session) { s.Clear() },
		"SetPersistent": func(s *cloakroom.Session) { s.SetPersistent(true) },
	}
	for what, use := range uses {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			for range 3 {
				use(s.m.Get(httptest.NewRequest(http.MethodGet, "/", nil)))
			}
			if n := s.log.count("level=ERROR"); n != 1 || s.log.count("wrapped_test.go:") != 1 || s.log.count("Manager.Handler") != 1 {
				t.Errorf("without the middleware: %d lines\n%s", n, s.log)
			}
			s = newSite(t, cloakroom.Options{})
			tab := s.browser()
			for range 3 {
				var after sync.WaitGroup
				done := make(chan struct{})
				after.Add(1)
				tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					go func() {
						defer after.Done()
						<-done
						use(s)
					}()
				})
				close(done)
				after.Wait()
			}
			if n := s.log.count("level=ERROR"); n != 1 || s.log.count("wrapped_test.go:") != 1 || s.log.count("after its request") != 1 {
				t.Errorf("after the handler: %d lines\n%s", n, s.log)
			}
		})
	}
}

// TestHijackFails: the response that is sent instead has the cookies as they are by
// then, each once.
func TestHijackFails(t *testing.T) {
	p := shared()
	p.ClearCookies = []*http.Cookie{{Name: "remember", Path: "/"}}
	for _, profile := range []*cloakroom.Profile{nil, p} {
		s := newSite(t, cloakroom.Options{Profile: profile})
		tab := s.browser()
		tab.login("ann")
		below := newRecorder()
		r := tab.request()
		r.AddCookie(&http.Cookie{Name: "remember", Value: "1"})
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			session := s.m.Get(r)
			session.Logout()
			session.Login("bob")
			if err := session.Save(); err != nil {
				t.Error(err)
			}
			session.Cookies() // for the upgrade
			if _, _, err := w.(http.Hijacker).Hijack(); err == nil || errors.Is(err, cloakroom.ErrHeaderSent) {
				t.Error(err)
			}
			session.Renew() // which a header that has left would refuse
		})).ServeHTTP(&able{ResponseWriter: below}, r)
		named := map[string]int{}
		for _, c := range below.Result().Cookies() {
			named[c.Name]++
		}
		want := map[string]int{"session": 1}
		if profile != nil {
			want["remember"] = 1
		}
		tab.takeCookies(below)
		if !maps.Equal(named, want) || below.Code != 200 || tab.owner() != "bob" {
			t.Errorf("status %d, cookies %v, owner %q\n%s", below.Code, named, tab.owner(), s.log)
		}
	}
}
