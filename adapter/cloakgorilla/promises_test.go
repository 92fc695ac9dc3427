package cloakgorilla_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestNoLostUpdates: of two requests that have both loaded the session, each keeps what it
// changed.
func TestNoLostUpdates(t *testing.T) {
	type change = func(s *sessions.Session)
	set := func(key string, value any) change {
		return func(s *sessions.Session) { s.Values[key] = value }
	}
	del := func(key string) change { return func(s *sessions.Session) { delete(s.Values, key) } }
	flash := func(text string) change { return func(s *sessions.Session) { s.AddFlash(text) } }
	take := func(s *sessions.Session) { s.Flashes() }
	for _, c := range []struct {
		what       string
		start      map[any]any
		slow, fast change
		want       map[any]any
	}{
		{"two values", nil, set("a", 1), set("b", 2), map[any]any{"a": 1, "b": 2}},
		{"one value: the later commit stands", nil, set("a", 1), set("a", 2), map[any]any{"a": 1}},
		{"a value that the other deletes", map[any]any{"a": 1, "b": 2}, set("b", 3), del("a"),
			map[any]any{"b": 3}},
		{"a value that the other leaves", map[any]any{"a": 1, "b": 2}, del("b"), set("a", 3),
			map[any]any{"a": 3}},
		{"two flash messages", nil, flash("slow"), flash("fast"),
			map[any]any{"_flash": []any{"fast", "slow"}}},
		{"two of the same text", nil, flash("x"), flash("x"),
			map[any]any{"_flash": []any{"x", "x"}}},
		{"a message that comes while others are taken",
			map[any]any{"_flash": []any{"old", "older"}},
			take, flash("new"), map[any]any{"_flash": []any{"new"}}},
		{"messages that are taken while one comes", map[any]any{"_flash": []any{"old", "older"}},
			flash("new"), take, map[any]any{"_flash": []any{"new"}}},
		{"messages that both take", map[any]any{"_flash": []any{"old"}}, take, take, map[any]any{}},
		{"a message that one takes, and adds another",
			map[any]any{"_flash": []any{"old"}},
			func(s *sessions.Session) { s.Flashes(); s.AddFlash("mine") }, flash("yours"),
			map[any]any{"_flash": []any{"yours", "mine"}}},
		{"a list that becomes something else", map[any]any{"l": []any{1}},
			func(s *sessions.Session) { s.Values["l"] = []any{1, 2} }, set("l", "text"),
			map[any]any{"l": []any{2}}},
	} {
		tab := newSite(t, cloakroom.Options{}).browser()
		tab.set("start", true)
		tab.change(func(s *sessions.Session) {
			for k, v := range c.start {
				s.Values[k] = v
			}
		})
		finish := tab.begin(c.slow)
		tab.change(c.fast)
		finish()
		got := tab.values()
		delete(got, "start")
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// TestDelete: MaxAge < 0 deletes the values of that name, and for the name of the sign-in
// it ends the whole session: no request that is under way brings it back.
func TestDelete(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	owner := func() (owner string) {
		tab.other().do(func(_ http.ResponseWriter, r *http.Request) { owner = s.m.Get(r).Owner() })
		return owner
	}
	deleting := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session, _ := s.gorilla.Get(r, name)
			session.Options = &sessions.Options{MaxAge: -1}
			tab.save(w, r, session)
		}
	}
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		cart, _ := s.gorilla.Get(r, "cart")
		cart.Values["item"], tab.get(r).Values["theme"] = "boots", "dark"
		if err := errors.Join(sessions.Save(r, w), s.m.Get(r).Login("ada")); err != nil {
			t.Error(err)
		}
	})
	s.wantCalls("delete a name that is not there", countstore.Stats{Loads: 1}, func() {
		tab.do(deleting("_gothic_session"))
	})
	s.wantCalls("delete a name", countstore.Stats{Loads: 1, Replaces: 1}, func() {
		if w := tab.do(deleting("cart")); len(w.Result().Cookies()) > 0 {
			t.Error("a cookie")
		}
	})
	tab.do(func(_ http.ResponseWriter, r *http.Request) {
		cart, err := s.gorilla.Get(r, "cart")
		if !cart.IsNew || len(cart.Values) > 0 || err != nil {
			t.Errorf("the cart has %v, %v", cart.Values, err)
		}
	})
	if got := tab.values(); owner() != "ada" || got["theme"] != "dark" {
		t.Errorf("%q has %v", owner(), got)
	}

	finish := tab.begin(func(s *sessions.Session) { s.Values["late"] = true })
	stale := tab.other()
	w := tab.do(deleting(name))
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge != -1 || w.Code != http.StatusOK {
		t.Errorf("%d, %d cookies", w.Code, len(c))
	}
	finish()
	if got := stale.values(); len(got) > 0 {
		t.Errorf("the session is back: %v", got)
	}

	// Saving all sessions of the request after a sign-out begins no other one.
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		cart, _ := s.gorilla.Get(r, "cart")
		cart.Values["item"] = "boots"
		tab.save(w, r, cart)
	})
	w = tab.do(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.gorilla.Get(r, "cart"); err != nil {
			t.Error(err)
		}
		session := tab.get(r)
		session.Options.MaxAge = -1
		tab.save(w, r, session)
		if err := sessions.Save(r, w); err != nil {
			t.Error(err)
		}
	})
	if c := w.Result().Cookies(); len(c) != 1 || c[0].MaxAge != -1 {
		t.Errorf("%d cookies", len(c))
	}

	// The same request may begin another session.
	tab.set("k", "v")
	before := tab.cookie.Value
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		session := tab.get(r)
		session.Options.MaxAge = -1
		tab.save(w, r, session)
		session.Options.MaxAge, session.Values = 0, map[any]any{"new": true}
		tab.save(w, r, session)
	})
	got := tab.values()
	if !reflect.DeepEqual(got, map[any]any{"new": true}) || tab.cookie.Value == before {
		t.Errorf("got %v", got)
	}
}

