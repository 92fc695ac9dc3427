package cloakgorilla_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// TestValues: what every application on gorilla/sessions does.
func TestValues(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		tab := newSite(t, cloakroom.Options{Format: format}).browser()
		tab.set("theme", "dark")
		tab.set("count", 42)
		if got := tab.values(); !reflect.DeepEqual(got, map[any]any{"theme": "dark", "count": 42}) {
			t.Errorf("%v: %v", format, got)
		}
		tab.change(func(s *sessions.Session) { s.Values["count"] = s.Values["count"].(int) + 1 })
		tab.change(func(s *sessions.Session) { delete(s.Values, "theme") })
		if got := tab.values(); !reflect.DeepEqual(got, map[any]any{"count": 43}) {
			t.Errorf("%v: %v", format, got)
		}
		tab.change(func(s *sessions.Session) { s.AddFlash("one"); s.AddFlash("two", "errors") })
		tab.change(func(s *sessions.Session) { s.AddFlash("three") })
		var flashes, none []any
		tab.change(func(s *sessions.Session) { flashes = s.Flashes() })
		tab.change(func(s *sessions.Session) { none = s.Flashes() })
		if !reflect.DeepEqual(flashes, []any{"one", "three"}) || len(none) > 0 {
			t.Errorf("%v: %v, then %v", format, flashes, none)
		}
		want := map[any]any{"count": 43, "errors": []any{"two"}}
		if got := tab.values(); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v", format, got)
		}
		// Where an empty list is stored:
		tab.change(func(s *sessions.Session) { s.AddFlash("four") })
		tab.change(func(s *sessions.Session) { flashes = s.Flashes() })
		if !reflect.DeepEqual(flashes, []any{"four"}) {
			t.Errorf("%v: %v", format, flashes)
		}
	}
}

func TestIsNew(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	want := func(when string, isNew bool) {
		t.Helper()
		tab.other().do(func(_ http.ResponseWriter, r *http.Request) {
			s := tab.get(r)
			if s.IsNew != isNew || len(s.Values) > 0 || (s.ID == "") != (tab.cookie == nil) {
				t.Errorf("%s: IsNew is %v, values %v, ID %q", when, s.IsNew, s.Values, s.ID)
			}
			if other, err := tab.gorilla.Get(r, "other"); err != nil || !other.IsNew {
				t.Errorf("%s: another name is new: %v, %v", when, other.IsNew, err)
			}
		})
	}
	want("at first", true)
	tab.change(func(*sessions.Session) {})
	want("saved without values", false)
	tab.change(func(s *sessions.Session) { s.AddFlash("hello") })
	tab.change(func(s *sessions.Session) { s.Flashes() })
	want("without its flash message", false)
	tab.set("k", "v")
	tab.change(func(s *sessions.Session) { delete(s.Values, "k") })
	want("without its value", false)
	tab.change(func(s *sessions.Session) { s.Options.MaxAge = -1 })
	want("deleted", true)
	tab.set("k", "v")
	tab.change(func(s *sessions.Session) { clear(s.Values) })
	want("saved anew, and emptied", false)
}

