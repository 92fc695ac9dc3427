package cloakauthboss_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aarondl/authboss/v3"
	_ "github.com/aarondl/authboss/v3/auth" // the modules "auth" and "logout"
	"github.com/aarondl/authboss/v3/defaults"
	_ "github.com/aarondl/authboss/v3/logout"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakauthboss"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// cart is what the application keeps by itself.
const cart = cloakroom.Key[int]("cart")

// user and users are all that authboss needs to know of the application's users.
type user struct{ pid, hash string }

func (u *user) GetPID() string       { return u.pid }
func (u *user) PutPID(pid string)    { u.pid = pid }
func (u *user) GetPassword() string  { return u.hash }
func (u *user) PutPassword(h string) { u.hash = h }

type users map[string]*user

func (all users) Load(_ context.Context, pid string) (authboss.User, error) {
	if u, ok := all[pid]; ok {
		return u, nil
	}
	return nil, authboss.ErrUserNotFound
}

func (users) Save(context.Context, authboss.User) error { return nil }

// newAuthboss returns authboss with its modules for passwords and signing out.
func newAuthboss(m *cloakroom.Manager, whitelist ...string) (*authboss.Authboss, error) {
	ab := authboss.New()
	ab.Paths.Mount, ab.Paths.RootURL = "/auth", "http://localhost"
	ab.Paths.AuthLoginOK, ab.Paths.LogoutOK = "/", "/"
	ab.Modules.LogoutMethod = http.MethodPost
	ab.Modules.BCryptCost = 4 // the least, for tests
	ab.Core.ViewRenderer = defaults.JSONRenderer{}
	defaults.SetCore(&ab.Config, false, true)
	logger := defaults.NewLogger(io.Discard)
	ab.Core.Logger, ab.Core.ErrorHandler = logger, defaults.NewErrorHandler(logger)
	ab.Storage.SessionState = cloakauthboss.New(m)
	ab.Storage.SessionStateWhitelistKeys = whitelist
	all := users{}
	ab.Storage.Server = all
	if err := ab.Init("auth", "logout"); err != nil {
		return nil, err
	}
	for _, name := range []string{"ada", "bob"} {
		hash, err := ab.Core.Hasher.GenerateHash("password")
		if err != nil {
			return nil, err
		}
		all[name] = &user{name, hash}
	}
	return ab, nil
}

// site is an application with authboss, on a store in memory that counts calls and fails
// when told to.
type site struct {
	t       *testing.T
	m       *cloakroom.Manager
	ab      *authboss.Authboss
	counted *countstore.Store
	failing atomic.Value // the storetest.Op that fails, if any
}

func newSite(t *testing.T, whitelist ...string) *site {
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
	s.m, err = cloakroom.New(s.counted, cloakroom.Options{
		InsecureCookie: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.ab, err = newAuthboss(s.m, whitelist...); err != nil {
		t.Fatal(err)
	}
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

// send sends a request to a handler within authboss's middleware, or to authboss where it
// is nil.
func (b *browser) send(
	method, path string, form url.Values, h http.HandlerFunc,
) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	var handler http.Handler = h
	if h == nil {
		handler = http.StripPrefix("/auth", b.ab.Core.Router)
	}
	w := httptest.NewRecorder()
	b.m.Handler(b.ab.LoadClientStateMiddleware(handler)).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookie = c; c.MaxAge < 0 {
			b.cookie = nil
		}
	}
	return w
}

func (b *browser) do(h http.HandlerFunc) *httptest.ResponseRecorder {
	return b.send(http.MethodGet, "/", nil, h)
}

func (b *browser) login(name, password string) *httptest.ResponseRecorder {
	form := url.Values{"username": {name}, "password": {password}}
	return b.send(http.MethodPost, "/auth/login", form, nil)
}

func (b *browser) logout() *httptest.ResponseRecorder {
	return b.send(http.MethodPost, "/auth/logout", nil, nil)
}

// user returns who is signed in, as authboss and as Cloakroom have it.
func (b *browser) user() string {
	b.t.Helper()
	var pid string
	b.other().do(func(_ http.ResponseWriter, r *http.Request) {
		u, err := b.ab.CurrentUser(r)
		if err == nil {
			pid = u.GetPID()
		}
		if owner := b.m.Get(r).Owner(); owner != pid {
			b.t.Errorf("authboss has %q, and the owner is %q: %v", pid, owner, err)
		}
	})
	return pid
}

// put sends a request that puts a value by authboss's API.
func (b *browser) put(key, text string) {
	b.t.Helper()
	w := b.do(func(w http.ResponseWriter, _ *http.Request) {
		authboss.PutSession(w, key, text)
		w.WriteHeader(http.StatusNoContent)
	})
	if w.Code != http.StatusNoContent {
		b.t.Errorf("put %q: %d", key, w.Code)
	}
}

// get returns a value by authboss's API in another request, "-" where there is none.
func (b *browser) get(key string) (text string) {
	b.other().do(func(_ http.ResponseWriter, r *http.Request) {
		var ok bool
		if text, ok = authboss.GetSession(r, key); !ok {
			text = "-"
		}
	})
	return text
}

func (b *browser) setCart(n int) {
	b.do(func(_ http.ResponseWriter, r *http.Request) { cart.Set(b.m.Get(r), n) })
}

func (b *browser) cart() (n int) {
	b.other().do(func(_ http.ResponseWriter, r *http.Request) { n = cart.Get(b.m.Get(r)) })
	return n
}

func (s *site) wantCalls(what string, want countstore.Stats, f func()) {
	s.t.Helper()
	before := s.counted.Stats()
	f()
	after := s.counted.Stats()
	got := countstore.Stats{
		Loads: after.Loads - before.Loads, Creates: after.Creates - before.Creates,
		Replaces: after.Replaces - before.Replaces, Touches: after.Touches - before.Touches,
		Deletes: after.Deletes - before.Deletes, Moves: after.Moves - before.Moves,
		Lists: after.Lists - before.Lists,
	}
	if got != want {
		s.t.Errorf("%s: calls %+v, want %+v", what, got, want)
	}
}
