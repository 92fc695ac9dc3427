package cloakecho_test

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// TestCalls: a request costs the store calls that it needs, and no other; one that leaves
// its session alone gets no header.
func TestCalls(t *testing.T) {
	for what, test := range map[string]struct {
		do   func(*cloakroom.Session)
		want countstore.Stats
	}{
		"untouched": {func(*cloakroom.Session) {}, countstore.Stats{}},
		"read":      {func(s *cloakroom.Session) { name.Get(s) }, countstore.Stats{Loads: 1}},
		"change":    {func(s *cloakroom.Session) { name.Set(s, "bob") }, countstore.Stats{Loads: 1, Replaces: 1}},
		"sign in":   {func(s *cloakroom.Session) { s.Login("ann") }, countstore.Stats{Loads: 1, Moves: 1}},
		"sign out":  {func(s *cloakroom.Session) { s.Logout() }, countstore.Stats{Loads: 1, Deletes: 1}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t)
			do := func(session *cloakroom.Session) { name.Set(session, "ann") }
			b := &browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
				do(s.Get(c.Request()))
				return c.String(http.StatusOK, "page")
			})}
			b.Get("/")
			do = test.do
			before := s.Calls.Stats()
			w := b.Get("/")
			if got := difference(before, s.Calls.Stats()); got != test.want {
				t.Errorf("cost %+v, want %+v", got, test.want)
			}
			if what == "untouched" && (len(w.Header()) != 1 || w.Header().Get("Content-Type") == "") {
				t.Errorf("it has %v", slices.Sorted(maps.Keys(w.Header())))
			}
		})
	}
}

func difference(before, after countstore.Stats) countstore.Stats {
	return countstore.Stats{
		Loads:    after.Loads - before.Loads,
		Creates:  after.Creates - before.Creates,
		Replaces: after.Replaces - before.Replaces,
		Touches:  after.Touches - before.Touches,
		Deletes:  after.Deletes - before.Deletes,
		Moves:    after.Moves - before.Moves,
	}
}

// answers are ways to answer in Echo.
func answers(t *testing.T) map[string]echo.HandlerFunc {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.txt"), []byte("page"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]echo.HandlerFunc{
		"nothing":   func(*echo.Context) error { return nil },
		"NoContent": func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) },
		"304":       func(c *echo.Context) error { return c.NoContent(http.StatusNotModified) },
		"String":    func(c *echo.Context) error { return c.String(http.StatusCreated, "page") },
		"JSON":      func(c *echo.Context) error { return c.JSON(http.StatusOK, "page") },
		"JSON that cannot be": func(c *echo.Context) error {
			return c.JSON(http.StatusOK, func() {})
		},
		"Redirect": func(c *echo.Context) error { return c.Redirect(http.StatusSeeOther, "/name") },
		"File":     func(c *echo.Context) error { return c.FileFS("page.txt", os.DirFS(dir)) },
		"Stream": func(c *echo.Context) error {
			return c.Stream(http.StatusOK, "text/plain", strings.NewReader("page"))
		},
		"Write": func(c *echo.Context) error {
			_, err := c.Response().Write([]byte("page"))
			return err
		},
		"Flush": func(c *echo.Context) error {
			return http.NewResponseController(c.Response()).Flush()
		},
		"http.Flusher": func(c *echo.Context) error { c.Response().(http.Flusher).Flush(); return nil },
		"http.Error": func(c *echo.Context) error {
			http.Error(c.Response(), "page", http.StatusTeapot)
			return nil
		},
		"error":       func(*echo.Context) error { return io.EOF },
		"HTTP error":  func(*echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "no coffee") },
		"error after": func(c *echo.Context) error { c.String(http.StatusOK, "page"); return io.EOF },
		"trailer": func(c *echo.Context) error {
			err := c.String(http.StatusOK, "page")
			c.Response().Header().Set(http.TrailerPrefix+"X-Sum", "4")
			return err
		},
		"another's cookie": func(c *echo.Context) error {
			c.SetCookie(&http.Cookie{Name: "other", Value: "1"})
			return c.String(http.StatusOK, "page")
		},
		"a hook": func(c *echo.Context) error {
			response, err := echo.UnwrapResponse(c.Response())
			if err != nil {
				return err
			}
			response.Before(func() { response.Header().Set("X-Hook", "1") })
			return c.String(http.StatusOK, "page")
		},
	}
}

