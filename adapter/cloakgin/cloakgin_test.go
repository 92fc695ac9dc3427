package cloakgin_test

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
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
			b := &browser{Handler: s.engine(nil, func(c *gin.Context) {
				do(s.Get(c.Request))
				c.String(200, "page")
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

// answers are ways to answer in Gin.
func answers(t *testing.T) map[string]func(c *gin.Context) {
	file := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(file, []byte("page"), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]func(c *gin.Context){
		"nothing":             func(*gin.Context) {},
		"Status":              func(c *gin.Context) { c.Status(http.StatusAccepted) },
		"Status 204":          func(c *gin.Context) { c.Status(http.StatusNoContent) },
		"Status 304":          func(c *gin.Context) { c.Status(http.StatusNotModified) },
		"WriteHeaderNow":      func(c *gin.Context) { c.Status(http.StatusAccepted); c.Writer.WriteHeaderNow() },
		"String":              func(c *gin.Context) { c.String(http.StatusCreated, "page") },
		"JSON":                func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"page": 1}) },
		"JSON without body":   func(c *gin.Context) { c.JSON(http.StatusNoContent, nil) },
		"Redirect":            func(c *gin.Context) { c.Redirect(http.StatusSeeOther, "/name") },
		"AbortWithStatus":     func(c *gin.Context) { c.AbortWithStatus(http.StatusTeapot) },
		"AbortWithError":      func(c *gin.Context) { c.AbortWithError(http.StatusTeapot, io.EOF) },
		"AbortWithStatusJSON": func(c *gin.Context) { c.AbortWithStatusJSON(http.StatusTeapot, gin.H{"page": 1}) },
		"File":                func(c *gin.Context) { c.File(file) },
		"FileAttachment":      func(c *gin.Context) { c.FileAttachment(file, "page.txt") },
		"DataFromReader": func(c *gin.Context) {
			c.DataFromReader(http.StatusOK, 4, "text/plain", strings.NewReader("page"), nil)
		},
		"SSEvent": func(c *gin.Context) { c.SSEvent("tick", 1); c.SSEvent("tick", 2) },
		"Stream": func(c *gin.Context) {
			n := 0
			c.Stream(func(w io.Writer) bool { n++; io.WriteString(w, "page"); return n < 3 })
		},
		"Flush":       func(c *gin.Context) { c.Writer.Flush() },
		"WriteString": func(c *gin.Context) { c.Writer.WriteString("page") },
		"Write":       func(c *gin.Context) { c.Writer.Write([]byte("page")) },
		"io.Copy":     func(c *gin.Context) { io.Copy(c.Writer, strings.NewReader("page")) },
		"http.Error":  func(c *gin.Context) { http.Error(c.Writer, "page", http.StatusTeapot) },
		"http.ResponseController": func(c *gin.Context) {
			http.NewResponseController(c.Writer).Flush()
		},
		"trailer": func(c *gin.Context) {
			c.String(http.StatusOK, "page")
			c.Header(http.TrailerPrefix+"X-Sum", "4")
		},
		"another's cookie": func(c *gin.Context) {
			c.SetCookie("other", "1", 60, "/", "", false, true)
			c.String(http.StatusOK, "page")
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
// answers, and the answer is the one that Gin gives without the middleware.
func TestCommitFirst(t *testing.T) {
	for how, answer := range answers(t) {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			g := s.engine(nil, func(c *gin.Context) {
				c.Header("X-Page", "1")
				name.Set(s.Get(c.Request), "ann")
				answer(c)
			})
			stored := int64(-1)
			b := &browser{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				first := func() { stored = s.Calls.Stats().Creates }
				g.ServeHTTP(&watcher{ResponseWriter: w, first: first}, r)
			})}
			got := b.Get("/")
			if stored != 1 || b.Cookie == "" {
				t.Errorf("%d records at the first byte, a cookie: %v", stored, b.Cookie != "")
			}
			if name := b.Get("/name").Body.String(); name != "ann" {
				t.Errorf("the session has %q", name)
			}
			bare := gin.New()
			bare.GET("/", func(c *gin.Context) { c.Header("X-Page", "1"); answer(c) })
			want := (&browser{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				bare.ServeHTTP(notifier{w.(*httptest.ResponseRecorder)}, r)
			})}).Get("/")
			if got.Code != want.Code || got.Body.String() != want.Body.String() {
				t.Errorf("got %d %q, bare Gin %d %q", got.Code, got.Body, want.Code, want.Body)
			}
			for _, header := range []http.Header{got.Header(), want.Header()} {
				for _, own := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
					header.Del(own)
				}
			}
			if !sameHeader(got.Header(), want.Header()) {
				t.Errorf("header %v, bare Gin %v", got.Header(), want.Header())
			}
		})
	}
}

