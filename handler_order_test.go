package cloakroom_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

type middleware = func(http.Handler) http.Handler

// orders are what docs/middleware.md tells of middleware around and within
// Manager.Handler, as it is seen to be. Each returns the text of a cell.
var orders = []struct {
	what string
	run  func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string
}{
	{"`http.TimeoutHandler`, and the handler is too slow", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		answered, returned := make(chan struct{}), make(chan struct{})
		slow := func(h http.Handler) http.Handler {
			return http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}), 300*time.Millisecond, "slow") // in which the first change is made
		}
		w := serve(slow, func(_ http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
			a.Set(s, "before")
			<-r.Context().Done()
			<-answered
			b.Set(s, "after")
		}) // returns at the time-out
		close(answered)
		<-returned
		return fmt.Sprintf("%d; %s", w.Code, stored(s, "what was set in time is stored", "all that it sets is stored"))
	}},
	{"recovers from panics and answers 500", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		w := serve(recovers(func(*http.Request) {}), func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Set(s, "before")
			panic("on purpose")
		})
		return fmt.Sprintf("%d; %s", w.Code, stored(s, "what was set before the panic is stored", ""))
	}},
	{"the same, and calls `Session.Discard` first", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		w := serve(recovers(func(r *http.Request) { s.m.Get(r).Discard() }), func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Set(s, "before")
			panic("on purpose")
		})
		return fmt.Sprintf("%d; %s", w.Code, stored(s, "what was set before the panic is stored", ""))
	}},
	{"buffers or compresses the response, and a new session is first written to after the first byte", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		s.tab.cookie = ""
		w := serve(buffers, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			io.WriteString(w, "page")
			a.Set(s, "before")
		})
		if n := len(w.Result().Cookies()); n == 0 {
			return "it comes too late: nothing is stored, and that is logged"
		}
		return "it is stored"
	}},
	{"uses the session itself", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		uses := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				a.Set(s.m.Get(r), "before")
				h.ServeHTTP(w, r)
			})
		}
		serve(uses, nothing)
		if s.log.count("did not pass through") > 0 {
			return "there is none: `ErrNoMiddleware`, and that is logged"
		}
		return stored(s, "it has the handler's", "")
	}},
	{"looks at the status, and the commit fails", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		seen := 0
		looks := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(statusOf{w, &seen}, r) })
		}
		s.store.intercept(failReplace)
		defer s.store.intercept(nil)
		w := serve(looks, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Set(s, "before")
			w.WriteHeader(200)
		})
		return fmt.Sprintf("it sees %d, the client %d", seen, w.Code)
	}},
	{"sets a header first, and the commit fails", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		sets := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Header", "1")
				h.ServeHTTP(w, r)
			})
		}
		s.store.intercept(failReplace)
		defer s.store.intercept(nil)
		w := serve(sets, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Set(s, "before") })
		return fmt.Sprintf("the %d %s it", w.Code, map[bool]string{true: "has", false: "is without"}[w.Header().Get("X-Header") != ""])
	}},
	{"writes `Cache-Control: public` first", func(_ *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		public := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public")
				h.ServeHTTP(w, r)
			})
		}
		return cacheControl(serve(public, getting(a)))
	}},
	{"writes `Cache-Control: public` when the header is written", func(_ *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		public := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(publicLate{w}, r) })
		}
		return cacheControl(serve(public, func(w http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			_ = a.Get(s)
			w.WriteHeader(200)
		}))
	}},
	{"refuses the request, as `http.CrossOriginProtection` does", func(s *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		refuses := func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		}
		calls := s.store.count(func() { serve(refuses, nothing) })
		return fmt.Sprintf("no session is loaded: %d calls of the store", len(calls))
	}},
	{"reads `Request.Pattern` afterwards", func(_ *site, serve func(middleware, handlerFunc) *httptest.ResponseRecorder) string {
		pattern := ""
		reads := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r)
				pattern = r.Pattern
			})
		}
		serve(reads, func(_ http.ResponseWriter, r *http.Request, _ *cloakroom.Session) { r.Pattern = "GET /" })
		return map[bool]string{true: "it is there", false: "it is not there"}[pattern == "GET /"]
	}},
}

// recovers is middleware that answers 500 after a panic.
func recovers(first func(*http.Request)) middleware {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					first(r)
					w.WriteHeader(500)
				}
			}()
			h.ServeHTTP(w, r)
		})
	}
}

// buffers is middleware that sends the response when the handler has returned.
func buffers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := &buffer{ResponseWriter: w}
		h.ServeHTTP(b, r)
		w.Write(b.body.Bytes())
	})
}

type buffer struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { return b.body.Write(p) }

type statusOf struct {
	http.ResponseWriter
	seen *int
}

func (w statusOf) WriteHeader(status int) { *w.seen = status; w.ResponseWriter.WriteHeader(status) }

type publicLate struct{ http.ResponseWriter }

func (w publicLate) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "public")
	w.ResponseWriter.WriteHeader(status)
}

func failReplace(op, _ string, do func() error) error {
	if op == "replace" {
		return cloakroom.ErrFull // which is told at once
	}
	return do()
}

func cacheControl(w *httptest.ResponseRecorder) string {
	if w.Header().Get("Cache-Control") == "private" {
		return "it becomes private"
	}
	return "**it stays " + w.Header().Get("Cache-Control") + "**"
}

// stored tells what the site's one session holds.
func stored(s *site, before, after string) string {
	switch {
	case s.tab.value(b) == "after":
		return after
	case s.tab.value(a) == "before":
		return before
	}
	return "nothing is stored"
}

// TestOrder: the table of docs/middleware.md is true, and has nothing else in it.
func TestOrder(t *testing.T) {
	page, err := os.ReadFile("docs/middleware.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, o := range orders {
		cells := []string{o.what}
		for _, around := range []bool{true, false} {
			s := newSite(t, cloakroom.Options{})
			s.tab = s.browser()
			s.tab.set(a, "at first")
			cells = append(cells, o.run(s, func(mw middleware, h handlerFunc) *httptest.ResponseRecorder {
				inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r, s.m.Get(r)) })
				all := s.m.Handler(mw(inner))
				if around {
					all = mw(s.m.Handler(inner))
				}
				w := newRecorder()
				all.ServeHTTP(w, s.tab.request())
				return w
			}))
		}
		want = append(want, "| "+strings.Join(cells, " | ")+" |")
	}
	var got []string
	for line := range strings.Lines(string(page)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| middleware that") {
			got = append(got, line)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("docs/middleware.md has\n%s\nand it is\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
