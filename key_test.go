package cloakroom_test

import (
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

type profile struct {
	Name  string            `json:"name"`
	Since time.Time         `json:"since"`
	Tags  []string          `json:"tags"`
	Extra map[string]int64  `json:"extra,omitempty"`
	Deep  *profile          `json:"deep,omitempty"`
	Addr  netip.Addr        `json:"addr"`
	Big   *big.Int          `json:"big,omitempty"`
	Bytes []byte            `json:"bytes"`
	Seen  map[string]string `json:"seen"`
}

// TestValues: what is set comes back, in both formats, within the request and after it.
func TestValues(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		t.Run(format.String(), func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Format: format})
			roundTrip(t, s, "text", "grüße \" \\ </script> \n\x00")
			roundTrip(t, s, "empty", "")
			roundTrip(t, s, "int", -1<<40)
			roundTrip(t, s, "int64", int64(-1<<63))
			roundTrip(t, s, "uint64", uint64(1<<64-1))
			roundTrip(t, s, "bool", true)
			roundTrip(t, s, "float", 1.0/3)
			roundTrip(t, s, "bytes", []byte{0, 255, 128})
			roundTrip(t, s, "no bytes", []byte(nil))
			roundTrip(t, s, "list", []string{"a", ""})
			roundTrip(t, s, "addr", netip.MustParseAddr("2001:db8::1"))
			roundTrip(t, s, "big", *new(big.Int).Lsh(big.NewInt(1), 100))
			roundTrip(t, s, "nothing", (*profile)(nil))
			roundTrip(t, s, "time", time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.UTC))
			roundTrip(t, s, "struct", profile{
				Name: "ann", Since: time.Date(1969, 1, 1, 0, 0, 0, 1, time.UTC), Tags: []string{"x"}, Extra: map[string]int64{"n": 1 << 60},
				Deep: &profile{Addr: netip.MustParseAddr("::1")}, Big: big.NewInt(-7), Bytes: []byte("b"),
			})
			roundTrip(t, s, cloakroom.Key[string](strings.Repeat("é", 127)), "long name")
			roundTrip(t, s, `quoted " \ name`, "x")
		})
	}
	s := newSite(t, cloakroom.Options{})
	roundTrip(t, s, "invalid", "a\xffb") // JSON refuses it
}

func roundTrip[T any](t *testing.T, s *site, k cloakroom.Key[T], v T) {
	t.Helper()
	tab := s.browser()
	check := func(when string, session *cloakroom.Session) {
		t.Helper()
		got, present, err := k.Lookup(session)
		if err != nil || !present || !reflect.DeepEqual(got, v) {
			t.Errorf("%q %s: %#v, %v, %v; want %#v", k, when, got, present, err, v)
		}
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		k.Set(session, v)
		check("within the request", session)
	})
	tab.set(name, "another")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		check("later", session)
		k.Delete(session)
		if _, present, _ := k.Lookup(session); present {
			t.Errorf("%q is there after Delete", k)
		}
	})
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		if _, present, _ := k.Lookup(session); present || name.Get(session) != "another" {
			t.Errorf("%q is there after Delete and commit", k)
		}
	})
}

// TestOwnCopy: what Get returns is the caller's own.
func TestOwnCopy(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	const list = cloakroom.Key[[]byte]("list")
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		v := []byte("abc")
		list.Set(s, v)
		v[0] = 'X'
		list.Get(s)[1] = 'X'
	})
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		list.Get(s)[1] = 'X'
		if v := string(list.Get(s)); v != "abc" {
			t.Errorf("%q", v)
		}
	})
}