// notifier has what Gin asserts for c.Stream.
type notifier struct{ *httptest.ResponseRecorder }

func (notifier) CloseNotify() <-chan bool { return nil }

func sameHeader(a, b http.Header) bool {
	var one, other strings.Builder
	_ = a.Write(&one)
	_ = b.Write(&other)
	return one.String() == other.String()
}

// TestFailedCommit: nothing of the handlers' leaves, but one 503, which is that of net/http
// with the same sessions. Middleware outside sees it.
func TestFailedCommit(t *testing.T) {
	refused := newSite(t)
	refused.Full.Store(true)
	want, wantBody := adaptertest.NewClient(t, refused.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name.Set(refused.Get(r), "ann")
	})), false).Fetch(t, "/")
	for how, answer := range answers(t) {
		for _, after := range []bool{false, true} {
			t.Run(how, func(t *testing.T) {
				s := newSite(t)
				s.Full.Store(true)
				seen := 0
				outside := func(c *gin.Context) {
					c.Header("X-Outside", "1")
					c.Next()
					seen = c.Writer.Status()
				}
				g := s.engine([]gin.HandlerFunc{outside}, func(c *gin.Context) {
					c.Header("X-Page", "1")
					name.Set(s.Get(c.Request), "ann")
					answer(c)
					if after {
						c.Status(http.StatusOK)
						c.String(http.StatusOK, "more")
						c.Writer.Flush()
					}
				})
				server := adaptertest.NewClient(t, g, false)
				got, body := server.Fetch(t, "/")
				if got.StatusCode != 503 || got.StatusCode != want.StatusCode || body != wantBody {
					t.Errorf("got %d %q, net/http %d %q", got.StatusCode, body, want.StatusCode, wantBody)
				}
				if seen != 503 {
					t.Errorf("middleware outside sees %d", seen)
				}
				if got.Header.Get("X-Outside") != "1" {
					t.Error("the header of middleware outside is gone")
				}
				if got.Header.Del("X-Outside"); len(got.Cookies()) > 0 {
					t.Fatal("there is a cookie")
				}
				got.Header.Set("Date", want.Header.Get("Date"))
				if !sameHeader(got.Header, want.Header) || len(got.Trailer) > 0 {
					t.Errorf("header %v, net/http %v; trailer %v", got.Header, want.Header, got.Trailer)
				}
			})
		}
	}
}

// TestFailedCommitIsTold: a handler that goes on writing is told.
func TestFailedCommitIsTold(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	g := s.engine(nil, func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		c.String(http.StatusOK, "page")
		if len(c.Errors) != 1 || !c.IsAborted() {
			t.Errorf("errors %v, aborted %v", c.Errors, c.IsAborted())
		}
		if _, err := c.Writer.WriteString("more"); err == nil {
			t.Error("WriteString does not fail")
		}
		if err := http.NewResponseController(c.Writer).Flush(); err == nil {
			t.Error("Flush does not fail")
		}
	})
	(&browser{Handler: g}).Get("/")
}