// watcher calls first before the first thing of the response that leaves.
type watcher struct {
	http.ResponseWriter
	once  sync.Once
	first func()
}

func (w *watcher) WriteHeader(status int)      { w.once.Do(w.first); w.ResponseWriter.WriteHeader(status) }
func (w *watcher) Write(p []byte) (int, error) { w.once.Do(w.first); return w.ResponseWriter.Write(p) }
func (w *watcher) Flush()                      { w.once.Do(w.first); w.ResponseWriter.(http.Flusher).Flush() }

// TestCommitFirst: the session is stored before the first byte leaves, however a handler
// answers, and the answer is the one that Echo gives without the middleware.
func TestCommitFirst(t *testing.T) {
	for how, answer := range answers(t) {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			e := s.echo(nil, nil, func(c *echo.Context) error {
				c.Response().Header().Set("X-Page", "1")
				name.Set(s.Get(c.Request()), "ann")
				return answer(c)
			})
			stored := int64(-1)
			b := &browser{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				first := func() { stored = s.Calls.Stats().Creates }
				watched := &watcher{ResponseWriter: w, first: first}
				e.ServeHTTP(watched, r)
				watched.once.Do(first) // net/http writes the header of an answer without one
			})}
			got := b.Get("/")
			if stored != 1 || b.Cookie == "" {
				t.Errorf("%d records at the first byte, a cookie: %v", stored, b.Cookie != "")
			}
			if name := b.Get("/name").Body.String(); name != "ann" {
				t.Errorf("the session has %q", name)
			}
			bare := echo.New()
			bare.Logger = slog.New(slog.DiscardHandler)
			bare.GET("/", func(c *echo.Context) error {
				c.Response().Header().Set("X-Page", "1")
				return answer(c)
			})
			want := (&browser{Handler: bare}).Get("/")
			if got.Code != want.Code || got.Body.String() != want.Body.String() {
				t.Errorf("got %d %q, bare Echo %d %q", got.Code, got.Body, want.Code, want.Body)
			}
			for _, header := range []http.Header{got.Header(), want.Header()} {
				for _, own := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
					header.Del(own)
				}
			}
			if !sameHeader(got.Header(), want.Header()) {
				t.Errorf("header %v, bare Echo %v", got.Header(), want.Header())
			}
		})
	}
}

func sameHeader(a, b http.Header) bool {
	var one, other strings.Builder
	_ = a.Write(&one)
	_ = b.Write(&other)
	return one.String() == other.String()
}

// TestFailedCommit: nothing of the handler's leaves, but one 503, which is that of net/http
// with the same sessions: whatever the error handler does, and whatever middleware
// compresses. Middleware outside sees it.
func TestFailedCommit(t *testing.T) {
	refused := newSite(t)
	refused.Full.Store(true)
	want, wantBody := adaptertest.NewClient(t, refused.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name.Set(refused.Get(r), "ann")
	})), false).Fetch(t, "/")
	gzip := []echo.MiddlewareFunc{middleware.GzipWithConfig(middleware.GzipConfig{})}
	for how, answer := range answers(t) {
		for around, wrap := range map[string]struct{ before, after []echo.MiddlewareFunc }{
			"nothing":        {},
			"gzip outside":   {before: gzip},
			"gzip inside":    {after: gzip},
			"another within": {after: []echo.MiddlewareFunc{echo.WrapMiddleware(func(h http.Handler) http.Handler { return h })}},
			"another around": {before: []echo.MiddlewareFunc{echo.WrapMiddleware(func(h http.Handler) http.Handler { return h })}},
		} {
			for _, careless := range []bool{false, true} {
				t.Run(how+", "+around, func(t *testing.T) {
					s := newSite(t)
					s.Full.Store(true)
					seen := 0
					outside := func(next echo.HandlerFunc) echo.HandlerFunc {
						return func(c *echo.Context) error {
							c.Response().Header().Set("X-Outside", "1")
							err := next(c)
							_, seen = echo.ResolveResponseStatus(c.Response(), err)
							return err
						}
					}
					before := append([]echo.MiddlewareFunc{outside}, wrap.before...)
					e := s.echo(before, wrap.after, func(c *echo.Context) error {
						c.Response().Header().Set("X-Page", "1")
						name.Set(s.Get(c.Request()), "ann")
						return answer(c)
					})
					if careless { // of what has been answered already
						e.HTTPErrorHandler = func(c *echo.Context, _ error) { io.WriteString(c.Response(), "error") }
					}
					got, body := adaptertest.NewClient(t, e, false).Fetch(t, "/")
					if got.StatusCode != 503 || got.StatusCode != want.StatusCode || body != wantBody {
						t.Errorf("got %d %q, net/http %d %q", got.StatusCode, body, want.StatusCode, wantBody)
					}
					if seen != 503 {
						t.Errorf("middleware outside sees %d", seen)
					}
					if got.Header.Get("X-Outside") != "1" {
						t.Error("the header of middleware outside is gone")
					}
					if len(got.Cookies()) > 0 {
						t.Fatal("there is a cookie")
					}
					for _, others := range []string{"X-Outside", "Vary"} {
						got.Header.Del(others)
					}
					got.Header.Set("Date", want.Header.Get("Date"))
					if !sameHeader(got.Header, want.Header) || len(got.Trailer) > 0 {
						t.Errorf("header %v, net/http %v; trailer %v", got.Header, want.Header, got.Trailer)
					}
				})
			}
		}
	}
}