// TestStrings: strings are encoded with the record, and read as parts of it, also when
// a commit is tried again.
func TestStrings(t *testing.T) {
	x, y := strings.Repeat("x", 70_000), "y"
	do := func(ops func(s *cloakroom.Session)) handlerFunc {
		return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { ops(s) }
	}
	for name, test := range map[string]struct {
		ops  func(s *cloakroom.Session)
		a, b string
	}{
		"one":             {func(s *cloakroom.Session) { a.Set(s, x) }, x, "b"},
		"empty":           {func(s *cloakroom.Session) { a.Set(s, "") }, "", "b"},
		"two":             {func(s *cloakroom.Session) { a.Set(s, x); b.Set(s, y) }, x, y},
		"one twice":       {func(s *cloakroom.Session) { a.Set(s, x); a.Set(s, y) }, y, "b"},
		"read between":    {func(s *cloakroom.Session) { a.Set(s, y); b.Set(s, a.Get(s)); a.Set(s, x) }, x, y},
		"updated":         {func(s *cloakroom.Session) { a.Set(s, y); a.Update(s, shout) }, "y!", "b"},
		"set and updated": {func(s *cloakroom.Session) { a.Update(s, shout); a.Set(s, y); a.Update(s, shout); b.Set(s, x) }, "y!", x},
		"deleted":         {func(s *cloakroom.Session) { a.Set(s, x); a.Delete(s) }, "", "b"},
		"cleared":         {func(s *cloakroom.Session) { a.Set(s, x); s.Clear(); b.Set(s, y) }, "", y},
		"saved between":   {func(s *cloakroom.Session) { a.Set(s, x); s.Save(); b.Set(s, a.Get(s)[:1]); a.Set(s, y) }, y, "x"},
		"in a transaction": {func(s *cloakroom.Session) {
			a.Set(s, y)
			s.Transact(func(tx *cloakroom.Tx) error { a.Set(tx, a.Get(tx)+"?"); return nil })
		}, "y?", "b"},
		"signed in": {func(s *cloakroom.Session) { a.Set(s, x); s.Login("ann"); b.Set(s, y) }, x, y},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.do(do(func(s *cloakroom.Session) { a.Set(s, "a"); b.Set(s, "b") }))
			slow := tab.begin(getting(a), do(test.ops))
			quick := tab.other() // so that the first try conflicts
			quick.m = s.manager(cloakroom.Options{})
			quick.do(do(func(s *cloakroom.Session) { count.Set(s, 1) }))
			if w := slow(); w.Code != http.StatusOK {
				t.Fatal(w.Code, s.log)
			}
			tab.do(do(func(s *cloakroom.Session) {
				if got, other := a.Get(s), b.Get(s); got != test.a || other != test.b || count.Get(s) != 1 && name != "cleared" {
					t.Errorf("a=%.9q b=%.9q count=%d, want %.9q and %.9q", got, other, count.Get(s), test.a, test.b)
				}
			}))
		})
	}
}

// TestStringOfItsEncoding: a text that reads as the stored value encoded is another
// value, and the same text is no change.
func TestStringOfItsEncoding(t *testing.T) {
	for _, before := range []string{"x", strings.Repeat("a", 128)} {
		// in UTF-8 d9 80, as MessagePack begins a string of 128 bytes
		head := map[int]string{1: "\xa1", 128: "\u0640"}[len(before)]
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(a, before)
		for _, replaced := range []int{1, 0} {
			got := s.store.count(func() {
				tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					if err := s.Transact(func(tx *cloakroom.Tx) error { a.Set(tx, head+before); return nil }); err != nil {
						t.Error(err)
					}
				})
			})
			if got["replace"] != replaced {
				t.Errorf("calls %v, want %d that replace", got, replaced)
			}
			if v := tab.value(a); v != head+before {
				t.Errorf("stored %.20q, want %.20q", v, head+before)
			}
		}
	}
}

// TestFormatChange: a record keeps its format for as long as it lives, and either is read.
func TestFormatChange(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		tab := s.browser()
		tab.m = s.manager(cloakroom.Options{Format: 1 - format})
		tab.set(a, "1")
		tab.login("ann \"\xff\n")
		tab.m = s.manager(cloakroom.Options{Format: format})
		tab.set(b, "2")
		tab.do(incrementing)
		if tab.value(a) != "1" || tab.value(b) != "2" || tab.count() != 1 || tab.owner() != "ann \"\xff\n" {
			t.Errorf("to %v: a=%q b=%q count %d owner %q\n%s", format, tab.value(a), tab.value(b), tab.count(), tab.owner(), s.log)
		}
	}
}