// TestLoadFails: a handler that just returns when a session cannot be loaded, or goes on
// without it, is answered with the 503 of a failed commit.
func TestLoadFails(t *testing.T) {
	for _, returns := range []bool{false, true} {
		s := newSite(t)
		b := &browser{Handler: s.engine(nil, func(c *gin.Context) {
			n, err := counter.UpdateNow(s.Get(c.Request), func(n int) int { return n + 1 })
			if err == nil || !returns {
				c.JSON(http.StatusOK, n)
			}
		})}
		b.Get("/")
		s.Down.Store(true)
		if w := b.Get("/"); w.Code != 503 || w.Body.String() == "0" {
			t.Errorf("returns %v: got %d %q", returns, w.Code, w.Body)
		}
	}
}

// TestErrorHandlerWithoutBody: its status stands, whatever the handler sets afterwards.
func TestErrorHandlerWithoutBody(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	m, err := cloakroom.New(s.Calls, cloakroom.Options{
		Logger:       slog.New(slog.DiscardHandler),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, flushes := range []bool{false, true} {
		g := gin.New()
		g.Use(func(c *gin.Context) { c.Next(); c.Status(http.StatusOK) }, cloakgin.Middleware(m))
		g.GET("/", func(c *gin.Context) {
			name.Set(m.Get(c.Request), "ann")
			if flushes {
				c.Writer.Flush()
			}
			c.Status(http.StatusTeapot)
		})
		if w := (&browser{Handler: g}).Get("/"); w.Code != http.StatusBadGateway || w.Body.Len() > 0 {
			t.Errorf("flushes %v: got %d %q", flushes, w.Code, w.Body)
		}
	}
}

// TestRecoveryOutside: what was not committed before a panic is dropped, and Gin answers.
func TestRecoveryOutside(t *testing.T) {
	s := newSite(t)
	saves := false
	g := s.engine([]gin.HandlerFunc{gin.RecoveryWithWriter(io.Discard)}, func(c *gin.Context) {
		c.Header("X-Page", "1")
		s.Get(c.Request).Login("ann")
		if saves {
			s.Get(c.Request).Save()
		}
		panic("on purpose")
	})
	b := &browser{Handler: g}
	if w := b.Get("/"); w.Code != 500 || b.Cookie != "" {
		t.Errorf("got %d, a cookie: %v", w.Code, b.Cookie != "")
	}
	saves = true
	if w := b.Get("/"); w.Code != 500 || b.Get("/owner").Body.String() != "ann" {
		t.Errorf("after Save: got %d", w.Code)
	}
}

// TestRecoveryInside: what was changed before a panic is committed with the answer, unless
// it is discarded.
func TestRecoveryInside(t *testing.T) {
	for _, discards := range []bool{false, true} {
		s := newSite(t)
		recovery := gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
			if discards {
				s.Get(c.Request).Discard()
			}
			c.AbortWithStatus(http.StatusInternalServerError)
		})
		b := &browser{Handler: s.engine(nil, recovery, func(c *gin.Context) {
			s.Get(c.Request).Login("ann")
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
	c := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		c.Writer.Flush()
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
	g := s.engine(nil, func(c *gin.Context) {
		session := s.Get(c.Request)
		if owner := session.Owner(); owner == "" {
			session.Login("ann")
		} else if _, err := s.RevokeOwned(c.Request.Context(), owner); err != nil {
			t.Error(err)
		}
		name.Set(session, "back")
		c.String(http.StatusOK, "page")
	})
	b := &browser{Handler: g}
	b.Get("/")
	old := b.Cookie
	if w := b.Get("/"); w.Code != 200 || w.Body.String() != "page" || len(w.Result().Cookies()) > 0 {
		t.Errorf("got %d %q, %d cookies", w.Code, w.Body, len(w.Result().Cookies()))
	}
	if name := (&browser{Handler: g, Cookie: old}).Get("/name").Body.String(); name != "" {
		t.Errorf("the session is back, with %q", name)
	}
}

// TestClientGone: a client that hangs up does not undo what the handler did.
func TestClientGone(t *testing.T) {
	s := newSite(t)
	returned := make(chan struct{})
	g := gin.New()
	g.Use(func(c *gin.Context) { c.Next(); close(returned) }, cloakgin.Middleware(s.Manager))
	g.GET("/", func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		c.Stream(func(io.Writer) bool { return true }) // until the client hangs up
		counter.Set(s.Get(c.Request), 7)
	})
	server := adaptertest.NewClient(t, g, false)
	resp, err := server.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookies := resp.Cookies()
	resp.Body.Close()
	<-returned
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
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
	g := s.engine(nil, func(c *gin.Context) {
		n, err := counter.UpdateNow(s.Get(c.Request), func(n int) int { return n + 1 })
		if err != nil {
			t.Error(err)
		}
		c.JSON(http.StatusOK, n)
	})
	b := &browser{Handler: g}
	b.Get("/")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			tab := &browser{Handler: g, Cookie: b.Cookie}
			for range 10 {
				tab.Get("/")
			}
		})
	}
	wg.Wait()
	if body := b.Get("/").Body.String(); body != "82" {
		t.Errorf("the counter is %s", body)
	}
}

