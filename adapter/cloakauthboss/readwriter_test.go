package cloakauthboss_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aarondl/authboss/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakauthboss"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestCost: a request that asks for nothing costs nothing, within authboss's middleware too.
func TestCost(t *testing.T) {
	tab := newSite(t).browser()
	tab.wantCalls("a first value", countstore.Stats{Creates: 1}, func() { tab.put("a", "1") })
	tab.wantCalls("untouched", countstore.Stats{}, func() {
		w := tab.do(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})
		if len(w.Header()) > 0 {
			t.Errorf("header %v", w.Header())
		}
	})
	tab.wantCalls("read", countstore.Stats{Loads: 1}, func() { tab.get("a") })
	tab.wantCalls("changed", countstore.Stats{Loads: 1, Replaces: 1}, func() { tab.put("b", "2") })
	tab.wantCalls("signed in", countstore.Stats{Loads: 1, Moves: 1}, func() {
		tab.login("ada", "password")
	})
}

// TestNoLostUpdates: two requests that change different values both keep their change.
func TestNoLostUpdates(t *testing.T) {
	tab := newSite(t).browser()
	tab.put("a", "0")
	tab.other().do(func(w http.ResponseWriter, r *http.Request) {
		authboss.GetSession(r, "a") // it is loaded
		tab.put("b", "fast")
		authboss.PutSession(w, "a", "slow")
		w.WriteHeader(http.StatusNoContent)
	})
	if tab.get("a") != "slow" || tab.get("b") != "fast" {
		t.Errorf("a=%q b=%q", tab.get("a"), tab.get("b"))
	}
}

// TestBeside: authboss's values are values of the Cloakroom session.
func TestBeside(t *testing.T) {
	tab := newSite(t).browser()
	theme := cloakroom.Key[string]("authboss:theme")
	tab.put("theme", "dark")
	tab.do(func(_ http.ResponseWriter, r *http.Request) {
		if got := theme.Get(tab.m.Get(r)); got != "dark" {
			t.Errorf("the theme is %q", got)
		}
		theme.Set(tab.m.Get(r), "light")
		cloakroom.Key[int]("authboss:number").Set(tab.m.Get(r), 1)
	})
	if tab.get("theme") != "light" || tab.get("number") != "-" {
		t.Errorf("the theme is %q, the number %q", tab.get("theme"), tab.get("number"))
	}
}

// TestFailures: where the session cannot be loaded or committed, nothing of the handler's
// leaves.
func TestFailures(t *testing.T) {
	for _, op := range []storetest.Op{storetest.OpLoad, storetest.OpReplace} {
		tab := newSite(t).browser()
		tab.put("a", "1")
		tab.failing.Store(op)
		w := tab.do(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Handler", "1")
			if _, ok := authboss.GetSession(r, "a"); ok != (op == storetest.OpReplace) {
				t.Errorf("%s: a is there: %v", op, ok)
			}
			authboss.PutSession(w, "a", "2")
			io.WriteString(w, "saved")
		})
		tab.failing.Store(storetest.Op(""))
		if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil ||
			w.Header().Get("X-Handler") != "" || strings.Contains(w.Body.String(), "saved") {
			t.Errorf("%s: %d %q %v", op, w.Code, w.Body, w.Header())
		}
		if got := tab.get("a"); got != "1" {
			t.Errorf("%s: a=%q", op, got)
		}
	}
}

// TestMisuse: without the middleware, and with a state of another kind.
func TestMisuse(t *testing.T) {
	s := newSite(t)
	rw := cloakauthboss.New(s.m)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if state, err := rw.ReadState(r); state != nil || !errors.Is(err, cloakroom.ErrNoMiddleware) {
		t.Errorf("%v, %v", state, err)
	}
	for _, state := range []authboss.ClientState{nil, foreign{}} {
		err := rw.WriteState(httptest.NewRecorder(), state, nil)
		if err == nil || !strings.Contains(err.Error(), "within LoadClientStateMiddleware") {
			t.Errorf("%T: %v", state, err)
		}
	}
	// An owner that Cloakroom refuses: no panic, but a 503.
	tab := s.browser()
	w := tab.do(func(w http.ResponseWriter, _ *http.Request) {
		authboss.PutSession(w, authboss.SessionKey, "")
		w.WriteHeader(http.StatusNoContent)
	})
	if w.Code != http.StatusServiceUnavailable || tab.cookie != nil {
		t.Errorf("an empty uid: %d", w.Code)
	}
}

type foreign struct{}

func (foreign) Get(string) (string, bool) { return "", false }

// TestResponses: what a handler and a client may do, with a session in it.
func TestResponses(t *testing.T) {
	const get = http.MethodGet
	for _, c := range []struct {
		what    string
		method  string
		handler func(tab *browser, w http.ResponseWriter, r *http.Request)
		code    int
		want    string // what is stored
	}{
		{"HEAD", http.MethodHead, func(_ *browser, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
		}, 200, "1"},
		{"304", get, func(_ *browser, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotModified)
		}, 304, "1"},
		{"a stream", get, func(tab *browser, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "first")
			http.NewResponseController(w).Flush()
			if got := tab.get("k"); got != "1" {
				t.Errorf("not stored before the first byte: %q", got)
			}
		}, 200, "1"},
		{"a client that hangs up", get, func(_ *browser, w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "gone")
		}, 200, "1"},
		{"recovery within", get, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			defer func() {
				recover()
				authboss.DelSession(w, "k")
				tab.m.Get(r).Discard()
				w.WriteHeader(http.StatusInternalServerError)
			}()
			panic("a bug")
		}, 500, "-"},
	} {
		tab := newSite(t).browser()
		tab.put("k", "0")
		ctx, cancel := context.WithCancel(t.Context())
		w := tab.send(c.method, "/", nil, func(w http.ResponseWriter, r *http.Request) {
			authboss.PutSession(w, "k", "1")
			if strings.Contains(c.what, "hangs up") {
				cancel()
			}
			c.handler(tab, w, r.WithContext(ctx))
		})
		cancel()
		if got := tab.get("k"); w.Code != c.code || got != c.want {
			t.Errorf("%s: %d, k is %q", c.what, w.Code, got)
		}
	}
	tab := newSite(t).browser()
	tab.put("k", "0")
	func() {
		defer func() { recover() }() // around both
		tab.do(func(w http.ResponseWriter, _ *http.Request) {
			authboss.PutSession(w, "k", "1")
			panic("a bug")
		})
	}()
	if got := tab.get("k"); got != "0" {
		t.Errorf("recovery around: k is %q", got)
	}
}

// TestLoginBeside: a sign-in by Cloakroom's API is one for authboss.
func TestLoginBeside(t *testing.T) {
	tab := newSite(t).browser()
	tab.do(func(_ http.ResponseWriter, r *http.Request) { tab.m.Get(r).Login("bob") })
	if got := tab.user(); got != "bob" {
		t.Errorf("user %q", got)
	}
}

// TestNothingWritten: authboss writes its state with the response's first byte, and only then.
func TestNothingWritten(t *testing.T) {
	tab := newSite(t).browser()
	tab.do(func(w http.ResponseWriter, _ *http.Request) { authboss.PutSession(w, "a", "1") })
	if tab.cookie != nil {
		t.Errorf("a=%q: the README says that it is lost", tab.get("a"))
	}
}