// TestLogin: Login beside gorilla's API gives a new ticket and keeps the values.
func TestLogin(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	tab.set("cart", 3)
	stale := tab.other()
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		s := tab.get(r)
		s.Values["user_id"] = 7
		tab.save(w, r, s)
		if err := tab.m.Get(r).Login("7"); err != nil {
			t.Error(err)
		}
	})
	if tab.cookie.Value == stale.cookie.Value {
		t.Error("the ticket is the same")
	}
	if got := tab.values(); !reflect.DeepEqual(got, map[any]any{"cart": 3, "user_id": 7}) {
		t.Errorf("got %v", got)
	}
	if got := stale.values(); len(got) > 0 {
		t.Errorf("the old ticket has %v", got)
	}
}

// TestOptions: what the one cookie has is accepted, and anything else refused.
func TestOptions(t *testing.T) {
	s := newSite(t, cloakroom.Options{
		CookieName: "__Secure-session", Domain: "example.com", Path: "/shop",
	})
	insecure := newSite(t, cloakroom.Options{})
	partitioned := newSite(t, cloakroom.Options{CookieName: "__Host-s", Partitioned: true})
	scripts := newSite(t, cloakroom.Options{Profile: &cloakroom.Profile{
		ID:    func(ticket string) (string, bool) { return ticket, len(ticket) == 26 },
		NewID: rand.Text, Ticket: func(id string) string { return id }, OwnerName: "user",
		ScriptCookie: true,
	}})
	for _, c := range []struct {
		site    *site
		options *sessions.Options
		refused string // the field, or empty
	}{
		{s, nil, ""},
		{s, &sessions.Options{}, ""},
		{s, &sessions.Options{Path: "/shop", Domain: "example.com", Secure: true, HttpOnly: true,
			SameSite: http.SameSiteLaxMode, MaxAge: 12 * 60 * 60}, ""},
		{s, &sessions.Options{SameSite: http.SameSiteDefaultMode}, ""},
		{s, &sessions.Options{Path: "/"},
			`Options.Path is "/": the one cookie of all sessions has "/shop"`},
		{s, &sessions.Options{Domain: "other.example"}, `Options.Domain is "other.example": the ` +
			`one cookie of all sessions has "example.com"`},
		{s, &sessions.Options{MaxAge: 60}, "Options.MaxAge is 60: the one cookie of all sessions " +
			"ends with the browser (0) or with the manager's Lifetime (43200)"},
		{s, &sessions.Options{Partitioned: true},
			"Options.Partitioned is true: the one cookie of all sessions has false"},
		{partitioned, &sessions.Options{Partitioned: true, HttpOnly: true}, ""},
		{scripts, &sessions.Options{}, ""},
		{scripts, &sessions.Options{HttpOnly: true},
			"Options.HttpOnly is true: the one cookie of all sessions has false"},
		{s, &sessions.Options{SameSite: http.SameSiteStrictMode},
			"Options.SameSite is 3: the one cookie of all sessions has 2"},
		{s, &sessions.Options{Path: "/", MaxAge: -1}, "Options.Path"},
		{insecure, &sessions.Options{Secure: true},
			"Options.Secure is true: the one cookie of all sessions has false"},
	} {
		tab := c.site.browser()
		w := tab.do(func(w http.ResponseWriter, r *http.Request) {
			session := tab.get(r)
			session.Options = c.options
			session.Values["k"] = "v"
			err := session.Save(r, w)
			if c.refused == "" && err != nil {
				t.Errorf("%+v: %v", c.options, err)
			} else if c.refused != "" {
				wantError(t, err, c.refused)
			}
		})
		stored := len(w.Result().Cookies()) > 0
		if stored != (c.refused == "") || w.Code != http.StatusOK {
			t.Errorf("%+v: %d, stored: %v", c.options, w.Code, stored)
		}
	}
	// What a session is given is what it may be saved with.
	tab := s.browser()
	tab.set("k", "v")
	tab.do(func(_ http.ResponseWriter, r *http.Request) {
		want := sessions.Options{Path: "/shop", Domain: "example.com", Secure: true, HttpOnly: true,
			SameSite: http.SameSiteLaxMode}
		if got := *tab.get(r).Options; got != want {
			t.Errorf("options %+v", got)
		}
	})
}