// TestNetHTTP: code that knows net/http alone finds the session, and so does code that has
// a context alone.
func TestNetHTTP(t *testing.T) {
	s := newSite(t)
	g := gin.New()
	g.ContextWithFallback = true
	g.Use(cloakgin.Middleware(s.Manager))
	g.GET("/wrapped", gin.WrapF(func(w http.ResponseWriter, r *http.Request) {
		name.Set(s.Get(r), "ann")
		io.WriteString(w, "page")
	}))
	g.GET("/context", func(c *gin.Context) { c.String(200, name.Get(s.FromContext(c.Request.Context()))) })
	g.GET("/fallback", func(c *gin.Context) { c.String(200, name.Get(s.FromContext(c))) })
	g.GET("/required", gin.WrapH(s.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, name.Get(s.Get(r)))
	}))))
	b := &browser{Handler: g}
	b.Get("/wrapped")
	for _, path := range []string{"/context", "/fallback", "/required"} {
		if body := b.Get(path).Body.String(); body != "ann" {
			t.Errorf("%s: %q", path, body)
		}
	}
}

// TestNotFound: the middleware also serves requests without a route.
func TestNotFound(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := newSite(t)
		s.Full.Store(full)
		g := s.engine(nil)
		g.HandleMethodNotAllowed = true
		g.NoRoute(func(c *gin.Context) { name.Set(s.Get(c.Request), "lost") })
		b := &browser{Handler: g}
		w := b.Get("/nowhere")
		if full && (w.Code != 503 || strings.Contains(w.Body.String(), "404")) {
			t.Errorf("after a failed commit: %d %q", w.Code, w.Body)
		} else if !full && (w.Code != 404 || w.Body.String() != "404 page not found" || b.Cookie == "") {
			t.Errorf("got %d %q, a cookie: %v", w.Code, w.Body, b.Cookie != "")
		}
		if w := b.Do(http.MethodPost, "/name"); w.Code != 405 {
			t.Errorf("got %d", w.Code)
		}
	}
}

// TestGroup: routes outside of the group have no session, and say so.
func TestGroup(t *testing.T) {
	s := newSite(t)
	g := gin.New()
	g.GET("/outside", func(c *gin.Context) { c.String(200, "%v", s.Get(c.Request).Err()) })
	g.Group("/in", cloakgin.Middleware(s.Manager)).
		GET("/side", func(c *gin.Context) { c.String(200, "%v", s.Get(c.Request).Err()) })
	b := &browser{Handler: g}
	if body := b.Get("/outside").Body.String(); body != cloakroom.ErrNoMiddleware.Error() {
		t.Errorf("outside: %s", body)
	}
	if body := b.Get("/in/side").Body.String(); body != "<nil>" {
		t.Errorf("inside: %s", body)
	}
}

