package cloakfiber_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"testing"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const name = cloakroom.Key[string]("name")

// site is a Fiber application on a server of its own.
type site struct {
	t     *testing.T
	store *storetest.Faulty
	calls *countstore.Store // of store
	m     *cloakroom.Manager
	log   *adaptertest.Buffer
	url   string
}

// routes says what a site serves: it registers the middleware itself.
type routes = func(app *fiber.App, s *site)

func newSite(t *testing.T, config fiber.Config, options cloakroom.Options, build routes) *site {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	s := &site{t: t, store: storetest.NewFaulty(memory), log: new(adaptertest.Buffer)}
	s.calls = countstore.New(s.store)
	options.InsecureCookie = true
	options.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	if s.m, err = cloakroom.New(s.calls, options); err != nil {
		t.Fatal(err)
	}
	app := fiber.New(config)
	build(app, s)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.url = "http://" + ln.Addr().String()
	ended := make(chan error)
	go func() { ended <- app.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// simple is a site with the middleware alone, whose GET / is h; /who tells what is stored.
func simple(t *testing.T, h fiber.Handler) *site {
	t.Helper()
	return newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/", h)
		app.Get("/who", who)
	})
}

// who tells what is stored.
func who(c fiber.Ctx) error {
	s := cloakfiber.Get(c)
	return c.SendString(s.Owner() + "," + name.Get(s))
}

// browser keeps cookies.
type browser struct {
	*http.Client
	site *site
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &browser{Client: &http.Client{Jar: jar, Transport: transport}, site: s}
}

func (b *browser) do(method, path string, header ...string) (*http.Response, string) {
	b.site.t.Helper()
	r, err := http.NewRequest(method, b.site.url+path, nil)
	if err != nil {
		b.site.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(r)
	if err != nil {
		b.site.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.site.t.Error(err)
	}
	return resp, string(body)
}

func (b *browser) get(path string, header ...string) (*http.Response, string) {
	b.site.t.Helper()
	return b.do(http.MethodGet, path, header...)
}

// stored returns what the session of the browser's cookie holds.
func (b *browser) stored() string {
	b.site.t.Helper()
	_, who := b.get("/who")
	return who
}

// ticket returns what the session's cookie holds.
func (b *browser) ticket() string {
	r, err := http.NewRequest(http.MethodGet, b.site.url, nil)
	if err != nil {
		b.site.t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(r.URL) {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

// cost returns the calls of the store that f makes.
func (s *site) cost(f func()) countstore.Stats {
	before := s.calls.Stats()
	f()
	after := s.calls.Stats()
	return countstore.Stats{
		Loads: after.Loads - before.Loads, Creates: after.Creates - before.Creates,
		Replaces: after.Replaces - before.Replaces, Touches: after.Touches - before.Touches,
		Deletes: after.Deletes - before.Deletes, Moves: after.Moves - before.Moves,
	}
}

// refused is what a store does that refuses a call, which is not tried again.
var refused = storetest.Failed().Reporting(cloakroom.ErrRefused)

// printable returns a header without what must not be printed.
func printable(h http.Header) http.Header {
	h = h.Clone()
	for i := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = "..."
	}
	return h
}