// TestFailedCommitIsTold: a handler that goes on writing is told.
func TestFailedCommitIsTold(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	e := s.echo(nil, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		if err := c.String(http.StatusOK, "page"); err == nil {
			t.Error("String does not fail")
		}
		if _, err := io.WriteString(c.Response(), "more"); err == nil {
			t.Error("Write does not fail")
		}
		if r, err := echo.UnwrapResponse(c.Response()); err != nil || !r.Committed || r.Status != 503 || r.Size != 0 {
			t.Errorf("%v, the response has %d, size %d", err, r.Status, r.Size)
		}
		return nil
	})
	(&browser{Handler: e}).Get("/")
}

// TestLoadFails: a handler that returns the error of a session that cannot be loaded, or
// goes on without it, is answered with the 503 of a failed commit.
func TestLoadFails(t *testing.T) {
	for _, returns := range []bool{false, true} {
		s := newSite(t)
		b := &browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
			n, err := counter.UpdateNow(s.Get(c.Request()), func(n int) int { return n + 1 })
			if err != nil && returns {
				return err
			}
			return c.JSON(http.StatusOK, n)
		})}
		b.Get("/")
		s.Down.Store(true)
		if w := b.Get("/"); w.Code != 503 || strings.Contains(w.Body.String(), "{") {
			t.Errorf("returns %v: got %d %q", returns, w.Code, w.Body)
		}
	}
}