// TestAround: middleware outside has no session before, and a finished one afterwards.
func TestAround(t *testing.T) {
	s := newSite(t)
	outside := func(c *gin.Context) {
		if err := s.Get(c.Request).Err(); !errors.Is(err, cloakroom.ErrNoMiddleware) {
			t.Errorf("before: %v", err)
		}
		c.Next()
		if err := s.Get(c.Request).Err(); err == nil || errors.Is(err, cloakroom.ErrNoMiddleware) {
			t.Errorf("afterwards: %v", err)
		}
	}
	(&browser{Handler: s.engine([]gin.HandlerFunc{outside}, func(c *gin.Context) {
		if err := s.Get(c.Request).Err(); err != nil {
			t.Error(err)
		}
	})}).Get("/")
}

// TestNested: the middleware within itself, and within [cloakroom.Manager.Handler], is one.
func TestNested(t *testing.T) {
	s := newSite(t)
	g := gin.New()
	upper := func(c *gin.Context) { c.Writer = shouting{c.Writer}; c.Next() }
	g.Use(cloakgin.Middleware(s.Manager), upper, cloakgin.Middleware(s.Manager))
	g.GET("/", func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		c.String(http.StatusCreated, "page")
	})
	for _, full := range []bool{false, true} {
		s.Full.Store(full)
		for _, h := range []http.Handler{g, s.Handler(g)} {
			w := (&browser{Handler: h}).Get("/")
			if full && (w.Code != 503 || strings.Contains(w.Body.String(), "PAGE")) {
				t.Errorf("after a failed commit: %d %q", w.Code, w.Body)
			} else if !full && (w.Code != 201 || w.Body.String() != "PAGE" || len(w.Result().Cookies()) != 1) {
				t.Errorf("got %d %q, %d cookies", w.Code, w.Body, len(w.Result().Cookies()))
			}
		}
	}
}

// TestTwice: used once more, the middleware leaves the response open for middleware between.
func TestTwice(t *testing.T) {
	s := newSite(t)
	b := &browser{Handler: s.engine(nil,
		func(c *gin.Context) { c.Next(); c.Header("X-Between", "1"); c.Status(http.StatusAccepted) },
		cloakgin.Middleware(s.Manager),
		func(c *gin.Context) { name.Set(s.Get(c.Request), "ann"); c.Status(http.StatusCreated) })}
	if w := b.Get("/"); w.Code != 202 || w.Header().Get("X-Between") != "1" || b.Cookie == "" {
		t.Errorf("got %d, a cookie: %v", w.Code, b.Cookie != "")
	}
}

// TestOutsideWrites: what middleware outside writes after a failed commit does not follow
// the 503.
func TestOutsideWrites(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	outside := func(c *gin.Context) { c.Next(); c.String(http.StatusOK, "footer") }
	w := (&browser{Handler: s.engine([]gin.HandlerFunc{outside}, func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
	})}).Get("/")
	if w.Code != 503 || strings.Contains(w.Body.String(), "footer") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

// TestOutsideAnswers: middleware outside can still answer once the handlers have returned
// without writing, and change the status.
func TestOutsideAnswers(t *testing.T) {
	s := newSite(t)
	outside := func(c *gin.Context) {
		c.Next()
		if len(c.Errors) > 0 && !c.Writer.Written() {
			c.Header("X-Late", "1")
			c.String(http.StatusTeapot, "sorry")
		}
	}
	b := &browser{Handler: s.engine([]gin.HandlerFunc{outside}, func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		c.Error(io.EOF)
	})}
	if w := b.Get("/"); w.Code != 418 || w.Body.String() != "sorry" || w.Header().Get("X-Late") == "" || b.Cookie == "" {
		t.Errorf("got %d %q, late header %q", w.Code, w.Body, w.Header().Get("X-Late"))
	}
	if name := b.Get("/name").Body.String(); name != "ann" {
		t.Errorf("the session has %q", name)
	}
	s.Full.Store(true)
	if w := (&browser{Handler: b.Handler}).Get("/"); w.Code != 503 || strings.Contains(w.Body.String(), "sorry") {
		t.Errorf("after a failed commit: %d %q", w.Code, w.Body)
	}
}