// TestMaxAge: MaxAge of the manager's lifetime makes the cookie outlive the browser, 0 makes it
// end with it, and what is not changed leaves it as it is.
func TestMaxAge(t *testing.T) {
	for _, byDefault := range []bool{false, true} {
		const lifetime = 12 * 60 * 60
		start := map[bool]int{true: lifetime}[byDefault]
		tab := newSite(t, cloakroom.Options{Persistent: byDefault}).browser()
		for i, step := range []struct {
			change  func(o *sessions.Options)
			cookies []int // MaxAge of what is sent
		}{
			{func(*sessions.Options) {}, []int{start}},
			{func(o *sessions.Options) { o.MaxAge = lifetime - start }, []int{lifetime - start}},
			{func(*sessions.Options) {}, nil},
			{func(o *sessions.Options) { o.MaxAge = start }, []int{start}},
		} {
			w := tab.change(func(s *sessions.Session) { step.change(s.Options) })
			var got []int
			for _, c := range w.Result().Cookies() {
				got = append(got, c.MaxAge)
			}
			if !slices.Equal(got, step.cookies) {
				t.Errorf("persistent %v, step %d: cookies of MaxAge %v, want %v",
					byDefault, i, got, step.cookies)
			}
		}
		tab.do(func(w http.ResponseWriter, r *http.Request) {
			s := tab.get(r)
			for _, age := range []int{lifetime - start, start} {
				s.Options.MaxAge = age
				tab.save(w, r, s)
			}
			if tab.m.Get(r).IsPersistent() != byDefault {
				t.Errorf("persistent %v: not so after two changes", byDefault)
			}
		})
	}
}

// TestFailures: where the session cannot be loaded or committed, nothing of the handler's
// leaves.
func TestFailures(t *testing.T) {
	for _, op := range []storetest.Op{storetest.OpLoad, storetest.OpReplace} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		tab := newSite(t, cloakroom.Options{Logger: logger}).browser()
		tab.set("k", "v")
		tab.failing.Store(op)
		w := tab.do(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Handler", "1")
			http.SetCookie(w, &http.Cookie{Name: "other", Value: "1"})
			s, err := tab.gorilla.Get(r, name)
			failed := errors.Is(err, cloakroom.ErrRefused)
			if failed != (op == storetest.OpLoad) || s == nil {
				t.Errorf("%s: Get: %v", op, err)
			}
			s.Values["k"] = "w"
			if err := s.Save(r, w); (err != nil) != (op == storetest.OpLoad) {
				t.Errorf("%s: Save: %v", op, err)
			}
			io.WriteString(w, "saved")
		})
		tab.failing.Store(storetest.Op(""))
		if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil ||
			w.Header().Get("X-Handler") != "" || strings.Contains(w.Body.String(), "saved") {
			t.Errorf("%s: %d %q %v", op, w.Code, w.Body, w.Header())
		}
		if log.Len() == 0 || strings.Contains(log.String(), tab.cookie.Value) {
			t.Errorf("%s: the log has the ticket, or nothing", op)
		}
		if got := tab.values()["k"]; got != "v" {
			t.Errorf("%s: k is %v", op, got)
		}
	}
}

