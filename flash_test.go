package cloakroom_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// foreignFlashes is a record with what Flask's flash keeps: a text, a dict, a number, a
// category of None, something that is no list of two, a category that is a number, and
// a text again.
var foreignFlashes = map[string]string{
	"MessagePack": "\x81\xa8_flashes\x97" +
		"\x92\xa7message\xa5plain" + "\x92\xa4json\x81\xa1t\x01" + "\x92\xa7message\xcd\x01\x94" + "\x92\xc0\xa4none" +
		"\x91\xa5alone" + "\x92\x05\xa4five" + "\x92\xa5error\xa4last",
	"JSON": `{"_flashes":[["message","plain"],["json",{"t":1}],["message",404],[null,"none"],["alone"],[5,"five"],["error","last"]]}`,
}

// TestForeignFlashes: what fits is returned, and everything else stays until it is asked for.
func TestForeignFlashes(t *testing.T) {
	for name, data := range foreignFlashes {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Profile: shared()})
			tab, id := s.plant(data)
			request := func(h func(s *cloakroom.Session)) {
				t.Helper()
				if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { h(s) }); w.Code != 200 {
					t.Fatalf("status %d", w.Code)
				}
			}
			want := func(what string, got, want any) {
				t.Helper()
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s: %v, want %v", what, got, want)
				}
			}
			request(func(s *cloakroom.Session) {
				want("of a category", s.Flashes("message"), "[{message plain}]")
				want("again", s.Flashes("message"), "[]")
				s.Flash("info", "from Go")
			})
			if got := s.recordOf(id); strings.Contains(got, "plain") || !strings.Contains(got, "alone") || !strings.Contains(got, "five") {
				t.Errorf("%q", got)
			}
			request(func(s *cloakroom.Session) {
				want("a struct", cloakroom.FlashesOf[struct {
					T int `json:"t"`
				}](s), "[{json {1}}]")
				want("numbers", cloakroom.FlashesOf[int](s, "message"), "[{message 404}]")
			})
			request(func(s *cloakroom.Session) {
				want("all texts", s.Flashes(), "[{ none} {error last} {info from Go}]")
			})
			if got := s.recordOf(id); !strings.Contains(got, "alone") || !strings.Contains(got, "five") || strings.Contains(got, "none") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestFlashesOfAny takes each message of whatever type.
func TestFlashesOfAny(t *testing.T) {
	for name, data := range foreignFlashes {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Profile: shared()})
			tab, _ := s.plant(data)
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				var categories []string
				for _, f := range cloakroom.FlashesOf[any](s) {
					categories = append(categories, f.Category)
					if f.Category == "json" && reflect.TypeOf(f.Message).Kind() != reflect.Map {
						t.Errorf("a dict is a %T", f.Message)
					}
				}
				if want := []string{"message", "json", "message", "", "error"}; !slices.Equal(categories, want) {
					t.Errorf("%q", categories)
				}
			})
		})
	}
}

// TestFlashesNoList: what is no list of messages stays as it is, and fails no request.
func TestFlashesNoList(t *testing.T) {
	for name, data := range map[string]string{
		"MessagePack": "\x81\xa8_flashes\xa5other", "JSON": `{"_flashes":"other"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Profile: shared()})
			tab, id := s.plant(data)
			w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				s.Flash("info", "lost")
				if got := s.Flashes(); got != nil {
					t.Error(got)
				}
				a.Set(s, "1")
			})
			if got := s.recordOf(id); w.Code != 200 || !strings.Contains(got, "other") || tab.value(a) != "1" {
				t.Errorf("status %d, %q", w.Code, got)
			}
			if s.log.count("_flashes") == 0 {
				t.Error("not reported")
			}
		})
	}
}

// TestFlashesBounded: no more wait than the limit, the oldest go first, and what
// another library left over the limit stays but for one for each that is added.
func TestFlashesBounded(t *testing.T) {
	const limit = 100
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	for part := range 3 {
		tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			for i := range 40 {
				s.Flash("info", fmt.Sprint(40*part+i))
			}
		})
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		got := s.Flashes()
		if len(got) != limit || got[0].Message != "20" || got[limit-1].Message != "119" {
			t.Errorf("%d messages, from %v", len(got), got[:1])
		}
	})
	if n := s.log.count("oldest are dropped"); n != 1 {
		t.Errorf("reported %d times", n)
	}

	f := newSite(t, cloakroom.Options{Profile: shared()})
	many := strings.TrimSuffix(strings.Repeat(`["info","x"],`, 150), ",")
	foreign, _ := f.plant(`{"_flashes":[["info","first"],` + many + `]}`)
	foreign.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Flash("info", "added") })
	foreign.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if got := s.Flashes(); len(got) != 151 || got[0].Message != "x" || got[150].Message != "added" {
			t.Errorf("%d messages", len(got))
		}
	})
}

// TestManyForeignFlashes: another library has no limit, and taking all of its messages
// costs no more than reading them.
func TestManyForeignFlashes(t *testing.T) {
	const n = 50_000
	s := newSite(t, cloakroom.Options{Profile: shared()})
	tab, _ := s.plant(`{"_flashes": [` + strings.Repeat(`["error", "no"], `, n-1) + `["error", "no"]]}`)
	for _, want := range []int{n, 0} {
		tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			if got := len(s.Flashes()); got != want {
				t.Errorf("%d messages, want %d", got, want)
			}
		})
	}
}