// TestErrorHandlerWithoutBody: its status stands.
func TestErrorHandlerWithoutBody(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	m, err := cloakroom.New(s.Calls, cloakroom.Options{
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Logger:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []error{nil, io.EOF} {
		e := echo.New()
		e.Logger = slog.New(slog.DiscardHandler)
		e.Use(cloakecho.Middleware(m))
		e.GET("/", func(c *echo.Context) error { name.Set(m.Get(c.Request()), "ann"); return answer })
		if w := (&browser{Handler: e}).Get("/"); w.Code != http.StatusBadGateway || w.Body.Len() > 0 {
			t.Errorf("a handler that returns %v: got %d %q", answer, w.Code, w.Body)
		}
	}
}

// TestErrors: Echo's error handler runs within the session, once, and what it does with the
// session is committed before its answer. Middleware outside is told the error.
func TestErrors(t *testing.T) {
	s := newSite(t)
	broken := echo.NewHTTPError(http.StatusTeapot, "no coffee")
	var seen error
	outside := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { seen = next(c); return seen }
	}
	e := s.echo([]echo.MiddlewareFunc{outside}, nil, func(c *echo.Context) error {
		counter.Set(s.Get(c.Request()), 1)
		return broken
	})
	standard := e.HTTPErrorHandler
	answered := 0
	e.HTTPErrorHandler = func(c *echo.Context, err error) {
		if r, _ := echo.UnwrapResponse(c.Response()); r.Committed {
			return
		}
		answered++
		s.Get(c.Request()).Flash("error", err.Error())
		name.Set(s.Get(c.Request()), "set by the error handler")
		standard(c, err)
	}
	b := &browser{Handler: e}
	w := b.Get("/")
	if w.Code != http.StatusTeapot || strings.TrimSpace(w.Body.String()) != `{"message":"no coffee"}` {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if answered != 1 || !errors.Is(seen, broken) {
		t.Errorf("%d answers; middleware outside sees %v", answered, seen)
	}
	if name := b.Get("/name").Body.String(); name != "set by the error handler" {
		t.Errorf("the session has %q", name)
	}
}

// TestErrorAfter: the error handler is not asked within the session once a response has
// begun; Echo asks it at the top, as without the middleware.
func TestErrorAfter(t *testing.T) {
	s := newSite(t)
	e := s.echo(nil, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		return errors.Join(c.String(http.StatusOK, "page"), io.EOF)
	})
	asked := 0
	e.HTTPErrorHandler = func(*echo.Context, error) { asked++ }
	if w := (&browser{Handler: e}).Get("/"); w.Body.String() != "page" || asked != 1 {
		t.Errorf("got %q; asked %d times", w.Body, asked)
	}
}

// TestRecoverOutside: what was not committed before a panic is dropped, and Echo answers.
func TestRecoverOutside(t *testing.T) {
	s := newSite(t)
	saves := false
	e := s.echo([]echo.MiddlewareFunc{middleware.Recover()}, nil, func(c *echo.Context) error {
		s.Get(c.Request()).Login("ann")
		if saves {
			s.Get(c.Request()).Save()
		}
		panic("on purpose")
	})
	b := &browser{Handler: e}
	if w := b.Get("/"); w.Code != 500 || b.Cookie != "" {
		t.Errorf("got %d, a cookie: %v", w.Code, b.Cookie != "")
	}
	saves = true
	if w := b.Get("/"); w.Code != 500 || b.Get("/owner").Body.String() != "ann" {
		t.Errorf("after Save: got %d", w.Code)
	}
}

// TestRecoverInside: what was changed before a panic is committed with the answer, unless it
// is discarded.
func TestRecoverInside(t *testing.T) {
	for _, discards := range []bool{false, true} {
		s := newSite(t)
		discard := func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				err := next(c)
				if stack := (*middleware.PanicStackError)(nil); discards && errors.As(err, &stack) {
					s.Get(c.Request()).Discard()
				}
				return err
			}
		}
		b := &browser{Handler: s.echo(nil, []echo.MiddlewareFunc{discard, middleware.Recover()}, func(c *echo.Context) error {
			s.Get(c.Request()).Login("ann")
			panic("on purpose")
		})}
		w := b.Get("/")
		if owner := b.Get("/owner").Body.String(); w.Code != 500 || (owner == "") != discards {
			t.Errorf("discards %v: got %d, then owner %q", discards, w.Code, owner)
		}
	}
}

// TestAbortHandler: it goes up to the server, as without the middleware.
func TestAbortHandler(t *testing.T) {
	s := newSite(t)
	c := adaptertest.NewClient(t, s.echo([]echo.MiddlewareFunc{middleware.Recover()}, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		http.NewResponseController(c.Response()).Flush()
		panic(http.ErrAbortHandler)
	}), false)
	if resp, err := c.Get(c.URL); err == nil {
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("the response is whole")
		}
	}
	if _, name := c.Fetch(t, "/name"); name != "ann" {
		t.Errorf("what was committed by the flush is %q", name)
	}
}

// TestEnded: a request whose session is ended meanwhile is answered without a cookie, and
// brings nothing back.
func TestEnded(t *testing.T) {
	s := newSite(t)
	e := s.echo(nil, nil, func(c *echo.Context) error {
		session := s.Get(c.Request())
		if owner := session.Owner(); owner == "" {
			session.Login("ann")
		} else if _, err := s.RevokeOwned(c.Request().Context(), owner); err != nil {
			t.Error(err)
		}
		name.Set(session, "back")
		return c.String(http.StatusOK, "page")
	})
	b := &browser{Handler: e}
	b.Get("/")
	old := b.Cookie
	if w := b.Get("/"); w.Code != 200 || w.Body.String() != "page" || len(w.Result().Cookies()) > 0 {
		t.Errorf("got %d %q, %d cookies", w.Code, w.Body, len(w.Result().Cookies()))
	}
	if name := (&browser{Handler: e, Cookie: old}).Get("/name").Body.String(); name != "" {
		t.Errorf("the session is back, with %q", name)
	}
}

