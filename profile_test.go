package cloakroom_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/store"
)

// shared is a profile as another library might ask for: ids as they are, behind a mark
// in the cookie.
func shared() *cloakroom.Profile {
	return &cloakroom.Profile{
		ID: func(ticket string) (string, bool) {
			id, ok := strings.CutPrefix(ticket, "t-")
			return id, ok && len(id) == 26
		},
		NewID:     rand.Text,
		Ticket:    func(id string) string { return "t-" + id },
		OwnerName: "user",
	}
}

// plant stores a record as the other library would, and returns a browser that has its ticket.
func (s *site) plant(data string) (*browser, string) {
	s.t.Helper()
	id := rand.Text()
	r := store.Record{Data: []byte(data), Expires: s.clock.Now().Add(10 * time.Minute)}
	if _, err := s.store.FullStore.Create(s.t.Context(), id, r); err != nil {
		s.t.Fatal(err)
	}
	return &browser{site: s, m: s.m, cookie: "t-" + id}, id
}

// recordOf returns the record data under an id, or "" when there is none.
func (s *site) recordOf(id string) string {
	s.t.Helper()
	r, err := s.store.FullStore.Load(s.t.Context(), id)
	if err != nil && !errors.Is(err, cloakroom.ErrNotFound) {
		s.t.Fatal(err)
	}
	return string(r.Data)
}

func TestProfileForeignRecords(t *testing.T) {
	for name, data := range map[string]string{
		"MessagePack":      "\x82\xa1a\xa3one\xa4user\xa2me",
		"JSON":             `{"a": "one", "user": "me"}`,
		"another form":     "pickled",
		"keys not strings": "\x84\x07\xa5seven\xa1a\xa3one\xc0\x01\xa4user\xa2me",
	} {
		t.Run(name, func(t *testing.T) {
			p := shared()
			p.Convert = func(data []byte) ([]byte, error) {
				if string(data) != "pickled" {
					return nil, errors.New("what is it?")
				}
				return []byte("\x82\xa1a\xa3one\xa4user\xa2me"), nil
			}
			s := newSite(t, cloakroom.Options{Profile: p})
			tab, id := s.plant(data)
			if v := tab.value(a); v != "one" {
				t.Errorf("a=%q", v)
			}
			if s.recordOf(id) != data {
				t.Error("a read has changed the record")
			}
			tab.set(b, "two")
			if a, b, owner := tab.value(a), tab.value(b), tab.owner(); a != "one" || b != "two" || owner != "me" {
				t.Errorf("a=%q b=%q owner=%q", a, b, owner)
			}
			got := s.recordOf(id)
			if name == "keys not strings" && (!strings.Contains(got, "\x07\xa5seven") || !strings.Contains(got, "\xc0\x01")) {
				t.Errorf("keys that are no strings are lost: %q", got)
			}
			if strings.Count(got, "me") < 1 || strings.Contains(got, "owner") {
				t.Errorf("the owner stands elsewhere: %q", got)
			}
		})
	}
}

func TestProfileUnreadable(t *testing.T) {
	p := shared()
	p.Convert = func([]byte) ([]byte, error) { return nil, errors.New("no plain data") }
	s := newSite(t, cloakroom.Options{Profile: p})
	tab, id := s.plant("garbage")
	if v := tab.value(a); v != "" {
		t.Errorf("a=%q", v)
	}
	tab.set(a, "new")
	if tab.cookie != "t-"+id || s.recordOf(id) != "garbage" {
		t.Error("the cookie or the record was replaced")
	}
	if s.log.count("no plain data") != 1 {
		t.Error(s.log)
	}
}

func TestProfileTickets(t *testing.T) {
	s := newSite(t, cloakroom.Options{Profile: shared()})
	tab := s.browser()
	tab.cookie = "t-tooshort"
	if calls := s.store.count(func() { tab.value(a) }); len(calls) > 0 {
		t.Error(calls)
	}
	tab.cookie = "t-" + rand.Text()
	unknown := tab.cookie
	tab.set(a, "1")
	if tab.cookie == unknown || !strings.HasPrefix(tab.cookie, "t-") || s.recordOf(strings.TrimPrefix(tab.cookie, "t-")) == "" {
		t.Errorf("unknown %q, then %q", unknown, tab.cookie)
	}
}

