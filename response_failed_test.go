package cloakroom_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestNothingLeavesAfterFailure: once a commit has failed, nothing that the handler
// puts into the header leaves, by any way that net/http has: not as a header or a
// cookie, nor as a trailer, declared or not.
func TestNothingLeavesAfterFailure(t *testing.T) {
	const secret = "SECRET"
	all := func(h http.Header) {
		h.Set("X-Late", secret)
		h.Set("X-Declared", secret)
		h.Set(http.TrailerPrefix+"X-Trailer", secret)
		h.Add("Set-Cookie", "late="+secret)
		h.Add("X-Outer", secret)
		h.Del("X-Error")
	}
	long := func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.Header().Set("X-Error", "kept")
		w.Header().Set("Trailer", "X-Own")
		w.WriteHeader(503)
		io.WriteString(w, strings.Repeat("sorry ", 1000)) // chunked, so that there can be trailers
		w.Header().Set("X-Own", "kept")
	}
	for what, h := range map[string]handlerFunc{
		"the header asked for anew": func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
			w.Header().Set("Trailer", "X-Declared")
			io.WriteString(w, "hello")
			all(w.Header())
		},
		"the header kept": func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
			h := w.Header()
			h.Set("Trailer", "X-Declared")
			w.WriteHeader(200)
			all(h)
		},
		"a panic": func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
			h := w.Header()
			w.WriteHeader(200)
			all(h)
			all(w.Header())
			panic(http.ErrAbortHandler)
		},
		"the header set before": func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
			all(w.Header())
			w.Header().Set("Trailer", "X-Declared")
		},
		"more writes": func(w http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {
			for range 2 {
				if _, err := io.WriteString(w, secret); err == nil {
					t.Error("a write succeeds")
				}
				if err := http.NewResponseController(w).Flush(); err == nil {
					t.Error("a flush succeeds")
				}
				w.WriteHeader(200)
				w.WriteHeader(http.StatusEarlyHints)
				all(w.Header())
			}
			w.(io.ReaderFrom).ReadFrom(strings.NewReader(secret))
			w.(http.Hijacker).Hijack()
		},
	} {
		s := newSite(t, cloakroom.Options{Timeout: 30 * time.Millisecond, ErrorHandler: long})
		s.store.intercept(func(string, string, func() error) error { return errors.New("down") })
		inner := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.Set(s.m.Get(r), "1")
			h(w, r, s.m.Get(r))
		}))
		outer := func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler {
					panic(p)
				}
			}()
			w.Header().Set("X-Outer", "kept")
			inner.ServeHTTP(w, r)
		}
		for where, h := range map[string]http.Handler{
			"outermost":               http.HandlerFunc(outer),
			"a TimeoutHandler around": http.TimeoutHandler(http.HandlerFunc(outer), time.Minute, "slow"),
		} {
			for _, h2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, HTTP/2 %v", what, where, h2), func(t *testing.T) {
					resp, body := overTLS(t, h, h2)
					if text := fmt.Sprint(resp.Header, resp.Trailer, body); strings.Contains(text, secret) || strings.Contains(text, "hello") {
						t.Errorf("header %v, trailer %v", resp.Header, resp.Trailer)
					}
					if resp.StatusCode != 503 || resp.Header.Get("X-Error") != "kept" || resp.Header.Get("X-Outer") != "kept" {
						t.Errorf("status %d, header %v", resp.StatusCode, resp.Header)
					}
					if where == "outermost" && resp.Trailer.Get("X-Own") != "kept" {
						t.Errorf("the error handler's trailer is lost: %v", resp.Trailer)
					}
				})
			}
		}
	}
}

// overTLS performs one request to a server of its own.
func overTLS(t *testing.T, h http.Handler, h2 bool) (*http.Response, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = h2
	server.StartTLS()
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if h2 != (resp.ProtoMajor == 2) {
		t.Fatal(resp.Proto)
	}
	return resp, string(body)
}

// TestFailureIsLogged: with method and pattern, and without path or query.
func TestFailureIsLogged(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 30 * time.Millisecond})
	s.store.intercept(func(string, string, func() error) error { return errors.New("down") })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reset/{token}", func(_ http.ResponseWriter, r *http.Request) { a.Set(s.m.Get(r), "1") })
	s.m.Handler(mux).ServeHTTP(newRecorder(), httptest.NewRequest(http.MethodGet, "/reset/SECRET?q=SECRET", nil))
	line := s.log.String()
	if !strings.Contains(line, `pattern="GET /reset/{token}"`) || !strings.Contains(line, "method=GET") || strings.Contains(line, "SECRET") {
		t.Error(line)
	}
}

// TestCommitPanics: a panic of the store in the commit that the handler recovers, or
// middleware outside, sends nothing of the handler's.
func TestCommitPanics(t *testing.T) {
	for _, inside := range []bool{true, false} {
		s := newSite(t, cloakroom.Options{})
		s.store.intercept(func(string, string, func() error) error { panic("on purpose") })
		w := newRecorder()
		try := func(f func()) {
			defer func() { recover() }()
			f()
		}
		try(func() {
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.Set(s.m.Get(r), "1")
				w.Header().Set("X-Secret", "SECRET")
				if !inside {
					w.WriteHeader(200)
				}
				try(func() { w.WriteHeader(200) })
				w.Header().Set("X-Secret", "SECRET")
			})).ServeHTTP(w, s.browser().request())
		})
		if w.Header().Get("X-Secret") != "" || inside != (w.Code == 503) {
			t.Errorf("inside %v: status %d, %v", inside, w.Code, w.Header())
		}
	}
}