// TestEnded: a request whose session was ended by another one is answered, without a cookie.
func TestEnded(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	tab.set("k", "v")
	stale := tab.other()
	w := stale.do(func(w http.ResponseWriter, r *http.Request) {
		s := stale.get(r)
		tab.do(func(_ http.ResponseWriter, r *http.Request) { tab.m.Get(r).Logout() })
		s.Values["k"] = "w"
		stale.save(w, r, s)
		io.WriteString(w, "done")
	})
	if w.Code != http.StatusOK || w.Body.String() != "done" || len(w.Result().Cookies()) > 0 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if got := stale.values(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

// TestResponses: what a handler and a client may do, with a session in it.
func TestResponses(t *testing.T) {
	save := func(tab *browser, w http.ResponseWriter, r *http.Request, value string) error {
		s := tab.get(r)
		s.Values["k"] = value
		return s.Save(r, w)
	}
	const get = http.MethodGet
	for _, c := range []struct {
		what    string
		method  string
		handler func(tab *browser, w http.ResponseWriter, r *http.Request)
		code    int
		want    any // what is stored
	}{
		{"HEAD", http.MethodHead, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			save(tab, w, r, "1")
		}, 200, "1"},
		{"304", get, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			save(tab, w, r, "1")
			w.WriteHeader(http.StatusNotModified)
		}, 304, "1"},
		{"a redirect", http.MethodPost, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			save(tab, w, r, "1")
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}, 303, "1"},
		{"a stream", get, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			save(tab, w, r, "1")
			http.NewResponseController(w).Flush()
			if got := tab.values()["k"]; got != "1" {
				t.Errorf("not stored before the first byte: %v", got)
			}
			save(tab, w, r, "2") // there is a cookie, so it is not too late
			io.WriteString(w, "end")
		}, 200, "2"},
		{"a client that hangs up", get, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			r = r.WithContext(ctx)
			save(tab, w, r, "1")
			cancel()
			io.WriteString(w, "gone")
		}, 200, "1"},
		{"recovery within", get, func(tab *browser, w http.ResponseWriter, r *http.Request) {
			defer func() {
				recover()
				tab.m.Get(r).Discard()
				w.WriteHeader(http.StatusInternalServerError)
			}()
			save(tab, w, r, "1")
			panic("a bug")
		}, 500, "0"},
	} {
		tab := newSite(t, cloakroom.Options{}).browser()
		tab.set("k", "0")
		w := tab.send(tab.request(c.method), func(w http.ResponseWriter, r *http.Request) {
			c.handler(tab, w, r)
		})
		if got := tab.values()["k"]; w.Code != c.code || got != c.want {
			t.Errorf("%s: %d, k is %v", c.what, w.Code, got)
		}
	}

	tab := newSite(t, cloakroom.Options{}).browser()
	w := tab.do(func(w http.ResponseWriter, r *http.Request) {
		s := tab.get(r)
		io.WriteString(w, "begun")
		s.Values["k"] = "late"
		if err := s.Save(r, w); !errors.Is(err, cloakroom.ErrHeaderSent) {
			t.Errorf("Save without a cookie after the first byte: %v", err)
		}
	})
	if w.Code != http.StatusOK || tab.cookie != nil {
		t.Errorf("%d", w.Code)
	}

	tab.set("k", "0")
	func() {
		defer func() { recover() }() // around the middleware
		tab.do(func(w http.ResponseWriter, r *http.Request) {
			save(tab, w, r, "1")
			panic("a bug")
		})
	}()
	if got := tab.values()["k"]; got != "0" {
		t.Errorf("recovery around: k is %v", got)
	}
}

// TestServer: over HTTP, where a request's context ends with it.
func TestServer(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := tab.get(r)
		n, _ := s.Values["n"].(int)
		s.Values["n"] = n + 1
		tab.save(w, r, s)
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewServer(tab.m.Handler(handler))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	tab.cookie = resp.Cookies()[0]
	if got := tab.values()["n"]; got != 1 {
		t.Errorf("n is %v", got)
	}
}

// TestSignIn: with Options.Owner, code that knows gorilla's API alone gets a new ticket at a sign-in,
// and the old one, which may have been planted, is dead.
func TestSignIn(t *testing.T) {
	for owner, id := range map[string]any{"ann": "ann", "17": 17, "18": int64(18)} {
		s := newSite(t, cloakroom.Options{})
		s.gorilla = cloakgorilla.New(s.m, cloakgorilla.Options{SignIn: name, Owner: "id"})
		tab := s.browser()
		tab.set("cart", "hat")
		planted := *tab
		tab.set("id", id)
		if got := planted.values(); len(got) != 0 {
			t.Errorf("%v: the planted ticket has %v", id, got)
		}
		if got := tab.values(); got["cart"] != "hat" || got["id"] == nil {
			t.Errorf("%v: the session has %v", id, got)
		}
		signedIn := *tab
		tab.set("theme", "dark")
		if got := signedIn.values(); got["theme"] != "dark" {
			t.Errorf("%v: a change that is no sign-in gives a new ticket: %v", id, got)
		}
		n, err := s.m.RevokeOwned(t.Context(), owner)
		if n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
}
