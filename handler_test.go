package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestAfterHeader: changes after the header left are committed at the end when the
// session has its cookie, and are an error when they would need a new one.
func TestAfterHeader(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	w := tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.WriteHeader(200)
		a.Set(s, "1")
		if err := s.Err(); !errors.Is(err, cloakroom.ErrHeaderSent) {
			t.Errorf("Set: %v, want ErrHeaderSent", err)
		}
	})
	if w.Code != 200 || tab.cookie != "" || s.log.count("after the response had begun") != 1 {
		t.Errorf("status %d\n%s", w.Code, s.log)
	}
	tab.set(a, "1")
	tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.WriteHeader(200)
		a.Set(s, "2")
	})
	if v := tab.value(a); v != "2" {
		t.Errorf("a=%q", v)
	}
	for name, f := range map[string]func(*cloakroom.Session) error{
		"Login": func(s *cloakroom.Session) error { return s.Login("ann") },
		"Renew": (*cloakroom.Session).Renew,
	} {
		tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			w.WriteHeader(200)
			if err := f(s); !errors.Is(err, cloakroom.ErrHeaderSent) {
				t.Errorf("%s: %v, want ErrHeaderSent", name, err)
			}
		})
	}
	if tab.owner() != "" {
		t.Error("signed in without a ticket")
	}
}

// TestTimeoutHandler: it may stand on either side. A handler that goes on after its
// time was up uses its session in vain: every use is an error, and never a write.
func TestTimeoutHandler(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	for _, inside := range []bool{true, false} {
		t.Run(fmt.Sprintf("inside %v", inside), func(t *testing.T) {
			var wg sync.WaitGroup
			wg.Add(1)
			finished := make(chan struct{})
			h := http.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				defer wg.Done()
				session := s.m.Get(r)
				a.Get(session)
				<-r.Context().Done()
				if !inside {
					return
				}
				<-finished
				a.Set(session, "late")
				if _, err := a.UpdateNow(session, shout); !errors.Is(err, cloakroom.ErrFinished) {
					t.Errorf("UpdateNow: %v, want ErrFinished", err)
				}
				if err := session.Save(); !errors.Is(err, cloakroom.ErrFinished) {
					t.Errorf("Save: %v, want ErrFinished", err)
				}
				if err := session.Logout(); !errors.Is(err, cloakroom.ErrFinished) {
					t.Errorf("Logout: %v, want ErrFinished", err)
				}
				if v := a.Get(session); v != "" {
					t.Errorf("Get: %q", v)
				}
			}))
			if inside {
				h = s.m.Handler(http.TimeoutHandler(h, 10*time.Millisecond, "too slow"))
			} else {
				h = http.TimeoutHandler(s.m.Handler(h), 10*time.Millisecond, "too slow")
			}
			w := newRecorder()
			h.ServeHTTP(w, tab.request())
			close(finished)
			wg.Wait()
			if w.Code != 503 || w.Body.String() != "too slow" || tab.value(a) != "1" {
				t.Errorf("status %d, body %q, a=%q", w.Code, w.Body, tab.value(a))
			}
		})
	}
	quick := s.m.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Set(s.m.Get(r), "2")
		if err := s.m.Get(r).Save(); err != nil {
			t.Error(err)
		}
	}), time.Minute, ""))
	w := newRecorder()
	quick.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if resp := w.Result(); resp.StatusCode != 200 || s.stored(resp, a) != "2" {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestHeaders: Vary and Cache-Control when the session was looked at.
func TestHeaders(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	check := func(what string, w *httptest.ResponseRecorder, vary, cache string) {
		t.Helper()
		if v := strings.Join(w.Header()["Vary"], "|"); v != vary {
			t.Errorf("%s: Vary %q, want %q", what, v, vary)
		}
		if v := strings.Join(w.Header()["Cache-Control"], "|"); v != cache {
			t.Errorf("%s: Cache-Control %q, want %q", what, v, cache)
		}
	}
	check("untouched", tab.do(nothing), "", "")
	check("read", tab.do(getting(a)), "Cookie", "private")
	check("set", tab.do(setting(a, "1")), "Cookie", "private")
	check("set again", tab.do(setting(a, "2")), "Cookie", "private")
	check("vary already", tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.Header().Set("Vary", "Accept, cookie")
		a.Get(s)
	}), "Accept, cookie", "private")
	check("cached elsewhere", tab.do(func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		w.Header().Set("Cache-Control", "no-store")
		s.Login("ann")
	}), "Cookie", "no-store")
}

