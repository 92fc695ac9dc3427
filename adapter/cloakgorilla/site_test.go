package cloakgorilla_test

import (
	"encoding/gob"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// name is the gorilla session that most tests use.
const name = "user-session"

type user struct {
	Name string
	Age  int
}

type account user // registered as a pointer

func init() {
	gob.Register(user{})
	gob.Register(&account{})
	gob.Register(map[string]int{})
	gob.Register(time.Time{})
	gob.Register(noted{})
}

// site is a manager on a store in memory that counts calls and fails when told to.
type site struct {
	t       *testing.T
	m       *cloakroom.Manager
	gorilla *cloakgorilla.Store
	failing atomic.Value // the storetest.Op that fails, if any
	counted *countstore.Store
}

func newSite(t *testing.T, options cloakroom.Options) *site {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	s := &site{t: t}
	faulty := storetest.NewFaulty(memory)
	faulty.Decide = func(op storetest.Op, _ string) storetest.Fault {
		if op == s.failing.Load() {
			return storetest.Failed().Reporting(store.ErrRefused)
		}
		return storetest.Fault{}
	}
	s.counted = countstore.New(faulty)
	options.InsecureCookie = options.CookieName == ""
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if s.m, err = cloakroom.New(s.counted, options); err != nil {
		t.Fatal(err)
	}
	s.gorilla = cloakgorilla.New(s.m, cloakgorilla.Options{SignIn: name})
	return s
}

// browser keeps the one cookie.
type browser struct {
	*site
	cookie *http.Cookie
}

func (s *site) browser() *browser { return &browser{site: s} }

// other is the same browser's other tab, or one that has kept an old ticket.
func (b *browser) other() *browser { c := *b; return &c }

func (b *browser) request(method string) *http.Request {
	r := httptest.NewRequest(method, "/", nil)
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	return r
}

// do sends a request to a handler within the middleware.
func (b *browser) do(h http.HandlerFunc) *httptest.ResponseRecorder {
	return b.send(b.request(http.MethodGet), h)
}

func (b *browser) send(r *http.Request, h http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.m.Handler(h).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookie = c; c.MaxAge < 0 {
			b.cookie = nil
		}
	}
	return w
}

// begin starts a request whose handler has got its session when begin returns, and runs
// change and saves it when the returned function is called.
func (b *browser) begin(change func(s *sessions.Session)) (finish func()) {
	loaded, proceed, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	tab := b.other()
	go func() {
		defer close(done)
		tab.do(func(w http.ResponseWriter, r *http.Request) {
			s := tab.get(r)
			close(loaded)
			<-proceed
			change(s)
			tab.save(w, r, s)
		})
	}()
	<-loaded
	return func() { close(proceed); <-done }
}

func (b *browser) get(r *http.Request) *sessions.Session {
	s, err := b.gorilla.Get(r, name)
	if err != nil {
		b.t.Errorf("Get: %v", err)
	}
	return s
}

func (b *browser) save(w http.ResponseWriter, r *http.Request, s *sessions.Session) {
	if err := s.Save(r, w); err != nil {
		b.t.Errorf("Save: %v", err)
	}
}

// change sends a request that gets the session, changes and saves it.
func (b *browser) change(change func(s *sessions.Session)) *httptest.ResponseRecorder {
	return b.do(func(w http.ResponseWriter, r *http.Request) {
		s := b.get(r)
		change(s)
		b.save(w, r, s)
	})
}

func (b *browser) set(key string, value any) {
	b.t.Helper()
	if w := b.change(func(s *sessions.Session) { s.Values[key] = value }); w.Code != http.StatusOK {
		b.t.Errorf("set %q: %d", key, w.Code)
	}
}

// values returns what another request gets.
func (b *browser) values() (values map[any]any) {
	b.other().do(func(_ http.ResponseWriter, r *http.Request) { values = b.get(r).Values })
	return values
}

// calls returns what f costs, in words.
func (s *site) calls(f func()) countstore.Stats {
	before := s.counted.Stats()
	f()
	after := s.counted.Stats()
	return countstore.Stats{
		Loads: after.Loads - before.Loads, Creates: after.Creates - before.Creates,
		Replaces: after.Replaces - before.Replaces, Touches: after.Touches - before.Touches,
		Deletes: after.Deletes - before.Deletes, Moves: after.Moves - before.Moves,
		Lists: after.Lists - before.Lists,
	}
}

func (s *site) wantCalls(what string, want countstore.Stats, f func()) {
	s.t.Helper()
	if got := s.calls(f); got != want {
		s.t.Errorf("%s: calls %+v, want %+v", what, got, want)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}