// TestLate: a session that has its cookie is committed again when the handlers return.
func TestLate(t *testing.T) {
	s := newSite(t)
	b := &browser{Handler: s.engine(nil, func(c *gin.Context) {
		counter.Set(s.Get(c.Request), 1)
		c.String(http.StatusOK, "page")
		name.Set(s.Get(c.Request), "late")
	})}
	b.Get("/")
	if name := b.Get("/name").Body.String(); name != "late" {
		t.Errorf("the session has %q", name)
	}
}

// TestFinished: a copy of the context that a goroutine keeps has a session that is
// finished.
func TestFinished(t *testing.T) {
	s := newSite(t)
	kept := make(chan *gin.Context, 1)
	b := &browser{Handler: s.engine(nil, func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		kept <- c.Copy()
	})}
	b.Get("/")
	c := <-kept
	name.Set(s.Get(c.Request), "afterwards")
	if err := s.Get(c.Request).Err(); err == nil {
		t.Error("a session that is finished can be used")
	}
	if name := b.Get("/name").Body.String(); name != "ann" {
		t.Errorf("the session has %q", name)
	}
}

// TestRouteInLog: what is logged names the route, and not the path.
func TestRouteInLog(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	g := s.engine(nil)
	g.GET("/users/:id", func(c *gin.Context) { name.Set(s.Get(c.Request), "ann") })
	(&browser{Handler: g}).Get("/users/secret")
	if log := s.Log.String(); !strings.Contains(log, "pattern=/users/:id") || strings.Contains(log, "secret") {
		t.Error(log)
	}
	r := httptest.NewRequest(http.MethodGet, "/nowhere", nil)
	r.Pattern = "/outside/"
	g.ServeHTTP(httptest.NewRecorder(), r)
	if r.Pattern != "/outside/" {
		t.Errorf("without a route, the pattern became %q", r.Pattern)
	}
}

// TestHandleContext: a request that Gin routes again keeps its session, and what leaves
// is committed before.
func TestHandleContext(t *testing.T) {
	for how, answer := range answers(t) {
		for _, full := range []bool{false, true} {
			t.Run(how, func(t *testing.T) {
				s := newSite(t)
				s.Full.Store(full)
				var g *gin.Engine
				g = s.engine(nil, func(c *gin.Context) {
					name.Set(s.Get(c.Request), "ann")
					c.Request.URL.Path = "/other"
					g.HandleContext(c)
				})
				g.GET("/other", func(c *gin.Context) {
					if name.Get(s.Get(c.Request)) != "ann" {
						t.Error("it has another session")
					}
					answer(c)
				})
				stored := int64(-1)
				b := &browser{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					first := func() { stored = s.Calls.Stats().Creates - s.Calls.Stats().Errors }
					g.ServeHTTP(&watcher{ResponseWriter: w, first: first}, r)
				})}
				w := b.Get("/")
				switch {
				case full && (w.Code != 503 || b.Cookie != ""):
					t.Errorf("after a failed commit: %d %q, a cookie: %v", w.Code, w.Body, b.Cookie != "")
				case !full && (stored != 1 || w.Code == 503):
					t.Errorf("got %d, %d records at the first byte", w.Code, stored)
				case !full && b.Get("/name").Body.String() != "ann":
					t.Error("the session is lost")
				}
			})
		}
	}
}