// TestClientGone: a client that hangs up does not undo what the handler did.
func TestClientGone(t *testing.T) {
	s := newSite(t)
	returned := make(chan struct{})
	outside := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { defer close(returned); return next(c) }
	}
	server := adaptertest.NewClient(t, s.echo([]echo.MiddlewareFunc{outside}, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		c.Response().(http.Flusher).Flush()
		<-c.Request().Context().Done()
		counter.Set(s.Get(c.Request()), 7)
		return c.Request().Context().Err()
	}), false)
	resp, err := server.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := resp.Cookies()
	resp.Body.Close()
	<-returned
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	session := s.Open(t.Context(), cookies[0].Value)
	defer session.Close()
	if name.Get(session) != "ann" || counter.Get(session) != 7 {
		t.Errorf("%q, %d", name.Get(session), counter.Get(session))
	}
}

// TestExact: concurrent requests of one session lose nothing.
func TestExact(t *testing.T) {
	s := newSite(t)
	e := s.echo(nil, nil, func(c *echo.Context) error {
		n, err := counter.UpdateNow(s.Get(c.Request()), func(n int) int { return n + 1 })
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, n)
	})
	b := &browser{Handler: e}
	b.Get("/")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			tab := &browser{Handler: e, Cookie: b.Cookie}
			for range 10 {
				tab.Get("/")
			}
		})
	}
	wg.Wait()
	if body := strings.TrimSpace(b.Get("/").Body.String()); body != "82" {
		t.Errorf("the counter is %s", body)
	}
}

// TestNetHTTP: code that knows net/http alone finds the session, and so does code that has
// a context alone.
func TestNetHTTP(t *testing.T) {
	s := newSite(t)
	e := s.echo(nil, nil, nothing)
	e.GET("/wrapped", echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name.Set(s.Get(r), "ann")
		io.WriteString(w, "page")
	})))
	e.GET("/context", func(c *echo.Context) error {
		return c.String(200, name.Get(s.FromContext(c.Request().Context())))
	})
	e.GET("/required", func(c *echo.Context) error { return c.String(200, name.Get(s.Get(c.Request()))) },
		echo.WrapMiddleware(s.Require))
	b := &browser{Handler: e}
	b.Get("/wrapped")
	for _, path := range []string{"/context", "/required"} {
		if body := b.Get(path).Body.String(); body != "ann" {
			t.Errorf("%s: %q", path, body)
		}
	}
}

func nothing(*echo.Context) error { return nil }

// TestNotFound: the middleware also serves requests without a route.
func TestNotFound(t *testing.T) {
	s := newSite(t)
	touch := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { name.Set(s.Get(c.Request()), "lost"); return next(c) }
	}
	e := s.echo(nil, []echo.MiddlewareFunc{touch}, nothing)
	for _, full := range []bool{false, true} {
		s.Full.Store(full)
		b := &browser{Handler: e}
		w := b.Get("/nowhere")
		if full && (w.Code != 503 || strings.Contains(w.Body.String(), "Not Found")) {
			t.Errorf("after a failed commit: %d %q", w.Code, w.Body)
		} else if !full && (w.Code != 404 || !strings.Contains(w.Body.String(), "Not Found") || b.Cookie == "") {
			t.Errorf("got %d %q, a cookie: %v", w.Code, w.Body, b.Cookie != "")
		}
	}
	s.Full.Store(false)
	if w := (&browser{Handler: e}).Do(http.MethodPost, "/name"); w.Code != 405 {
		t.Errorf("got %d", w.Code)
	}
}

// TestPlaces: the middleware of a group or of a route, or before routing.
func TestPlaces(t *testing.T) {
	s := newSite(t)
	tell := func(c *echo.Context) error {
		if err := s.Get(c.Request()).Err(); err != nil {
			return c.String(200, err.Error())
		}
		name.Set(s.Get(c.Request()), "ann")
		return c.String(200, "ok")
	}
	e := echo.New()
	e.GET("/outside", tell)
	e.GET("/route", tell, cloakecho.Middleware(s.Manager))
	e.Group("/in", cloakecho.Middleware(s.Manager)).GET("/side", tell)
	pre := echo.New()
	pre.Pre(cloakecho.Middleware(s.Manager))
	pre.GET("/pre", tell)
	for _, test := range []struct {
		h          http.Handler
		path, want string
	}{
		{e, "/outside", cloakroom.ErrNoMiddleware.Error()}, {e, "/route", "ok"}, {e, "/in/side", "ok"}, {pre, "/pre", "ok"},
	} {
		b := &browser{Handler: test.h}
		if body := b.Get(test.path).Body.String(); body != test.want || (b.Cookie != "") != (body == "ok") {
			t.Errorf("%s: %s, a cookie: %v", test.path, body, b.Cookie != "")
		}
	}
}