// TestUndecodable: a value of another type reads as absent, is reported, and is kept
// unless overwritten.
func TestUndecodable(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set("n", "text")
	const n = cloakroom.Key[int]("n")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if v := n.Get(s); v != 0 {
			t.Errorf("Get: %d", v)
		}
		var unreadable *cloakroom.DecodeError
		if _, present, err := n.Lookup(s); present || !errors.As(err, &unreadable) || unreadable.Name != "n" || strings.Contains(err.Error(), "text") {
			t.Errorf("Lookup: %v, %v", present, err)
		}
		if _, err := n.UpdateNow(s, func(n int) int { return n + 1 }); !errors.As(err, &unreadable) {
			t.Errorf("UpdateNow: %v", err)
		}
		b.Set(s, "2") // a deploy that rolls back finds everything as it was
	})
	if s.log.count("reads as absent") != 1 || tab.value("n") != "text" || tab.value(b) != "2" {
		t.Errorf("n=%q b=%q\n%s", tab.value("n"), tab.value(b), s.log)
	}
	if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		n.Update(s, func(n int) int { return n + 1 })
	}); w.Code != 503 {
		t.Errorf("Update: status %d", w.Code)
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { n.Set(s, 1) })
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if v := n.Get(s); v != 1 {
			t.Errorf("after Set: %d", v)
		}
	})
}

// TestUnreadableRecord: it reads as no session, is reported once, and can be signed out.
func TestUnreadableRecord(t *testing.T) {
	for what, data := range map[string]string{
		"empty": "\x00", "not ours": "\x81\xa1a\x01", "pickle": "\x80\x04}.", "truncated": "\x82\xa1a", "json": `{"a":`, "foreign json": `{"a":1}`,
		"deep": "\x81\xa1a" + strings.Repeat("\x91", 10000) + "\xc0", "huge": "\xdf\xff\xff\xff\xff", "newer": `{"_cloakroom":{"v":2,"created":1,"deadline":99999999999999999,"commits":""}}`,
		"name not UTF-8": "{\"\xff\":1,\"_cloakroom\":{\"v\":1,\"created\":1,\"deadline\":4000000000000000,\"commits\":\"\"}}",
		"twice":          `{"a":1,"a":2,"_cloakroom":{"v":1,"created":1,"deadline":4000000000000000,"commits":""}}`,
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.set(a, "1")
			s.damage(tab, []byte(data))
			for range 3 {
				if v := tab.value(a); v != "" {
					t.Errorf("a=%q", v)
				}
			}
			if n := s.log.count("reads as no session"); n != 1 {
				t.Errorf("reported %d times", n)
			}
			if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() }); w.Code != 200 || tab.cookie != "" {
				t.Errorf("signing out: status %d", w.Code)
			}
		})
	}
}

// damage replaces the record of a browser's session.
func (s *site) damage(tab *browser, data []byte) {
	s.t.Helper()
	var id string
	s.store.intercept(func(_, got string, do func() error) error { id = got; return do() })
	tab.value(a)
	s.store.intercept(nil)
	rec, err := s.store.FullStore.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	broken := rec
	broken.Data = data
	if _, err := s.store.FullStore.Replace(s.t.Context(), id, rec, broken); err != nil {
		s.t.Fatal(err)
	}
}

// TestTooDeep: what could not be read again is refused when it is set.
func TestTooDeep(t *testing.T) {
	deep := any("x")
	for range 100 {
		deep = []any{deep}
	}
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		s := newSite(t, cloakroom.Options{Format: format})
		tab := s.browser()
		tab.set(a, "1")
		if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			cloakroom.Key[any]("deep").Set(s, deep)
		}); w.Code != 503 {
			t.Errorf("%v: status %d", format, w.Code)
		}
		if v := tab.value(a); v != "1" {
			t.Errorf("%v: the session was lost", format)
		}
	}
}