func TestProfileLogin(t *testing.T) {
	for _, moves := range []bool{true, false} {
		s := newSite(t, cloakroom.Options{Profile: shared()})
		if !moves {
			s = s.withoutMove()
		}
		tab, id := s.plant("\x81\xa1a\xa3one")
		tab.login("me")
		next := strings.TrimPrefix(tab.cookie, "t-")
		if s.recordOf(id) != "" {
			t.Errorf("moves %v: a seal is left: %q", moves, s.recordOf(id))
		}
		if got := s.recordOf(next); next == id || !strings.Contains(got, "\xa4user\xa2me") {
			t.Errorf("moves %v: %q", moves, got)
		}
		if tab.owner() != "me" || tab.value(a) != "one" {
			t.Errorf("moves %v: owner %q", moves, tab.owner())
		}
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			cloakroom.Key[int]("user").Set(x, 17)
			if got := x.Owner(); got != "17" {
				t.Errorf("owner %q", got)
			}
		})
		if tab.owner() != "17" {
			t.Errorf("owner %q", tab.owner())
		}
		for _, err := range s.m.Owned(t.Context(), "17") {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Error(err)
			}
		}
		if _, err := s.m.RevokeOwned(t.Context(), "17"); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
}

func TestProfileEmpty(t *testing.T) {
	s := newSite(t, cloakroom.Options{Profile: shared(), Persistent: true})
	tab := s.browser()
	if calls := s.store.count(func() {
		tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.SetPersistent(false) })
	}); len(calls) > 0 || tab.cookie != "" {
		t.Error("an empty session is stored", calls)
	}
	tab, id := s.plant("\x82\xaa_permanent\xc3\xa1a\xa3one")
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Clear() })
	if s.recordOf(id) != "" || tab.cookie != "" || w.Header().Get("Vary") != "Cookie" {
		t.Errorf("an emptied session is kept: %q, %v", s.recordOf(id), w.Header())
	}
	// Another request's change in between keeps it.
	tab, id = s.plant("\x82\xaa_permanent\xc3\xa1a\xa3one")
	before := tab.other()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
		a.Delete(x)
		before.set(b, "two")
	})
	if tab.cookie == "" || tab.value(b) != "two" || tab.value(a) != "" {
		t.Errorf("%q", s.recordOf(id))
	}
}

func TestProfileCookie(t *testing.T) {
	p := shared()
	s := newSite(t, cloakroom.Options{Profile: p, Persistent: true, Idle: time.Hour})
	cookie := func(tab *browser, h handlerFunc) *http.Cookie {
		for _, c := range tab.do(h).Result().Cookies() {
			return c
		}
		return nil
	}
	read := func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { a.Get(x) }
	write := func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { a.Set(x, "1") }
	tab := s.browser()
	c := cookie(tab, write)
	if c == nil || !c.Expires.Equal(s.clock.Now().Add(time.Hour).Truncate(time.Second)) || !c.HttpOnly || c.SameSite != 0 {
		t.Errorf("%v", c)
	}
	s.clock.advance(time.Minute)
	if c := cookie(tab, read); c != nil {
		t.Errorf("a read set %v", c)
	}
	s.clock.advance(50 * time.Minute)
	if calls := s.store.count(func() { tab.do(read) }); calls["touch"] != 0 {
		t.Error("a read slid the timeout:", calls)
	}
	if c := cookie(tab, write); c == nil || !c.Expires.Equal(s.clock.Now().Add(time.Hour).Truncate(time.Second)) {
		t.Errorf("a write set %v", c)
	}

	p.RefreshEachRequest, p.ScriptCookie = true, true
	for name, h := range map[string]handlerFunc{"untouched": nothing, "read": read} {
		s.clock.advance(time.Minute)
		var c *http.Cookie
		calls := s.store.count(func() { c = cookie(tab, h) })
		if c == nil || c.HttpOnly || !c.Expires.Equal(s.clock.Now().Add(time.Hour).Truncate(time.Second)) || calls["load"] != 1 || calls["touch"] != 1 {
			t.Errorf("%s: %v, %v", name, c, calls)
		}
	}
	if calls := s.store.count(func() { s.browser().do(nothing) }); len(calls) > 0 {
		t.Error("without a cookie:", calls)
	}
	s.store.intercept(func(op, _ string, do func() error) error { return errors.New("down") })
	if w := tab.do(nothing); w.Code != http.StatusOK {
		t.Error("a request that asked for no session failed:", w.Code)
	}
	if w := tab.do(read); w.Code != http.StatusServiceUnavailable {
		t.Error("a request that read a session that cannot be had got", w.Code)
	}
}

func TestProfileCheckValue(t *testing.T) {
	p := shared()
	p.CheckValue = func(_ cloakroom.Format, value []byte) error {
		if bytes.Contains(value, []byte("bad")) {
			return errors.New("it is bad")
		}
		return nil
	}
	s := newSite(t, cloakroom.Options{Profile: p})
	tab, _ := s.plant("\x82\xa1a\xa3bad\xa1b\xa3one")
	tab.set(b, "two") // what was there stays as it was
	if tab.value(b) != "two" {
		t.Error("refused")
	}
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { b.Set(x, "bad too") })
	if w.Code != http.StatusServiceUnavailable || tab.value(b) != "two" {
		t.Errorf("%d, b=%q", w.Code, tab.value(b))
	}
}