// TestAround: middleware outside has no session before, and a finished one afterwards.
func TestAround(t *testing.T) {
	s := newSite(t)
	outside := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := s.Get(c.Request()).Err(); !errors.Is(err, cloakroom.ErrNoMiddleware) {
				t.Errorf("before: %v", err)
			}
			err := next(c)
			if err := s.Get(c.Request()).Err(); err == nil || errors.Is(err, cloakroom.ErrNoMiddleware) {
				t.Errorf("afterwards: %v", err)
			}
			return err
		}
	}
	(&browser{Handler: s.echo([]echo.MiddlewareFunc{outside}, nil, func(c *echo.Context) error {
		return s.Get(c.Request()).Err()
	})}).Get("/")
}

// TestNested: the middleware within itself, and within [cloakroom.Manager.Handler], is one.
func TestNested(t *testing.T) {
	s := newSite(t)
	e := s.echo([]echo.MiddlewareFunc{cloakecho.Middleware(s.Manager)}, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		return c.String(http.StatusCreated, "page")
	})
	for _, full := range []bool{false, true} {
		s.Full.Store(full)
		for _, h := range []http.Handler{e, s.Handler(e)} {
			w := (&browser{Handler: h}).Get("/")
			if full && (w.Code != 503 || strings.Contains(w.Body.String(), "page")) {
				t.Errorf("after a failed commit: %d %q", w.Code, w.Body)
			} else if !full && (w.Code != 201 || w.Body.String() != "page" || len(w.Result().Cookies()) != 1) {
				t.Errorf("got %d %q, %d cookies", w.Code, w.Body, len(w.Result().Cookies()))
			}
		}
	}
}

// TestUnwrappable: a response that hides Echo's own is an error, and not a session that is
// not committed.
func TestUnwrappable(t *testing.T) {
	s := newSite(t)
	hide := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			original := c.Response()
			c.SetResponse(struct{ http.ResponseWriter }{original})
			defer c.SetResponse(original)
			return next(c)
		}
	}
	e := s.echo([]echo.MiddlewareFunc{hide}, nil, func(*echo.Context) error { t.Error("it runs"); return nil })
	if w := (&browser{Handler: e}).Get("/"); w.Code != 500 {
		t.Errorf("got %d", w.Code)
	}
}

// TestLate: a session that has its cookie is committed again when the handler returns.
func TestLate(t *testing.T) {
	s := newSite(t)
	b := &browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
		counter.Set(s.Get(c.Request()), 1)
		err := c.String(http.StatusOK, "page")
		name.Set(s.Get(c.Request()), "late")
		return err
	})}
	b.Get("/")
	if name := b.Get("/name").Body.String(); name != "late" {
		t.Errorf("the session has %q", name)
	}
}

// TestFinished: a goroutine that keeps the request has a session that is finished.
func TestFinished(t *testing.T) {
	s := newSite(t)
	kept := make(chan *http.Request, 1)
	b := &browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		kept <- c.Request()
		return nil
	})}
	b.Get("/")
	r := <-kept
	name.Set(s.Get(r), "afterwards")
	if err := s.Get(r).Err(); err == nil {
		t.Error("a session that is finished can be used")
	}
	if name := b.Get("/name").Body.String(); name != "ann" {
		t.Errorf("the session has %q", name)
	}
}

// TestRouteInLog: what is logged names the route, which Echo notes in the request, and not
// the path.
func TestRouteInLog(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	e := s.echo(nil, nil, nothing)
	e.GET("/users/:id", func(c *echo.Context) error { name.Set(s.Get(c.Request()), "ann"); return nil })
	(&browser{Handler: e}).Get("/users/secret")
	if log := s.Log.String(); !strings.Contains(log, "pattern=/users/:id") || strings.Contains(log, "secret") {
		t.Error(log)
	}
}
