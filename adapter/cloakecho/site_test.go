package cloakecho_test

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const (
	name    = cloakroom.Key[string]("name")
	counter = cloakroom.Key[int]("counter")
)

// site is a manager of sessions in memory, whose store counts and can be made to fail.
type site struct {
	*cloakroom.Manager
	calls *countstore.Store
	full  atomic.Bool // the store refuses what is written
	down  atomic.Bool // the store cannot be read
	log   syncBuffer
}

func newSite(t testing.TB) *site {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	s := &site{}
	faulty := storetest.NewFaulty(memory)
	faulty.Decide = func(op storetest.Op, _ string) storetest.Fault {
		if s.full.Load() && op != storetest.OpLoad {
			return storetest.Failed().Reporting(store.ErrFull)
		}
		if s.down.Load() && op == storetest.OpLoad {
			return storetest.Failed()
		}
		return storetest.Fault{}
	}
	s.calls = countstore.New(faulty)
	s.Manager, err = cloakroom.New(s.calls, cloakroom.Options{
		InsecureCookie: true,
		Logger:         slog.New(slog.NewTextHandler(&s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// echo is Echo with the middleware between those of before and after, and the handler of
// GET /.
func (s *site) echo(before, after []echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(before...)
	e.Use(cloakecho.Middleware(s.Manager))
	e.Use(after...)
	e.GET("/", handler)
	e.GET("/name", func(c *echo.Context) error { return c.String(200, name.Get(s.Get(c.Request()))) })
	e.GET("/owner", func(c *echo.Context) error { return c.String(200, s.Get(c.Request()).Owner()) })
	return e
}

// browser sends requests to a handler, without a network, and keeps the cookie.
type browser struct {
	h      http.Handler
	cookie string
}

func (b *browser) do(method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if b.cookie != "" {
		r.Header.Set("Cookie", b.cookie)
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookie = ""; c.MaxAge >= 0 {
			b.cookie = c.Name + "=" + c.Value
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder { return b.do(http.MethodGet, path) }

// client is a browser with a server of its own.
type client struct {
	*http.Client
	url string
}

func newClient(t testing.TB, h http.Handler, h2 bool) client {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = h2
	server.StartTLS()
	t.Cleanup(server.Close)
	c := client{server.Client(), server.URL}
	c.Jar, _ = cookiejar.New(nil)
	return c
}

func (c client) get(t testing.TB, path string) (*http.Response, string) {
	t.Helper()
	resp, err := c.Get(c.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp, string(body)
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