// TestRegistry: Get gives one session in a request, New each time another one, and
// sessions.Save saves all, with the copy of the request that a router made.
func TestRegistry(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	w := tab.do(func(w http.ResponseWriter, r *http.Request) {
		a, b := tab.get(r), tab.get(r)
		other, err := tab.gorilla.New(r, name)
		if a != b || a == other || err != nil || a.Name() != name || a.Store() != tab.gorilla {
			t.Errorf("%p %p %p %v", a, b, other, err)
		}
		second, _ := tab.gorilla.Get(r, "second")
		a.Values["k"], second.Values["k"] = "1", "2"
		if err := sessions.Save(r.WithContext(r.Context()), w); err != nil {
			t.Error(err)
		}
	})
	if n := len(w.Result().Cookies()); n != 1 {
		t.Errorf("%d cookies", n)
	}
	tab.do(func(_ http.ResponseWriter, r *http.Request) {
		second, _ := tab.gorilla.Get(r, "second")
		if got := tab.get(r).Values["k"]; got != "1" || second.Values["k"] != "2" {
			t.Errorf("%v and %v", got, second.Values["k"])
		}
	})
	// The session was got with a copy of the request that Save does not see.
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		inner := r.Clone(r.Context())
		s := tab.get(inner)
		delete(s.Values, "k")
		tab.save(w, r, s)
	})
	// It was made by hand: what it holds is added.
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.NewSession(tab.gorilla, name)
		s.Values["by hand"], s.Options.MaxAge = true, 12*60*60
		tab.save(w, r, s)
		if !tab.m.Get(r).IsPersistent() {
			t.Error("its MaxAge was ignored")
		}
		s.Options, s.Values["again"] = nil, true
		tab.save(w, r, s)
	})
	if got := tab.values(); !reflect.DeepEqual(got, map[any]any{"by hand": true, "again": true}) {
		t.Errorf("got %v", got)
	}
}

// TestCost: what is not touched costs nothing, what is read one call, what is changed one
// more, and what is saved unchanged none.
func TestCost(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	tab.wantCalls("a new session", countstore.Stats{Creates: 1}, func() { tab.set("k", "v") })
	tab.wantCalls("untouched", countstore.Stats{}, func() {
		w := tab.do(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})
		if len(w.Header()) > 0 {
			t.Errorf("header %v", w.Header())
		}
	})
	tab.wantCalls("read", countstore.Stats{Loads: 1}, func() { tab.values() })
	tab.wantCalls("saved unchanged", countstore.Stats{Loads: 1}, func() {
		if w := tab.change(func(*sessions.Session) {}); len(w.Result().Cookies()) > 0 {
			t.Error("a cookie")
		}
	})
	tab.wantCalls("saved three times", countstore.Stats{Loads: 1, Replaces: 1}, func() {
		tab.do(func(w http.ResponseWriter, r *http.Request) {
			for i := range 3 {
				s := tab.get(r)
				s.Values["n"] = i
				tab.save(w, r, s)
			}
		})
	})
	tab.wantCalls("not saved", countstore.Stats{Loads: 1}, func() {
		tab.do(func(_ http.ResponseWriter, r *http.Request) { tab.get(r).Values["n"] = 9 })
	})
	if got := tab.values()["n"]; got != 2 {
		t.Errorf("n is %v", got)
	}
}

// TestNoMiddleware: a session is never nil, and both calls tell.
func TestNoMiddleware(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	session, err := s.gorilla.Get(r, name)
	if session == nil || !session.IsNew || !errors.Is(err, cloakroom.ErrNoMiddleware) {
		t.Fatalf("%v, %v", session, err)
	}
	if err := session.Save(r, httptest.NewRecorder()); !errors.Is(err, cloakroom.ErrNoMiddleware) {
		t.Errorf("Save: %v", err)
	}
}

// TestRefused: Save says what it cannot store, and takes nothing down.
func TestRefused(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	tab.set("k", "v")
	for _, c := range []struct {
		text   string
		change func(s *sessions.Session)
	}{
		{`session "user-session": a key is of type int: it must be a string`,
			func(s *sessions.Session) { s.Values[3] = "x" }},
		{"a key is of type cloakgorilla_test.user",
			func(s *sessions.Session) { s.Values[user{}] = 1 }},
		{`value "secret": gob: type not registered`,
			func(s *sessions.Session) { s.Values["secret"] = struct{ N int }{7} }},
		{`value "f": gob: type not registered`,
			func(s *sessions.Session) { s.AddFlash(func() {}, "f") }},
	} {
		tab.wantCalls(c.text, countstore.Stats{Loads: 1}, func() {
			w := tab.do(func(w http.ResponseWriter, r *http.Request) {
				s := tab.get(r)
				s.Values["k"] = "changed"
				c.change(s)
				wantError(t, s.Save(r, w), c.text)
			})
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d", c.text, w.Code)
			}
		})
	}
	if got := tab.values(); !reflect.DeepEqual(got, map[any]any{"k": "v"}) {
		t.Errorf("got %v", got)
	}
	tab.do(func(w http.ResponseWriter, r *http.Request) {
		for _, bad := range []string{"", "a:b"} {
			s, err := tab.gorilla.New(r, bad)
			wantError(t, err, "it must be the name of a cookie")
			if bad == "" {
				wantError(t, s.Save(r, w), "it must be the name of a cookie")
			}
		}
	})
}