// TestRequire: it fails before the handler runs.
func TestRequire(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 20 * time.Millisecond})
	tab := s.browser()
	tab.set(a, "1")
	ran := 0
	required := s.m.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran++ }))
	serve := func(h http.Handler) int {
		w := newRecorder()
		h.ServeHTTP(w, tab.request())
		return w.Code
	}
	if code := serve(s.m.Handler(required)); code != 200 || ran != 1 {
		t.Errorf("status %d, ran %d times", code, ran)
	}
	if code := serve(required); code != 503 || ran != 1 {
		t.Errorf("without the middleware: status %d, ran %d times", code, ran)
	}
	s.store.intercept(func(string, string, func() error) error { return errLost })
	if code := serve(s.m.Handler(required)); code != 503 || ran != 1 {
		t.Errorf("store down: status %d, ran %d times", code, ran)
	}
}

// TestNoMiddleware: using a session without it is an error, not a panic.
func TestNoMiddleware(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	session := s.m.Get(httptest.NewRequest(http.MethodGet, "/", nil))
	a.Set(session, "1")
	if _, err := a.UpdateNow(session, shout); !errors.Is(err, cloakroom.ErrNoMiddleware) {
		t.Errorf("UpdateNow: %v", err)
	}
	for name, err := range map[string]error{
		"Err": session.Err(), "Load": session.Load(), "Save": session.Save(), "Login": session.Login("ann"),
		"Logout": session.Logout(), "Renew": session.Renew(), "Reload": session.Reload(), "KeepAlive": session.KeepAlive(),
	} {
		if !errors.Is(err, cloakroom.ErrNoMiddleware) {
			t.Errorf("%s: %v, want ErrNoMiddleware", name, err)
		}
	}
	if a.Get(session) != "" || session.ID() != "" || session.Owner() != "" || session.IsNew() || session.Flashes() != nil {
		t.Error("it holds something")
	}
}

// TestNested: the middleware within itself is there once.
func TestNested(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	w := newRecorder()
	s.m.Handler(s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		a.Set(s.m.Get(r), "1")
		if s.m.Get(r) != s.m.FromContext(context.WithValue(r.Context(), t, 1)) {
			t.Error("two sessions of one request")
		}
	}))).ServeHTTP(w, tab.request())
	if n := len(w.Result().Cookies()); n != 1 {
		t.Errorf("%d cookies", n)
	}
}

// TestWithoutHTTP: open, use, save, and hand out the cookie.
func TestWithoutHTTP(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	session := s.m.Open(t.Context(), "")
	a.Set(session, "1")
	if err := session.Save(); err != nil {
		t.Fatal(err)
	}
	cookie := session.Cookie()
	if cookie == nil || cookie.Name != "session" || session.IsNew() {
		t.Fatalf("cookie %v", cookie)
	}
	session.Close()
	a.Set(session, "2")
	if err := session.Save(); !errors.Is(err, cloakroom.ErrFinished) {
		t.Errorf("Save after Close: %v", err)
	}
	got := s.store.count(func() {
		session = s.m.Open(t.Context(), cookie.Value)
		if v := a.Get(session); v != "1" || session.Cookie() != nil {
			t.Errorf("a=%q, cookie %v", v, session.Cookie() != nil)
		}
		session.Close()
	})
	if !maps.Equal(got, map[string]int{"load": 1}) {
		t.Errorf("calls %v", got)
	}
}