func TestReservedNames(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	for _, k := range []cloakroom.Key[string]{"_permanent", "_flashes", "_cloakroom", "_cloakroomX", "", "\xff", cloakroom.Key[string](strings.Repeat("x", 256))} {
		for what, h := range map[string]handlerFunc{
			"Set":    setting(k, "1"),
			"Get":    getting(k),
			"Delete": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { k.Delete(s) },
			"Update": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { k.Update(s, shout) },
		} {
			if w := s.browser().do(h); w.Code != 503 {
				t.Errorf("%s of %.20q: status %d", what, k, w.Code)
			}
		}
		session := s.m.Open(t.Context(), "")
		if _, _, err := k.Lookup(session); !errors.Is(err, cloakroom.ErrInvalidKey) {
			t.Errorf("Lookup of %.20q: %v", k, err)
		}
		if _, err := k.UpdateNow(session, shout); err == nil {
			t.Errorf("UpdateNow of %.20q: no error", k)
		}
		if err := session.Transact(func(tx *cloakroom.Tx) error { k.Set(tx, "1"); return nil }); err == nil {
			t.Errorf("Transact with %.20q: no error", k)
		}
	}
	tab := s.browser()
	tab.set("_user_id", "7") // Flask-Login's name belongs to the application
	if v := tab.value("_user_id"); v != "7" {
		t.Errorf("_user_id=%q", v)
	}
}

// TestUnencodable: it fails the response, not the process.
func TestUnencodable(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		s := newSite(t, cloakroom.Options{Format: format})
		w := s.browser().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			cloakroom.Key[any]("f").Set(s, func() {})
			if s.Err() == nil {
				t.Error("no error")
			}
		})
		if w.Code != 503 {
			t.Errorf("%v: status %d", format, w.Code)
		}
	}
	s := newSite(t, cloakroom.Options{Format: cloakroom.JSON})
	if w := s.browser().do(setting(a, "\xff")); w.Code != 503 {
		t.Errorf("JSON took a string that it can't hold: status %d", w.Code)
	}
}

// TestTooManyValues: the value that is one too many is refused when it is set, and not
// after thousands more.
func TestTooManyValues(t *testing.T) {
	key := func(i int) cloakroom.Key[int] { return cloakroom.Key[int](fmt.Sprint("k", i)) }
	s := newSite(t, cloakroom.Options{MaxValues: 10})
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		for i := range 8 {
			key(i).Set(s, 1)
		}
	})
	fill := func(v cloakroom.Values) {
		for i := range 10 {
			key(i).Set(v, 2)
			key(i).Set(v, 3)
		}
		key(3).Delete(v)
		key(10).Set(v, 3)
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		fill(s)
		if err := s.Err(); err != nil {
			t.Error(err)
		}
		key(11).Set(s, 1)
		if err := s.Err(); !errors.Is(err, cloakroom.ErrTooLarge) || !strings.Contains(err.Error(), "11 values") {
			t.Error(err)
		}
	})
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		for i := range 12 {
			if err := s.Err(); (err != nil) != (i > 10) || err != nil && !errors.Is(err, cloakroom.ErrTooLarge) {
				t.Errorf("after %d values: %v", i, err)
			}
			key(i).Update(s, func(n int) int { return n + 1 })
		}
	})
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		err := s.Transact(func(tx *cloakroom.Tx) error {
			fill(tx)
			key(11).Set(tx, 1)
			return nil
		})
		if !errors.Is(err, cloakroom.ErrTooLarge) {
			t.Error(err)
		}
		if err := s.Transact(func(tx *cloakroom.Tx) error { fill(tx); return nil }); err != nil {
			t.Error(err)
		}
	})
}