// TestLimits: what the Cloakroom session refuses, Save tells, and the response is not sent.
func TestLimits(t *testing.T) {
	for _, change := range []func(s *sessions.Session){
		func(s *sessions.Session) { s.Values[string(make([]byte, 300))] = 1 },
		func(s *sessions.Session) { s.Values["a"], s.Values["b"], s.Values["c"] = 1, 2, 3 },
	} {
		tab := newSite(t, cloakroom.Options{MaxValues: 2}).browser()
		w := tab.do(func(w http.ResponseWriter, r *http.Request) {
			s := tab.get(r)
			change(s)
			wantError(t, s.Save(r, w), `save session "user-session": cloakroom: `)
		})
		if w.Code != http.StatusServiceUnavailable || tab.cookie != nil {
			t.Errorf("%d", w.Code)
		}
	}
}

// TestBeside: a Key reads and counts what gorilla's API has set, and the other way round.
func TestBeside(t *testing.T) {
	const (
		visits = cloakroom.Key[int](name + ":visits")
		tags   = cloakroom.Key[[]string](name + ":tags")
		sizes  = cloakroom.Key[map[string]int64](name + ":sizes") // of no type that gob knows
		theme  = cloakroom.Key[string](name + ":theme")
	)
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		tab := newSite(t, cloakroom.Options{Format: format}).browser()
		tab.set("visits", 1)
		tab.set("theme", "dark")
		// Between Get and Save, this request and another one have committed.
		tab.do(func(w http.ResponseWriter, r *http.Request) {
			s := tab.get(r)
			tab.other().set("late", true)
			n, err := visits.UpdateNow(tab.m.Get(r), func(n int) int { return n + 1 })
			if n != 2 || err != nil || theme.Get(tab.m.Get(r)) != "dark" {
				t.Errorf("%v: %d, %v", format, n, err)
			}
			s.Values["mine"] = true
			tab.save(w, r, s)
		})
		tab.do(func(_ http.ResponseWriter, r *http.Request) {
			tags.Set(tab.m.Get(r), []string{"a"})
			sizes.Set(tab.m.Get(r), map[string]int64{"s": 1})
		})
		want := map[any]any{"visits": 2, "theme": "dark", "late": true, "mine": true,
			"tags": []any{"a"}, "sizes": map[string]any{"s": int64(1)}}
		if got := tab.values(); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v, want %v", format, got, want)
		}
		tab.set("list", []any{"b", "c"})
		tab.set("theme", "light") // what it did not change stays as the Key has set it
		tab.do(func(_ http.ResponseWriter, r *http.Request) {
			own := tab.m.Get(r)
			list := cloakroom.Key[[]string](name + ":list").Get(own)
			if !slices.Equal(list, []string{"b", "c"}) {
				t.Errorf("%v: %v", format, list)
			}
			if !slices.Equal(tags.Get(own), []string{"a"}) || sizes.Get(own)["s"] != 1 {
				t.Errorf("%v: %v, %v", format, tags.Get(own), sizes.Get(own))
			}
		})
	}
}

var _ sessions.Store = (*cloakgorilla.Store)(nil)
