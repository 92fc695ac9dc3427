package cloakroom_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// upsideDown is a profile whose library stores documents turned around.
func upsideDown() *cloakroom.Profile {
	p := shared()
	reverse := func(b []byte) []byte {
		turned := make([]byte, len(b))
		for i, c := range b {
			turned[len(b)-1-i] = c
		}
		return turned
	}
	p.Convert = func(data []byte) ([]byte, error) { return reverse(data), nil }
	p.Restore = func(document, before []byte) ([]byte, error) {
		if strings.HasPrefix(string(before), "\x82\xa1x") {
			return document, nil // as it was
		}
		return reverse(document), nil
	}
	return p
}

// TestProfileRestore: a record keeps the form that it has, through changes, a sign-in
// and its end.
func TestProfileRestore(t *testing.T) {
	turned := func(data string) bool { return strings.HasSuffix(data, "\x82") || strings.HasSuffix(data, "\x83") }
	s := newSite(t, cloakroom.Options{Profile: upsideDown()})

	tab, id := s.plant("eno\xa3a\xa1\x81")
	if v := tab.value(a); v != "one" {
		t.Errorf("a=%q", v)
	}
	tab.set(a, "two")
	if got := s.recordOf(id); !turned(got) || tab.value(a) != "two" {
		t.Errorf("a=%q in %q", tab.value(a), got)
	}
	tab.login("ann")
	id = strings.TrimPrefix(tab.cookie, "t-")
	if got := s.recordOf(id); strings.HasPrefix(got, "\x83") || tab.value(a) != "two" || tab.owner() != "ann" {
		t.Errorf("a=%q in %q", tab.value(a), got)
	}
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
	if s.recordOf(id) != "" {
		t.Error("the record is still there")
	}

	created := s.browser()
	created.set(a, "1")
	if got := s.recordOf(strings.TrimPrefix(created.cookie, "t-")); !turned(got) || created.value(a) != "1" {
		t.Errorf("a=%q in %q", created.value(a), got)
	}

	plain, id := s.plant("\x82\xa1x\x01\xa1a\xa3one")
	plain.set(a, "two")
	if got := s.recordOf(id); !strings.HasPrefix(got, "\x83\xa1x") || plain.value(a) != "two" {
		t.Errorf("a=%q in %q", plain.value(a), got)
	}
}

// TestProfileRestoreFails: what cannot go back into the other form is not stored.
func TestProfileRestoreFails(t *testing.T) {
	p := shared()
	p.Restore = func([]byte, []byte) ([]byte, error) { return nil, errors.New("no way back") }
	s := newSite(t, cloakroom.Options{Profile: p})
	tab, id := s.plant("\x81\xa1a\xa3one")
	if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Set(s, "two") }); w.Code != 503 {
		t.Errorf("status %d", w.Code)
	}
	if s.recordOf(id) != "\x81\xa1a\xa3one" || s.log.count("no way back") != 1 {
		t.Errorf("%q, %v", s.recordOf(id), s.log)
	}
}

// TestProfileNotes: the other library may make JSON of what Cloakroom notes.
func TestProfileNotes(t *testing.T) {
	s := newSite(t, cloakroom.Options{Profile: shared()})
	tab, id := s.plant("\x81\xa1a\xa3one")
	for range 20 {
		tab.set(a, "two")
	}
	tab.login("ann")
	if got := s.recordOf(id); got != "" {
		t.Errorf("a seal stayed: %q", got)
	}
	var all map[string]any
	if err := msgpack.Unmarshal([]byte(s.recordOf(strings.TrimPrefix(tab.cookie, "t-"))), &all, msgpack.Limits{}); err != nil {
		t.Fatal(err)
	}
	notes, _ := all["_cloakroom"].(map[string]any)
	for name, v := range notes {
		switch v.(type) {
		case string, int64, uint64, bool:
		default:
			t.Errorf("%s is a %T", name, v)
		}
	}
	if _, err := json.Marshal(notes); err != nil || len(notes) < 4 {
		t.Errorf("%v: %v", notes, err)
	}
}

// TestProfileClearCookies: a sign-out here signs out of what else the other library goes by.
func TestProfileClearCookies(t *testing.T) {
	p := shared()
	p.ClearCookies = []*http.Cookie{{Name: "remember", Path: "/p", Domain: "example.org", HttpOnly: true}}
	p.ClearName = "_remember"
	remember := cloakroom.Key[string]("_remember")
	const signedIn = "\x82\xa1a\xa3one\xa4user\xa3ann"
	for name, c := range map[string]struct {
		do      handlerFunc
		sent    bool
		cleared bool
	}{
		"Logout": {func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() }, true, true},
		"Logout without that cookie": {
			func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() }, false, false,
		},
		"another owner":  {func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("bob") }, true, true},
		"the same owner": {func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann") }, true, false},
		"asked for": {
			func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { remember.Set(s, "clear") }, true, true,
		},
		"not asked for": {
			func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { remember.Set(s, "set") }, true, false,
		},
		"a change":  {func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Set(s, "2") }, true, false},
		"not saved": {func(_ http.ResponseWriter, _ *http.Request, _ *cloakroom.Session) {}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{Profile: p})
			tab, _ := s.plant(signedIn)
			r := tab.request()
			if c.sent {
				r.AddCookie(&http.Cookie{Name: "remember", Value: "ann|00"})
			}
			w := newRecorder()
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.do(w, r, s.m.Get(r)) })).ServeHTTP(w, r)
			got := ""
			for _, line := range w.Header()["Set-Cookie"] {
				if strings.HasPrefix(line, "remember=") {
					got += line
				}
			}
			if want := "remember=; Path=/p; Domain=example.org; Max-Age=0; HttpOnly"; (got == want) != c.cleared || !c.cleared && got != "" {
				t.Errorf("%d: %q", w.Code, got)
			}
			tab.takeCookies(w)
			if v := tab.value(remember); v == "clear" {
				t.Error("it would be cleared for ever")
			}
		})
	}
}

// TestProfileQuotedCookie: other libraries quote the values of cookies.
func TestProfileQuotedCookie(t *testing.T) {
	s := newSite(t, cloakroom.Options{Profile: shared()})
	tab, _ := s.plant("\x81\xa1a\xa3one")
	tab.cookie = `"` + tab.cookie + `"`
	if v := tab.value(a); v != "one" {
		t.Errorf("a=%q", v)
	}
	tab.cookie = `"`
	if calls := s.store.count(func() { tab.value(a) }); len(calls) > 0 {
		t.Error(calls)
	}
}