func TestProfileIncomplete(t *testing.T) {
	for _, spoil := range []func(*cloakroom.Profile){
		func(p *cloakroom.Profile) { p.ID = nil },
		func(p *cloakroom.Profile) { p.NewID = nil },
		func(p *cloakroom.Profile) { p.Ticket = nil },
		func(p *cloakroom.Profile) { p.OwnerName = "" },
	} {
		p := shared()
		spoil(p)
		if _, err := cloakroom.New(newSite(t, cloakroom.Options{}).store, cloakroom.Options{Profile: p}); err == nil || !strings.Contains(err.Error(), "Options.Profile") {
			t.Error(err)
		}
	}
}

// Another library may write a document in the other format, our notes in it too.
func TestProfileFormatChanged(t *testing.T) {
	s := newSite(t, cloakroom.Options{Profile: shared(), Format: cloakroom.JSON})
	tab := s.browser()
	tab.set(a, "one")
	id := strings.TrimPrefix(tab.cookie, "t-")
	old, err := s.store.FullStore.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(old.Data, &d); err != nil {
		t.Fatal(err)
	}
	for k, v := range d["_cloakroom"].(map[string]any) {
		if f, ok := v.(float64); ok {
			d["_cloakroom"].(map[string]any)[k] = int64(f)
		}
	}
	replacement := old
	if replacement.Data, err = msgpack.Append(nil, d, msgpack.Limits{Depth: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.FullStore.Replace(t.Context(), id, old, replacement); err != nil {
		t.Fatal(err)
	}
	if v := tab.value(a); v != "one" {
		t.Errorf("a=%q", v)
	}
	tab.set(b, "two")
	if v := tab.value(b); v != "two" || !strings.HasPrefix(s.recordOf(id), "\x83") {
		t.Errorf("b=%q in %q", v, s.recordOf(id))
	}
}

// TestProfileRefreshKeepsError: sliding every session's timeout hides no error from
// before it was loaded.
func TestProfileRefreshKeepsError(t *testing.T) {
	p := shared()
	p.RefreshEachRequest = true
	for what, use := range map[string]func(*cloakroom.Session){
		"Login": func(s *cloakroom.Session) { s.Login("") },
		"Set":   func(s *cloakroom.Session) { cloakroom.Key[string]("").Set(s, "v") },
	} {
		s := newSite(t, cloakroom.Options{Profile: p})
		tab := s.browser()
		tab.set(a, "1")
		w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { use(s) })
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", what, w.Code)
		}
	}
}

// TestProfileTwoSpellings: two cookies whose tickets are of one session, as after a
// change of the key that signs them, are no rivals.
func TestProfileTwoSpellings(t *testing.T) {
	p := shared()
	own := p.ID
	p.ID = func(ticket string) (string, bool) { return own(strings.Replace(ticket, "former-", "t-", 1)) }
	for what, do := range map[string]func(*cloakroom.Session) error{
		"Login": func(s *cloakroom.Session) error { return s.Login("ann") },
		"Renew": (*cloakroom.Session).Renew,
	} {
		s := newSite(t, cloakroom.Options{Profile: p})
		tab := s.browser()
		tab.set(a, "1")
		tab.login("ann")
		tab.cookie += "; session=" + strings.Replace(tab.cookie, "t-", "former-", 1)
		w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			if err := do(s); err != nil {
				t.Error(err)
			}
		})
		if w.Code != http.StatusOK || tab.value(a) != "1" {
			t.Errorf("%s: status %d, a=%q\n%v", what, w.Code, tab.value(a), s.log)
		}
	}
}

// TestProfileChangeWhileEmptied: what is set while a commit deletes the record that it
// has emptied is stored.
func TestProfileChangeWhileEmptied(t *testing.T) {
	s := newSite(t, cloakroom.Options{Profile: shared()})
	tab := s.browser()
	tab.set(a, "1")
	w := tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		a.Delete(session)
		s.store.intercept(func(op, _ string, do func() error) error {
			if op == "delete" {
				b.Set(session, "2")
			}
			return do()
		})
		if err := session.Save(); err != nil {
			t.Error(err)
		}
		s.store.intercept(nil)
	})
	if w.Code != http.StatusOK || tab.value(b) != "2" {
		t.Errorf("status %d, b=%q", w.Code, tab.value(b))
	}
}
