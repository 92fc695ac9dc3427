package cloakgorilla_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// TestTypes: each value comes back with the type and content that it had, in either format,
// and saving it as it came changes nothing.
func TestTypes(t *testing.T) {
	values := map[any]any{
		"nil": nil, "bool": true, "int": -7, "int max": math.MaxInt, "float": 1.5, "whole": 2.0,
		"minus zero": math.Copysign(0, -1), "infinite": math.Inf(1), "-inf": math.Inf(-1),
		"text":   "dark – ✓",
		"":       "no key",
		"binary": "\x1f\x8b\x00\xff", "int64": int64(5), "uint8": uint8(9),
		"uint64":  uint64(math.MaxUint64),
		"float32": float32(0.1), "bytes": []byte{0, 255}, "strings": []string{"a"},
		"time": time.Date(2026, 7, 1, 12, 0, 0, 5, time.UTC), "struct": user{"Ada", 36},
		"pointer": &account{"Bob", 1}, "map": map[string]int{"a": 1, "b": 2, "c": 3, "d": 4},
		"mixed": []any{"a", 1, 2.5, user{"Eve", 2}, "\xff", []any{"nested", 1}, nil},
		"_gob":  "a name like ours",
	}
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		tab := newSite(t, cloakroom.Options{Format: format}).browser()
		tab.change(func(s *sessions.Session) {
			for k, v := range values {
				s.Values[k] = v
			}
		})
		got := tab.values()
		for k, v := range values {
			if !reflect.DeepEqual(got[k], v) {
				t.Errorf("%v: %q is %T %#v, want %T %#v", format, k, got[k], got[k], v, v)
			}
		}
		if len(got) != len(values) {
			t.Errorf("%v: %d values, want %d", format, len(got), len(values))
		}
		if z := got["minus zero"].(float64); !math.Signbit(z) {
			t.Errorf("%v: %v", format, z)
		}
		tab.wantCalls("saved as it came", countstore.Stats{Loads: 5}, func() {
			for range 5 { // gob's order of a map is not always the same
				tab.change(func(*sessions.Session) {})
			}
		})
	}
}

// noted has a field that gob leaves out, and a map, which it encodes in any order.
type noted struct {
	Counts map[string]int
	note   string
}

// TestUnequal: a value that no comparison of Go's finds equal to what is stored is not written
// again as long as the same would be stored.
func TestUnequal(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	counts := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4}
	tab.change(func(s *sessions.Session) {
		s.Values["nan"], s.Values["noted"] = math.NaN(), noted{counts, "first"}
	})
	tab.wantCalls("saved as it came", countstore.Stats{Loads: 20}, func() {
		for range 20 {
			tab.change(func(s *sessions.Session) {
				if !math.IsNaN(s.Values["nan"].(float64)) {
					t.Errorf("nan is %v", s.Values["nan"])
				}
				s.Values["noted"] = noted{counts, "another"}
			})
		}
	})
}

// TestChangedInPlace: a map, a pointer and a list that are changed without being set again
// are stored: gorilla's own stores do that too.
func TestChangedInPlace(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	tab.change(func(s *sessions.Session) {
		s.Values["map"] = map[string]int{"a": 1}
		s.Values["pointer"] = &account{"Ada", 36}
		s.Values["list"] = []any{"a", "b", "a", 1}
	})
	tab.change(func(s *sessions.Session) {
		s.Values["map"].(map[string]int)["b"] = 2
		s.Values["pointer"].(*account).Age++
		s.Values["list"].([]any)[1] = "c"
	})
	want := map[any]any{
		"map": map[string]int{"a": 1, "b": 2}, "pointer": &account{"Ada", 37},
		"list": []any{"a", "c", "a", 1},
	}
	if got := tab.values(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

// TestLists: without another request, a list is what the session had.
func TestLists(t *testing.T) {
	tab := newSite(t, cloakroom.Options{}).browser()
	for _, next := range []any{
		[]any{"a", "b", "a"}, []any{"a", "b"}, []any{"b", "a"}, []any{"b", "a", "b", "a", "b"},
		[]any{"a", "a"}, []any{3, 2, 1}, []any{1, 2, 3}, "text", []any{1}, 5,
		[]any{user{"Ada", 1}, 1},
		[]any{user{"Ada", 1}}, []any{user{"Ada", 1}, user{"Ada", 2}}, []any{user{"Ada", 2}},
	} {
		tab.set("list", next)
		if got := tab.values()["list"]; !reflect.DeepEqual(got, next) {
			t.Errorf("got %v, want %v", got, next)
		}
	}
	tab.do(func(w http.ResponseWriter, r *http.Request) { // what this request itself has added
		s := tab.get(r)
		for _, next := range [][]any{{1, 2, 3}, {1, 3}, {3}} {
			s.Values["list"] = next
			tab.save(w, r, s)
		}
	})
	if got := tab.values()["list"]; !reflect.DeepEqual(got, []any{3}) {
		t.Errorf("got %v", got)
	}
	tab.set("list", []any{})
	if got, ok := tab.values()["list"]; ok {
		t.Errorf("an empty list reads as absent, got %v", got)
	}
}

// TestUndecodable: a value that cannot be decoded is told, costs no other one, and stays
// stored until it is set.
func TestUndecodable(t *testing.T) {
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
	broken := cloakroom.Key[map[string]string](name + ":broken")
	foreign := cloakroom.Key[json.RawMessage](name + ":broken")
	list := cloakroom.Key[[]any](name + ":broken")
	number := json.RawMessage(strings.Repeat("1", 5000)) // longer than an any takes
	for _, stored := range []string{secret + "=", secret + "!", "", "foreign", "list"} {
		tab := newSite(t, cloakroom.Options{Format: cloakroom.JSON}).browser()
		tab.set("k", "v")
		tab.do(func(_ http.ResponseWriter, r *http.Request) {
			if stored == "foreign" {
				foreign.Set(tab.m.Get(r), number)
				return
			}
			if stored == "list" {
				list.Set(tab.m.Get(r), []any{"whole", map[string]string{"_gob": "!"}})
				return
			}
			broken.Set(tab.m.Get(r), map[string]string{"_gob": stored})
		})
		w := tab.do(func(w http.ResponseWriter, r *http.Request) {
			s, err := tab.gorilla.Get(r, name)
			unreadable := (*cloakgorilla.ValueError)(nil)
			if !errors.As(err, &unreadable) || unreadable.Key != "broken" ||
				unreadable.Unwrap() == nil {
				t.Errorf("error %v", err)
			}
			wantError(t, err, `cloakgorilla: load session "user-session": value "broken": `)
			if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), secret) {
				t.Error("the error holds what is stored")
			}
			if s.IsNew || !reflect.DeepEqual(s.Values, map[any]any{"k": "v"}) {
				t.Errorf("values %v", s.Values)
			}
			s.Values["k"] = "w"
			tab.save(w, r, s)
			own := tab.m.Get(r)
			if broken.Get(own)["_gob"] != stored && !bytes.Equal(foreign.Get(own), number) &&
				len(list.Get(own)) != 2 {
				t.Error("the value was changed")
			}
		})
		if w.Code != http.StatusOK {
			t.Errorf("%d", w.Code)
		}
		mended := []any{"mended"} // a list is not added to what cannot be read
		tab.do(func(w http.ResponseWriter, r *http.Request) {
			s, _ := tab.gorilla.Get(r, name)
			s.Values["broken"] = mended
			tab.save(w, r, s)
		})
		if got := tab.values(); !reflect.DeepEqual(got, map[any]any{"k": "w", "broken": mended}) {
			t.Errorf("got %v", got)
		}
	}
}
