package cloakroom_test

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// unsigned is a profile whose cookies are spelled as tickets.
func unsigned() *cloakroom.Profile {
	p := shared()
	p.ID = func(ticket string) (string, bool) { return ticket, len(ticket) >= 22 }
	p.Ticket = func(id string) string { return id }
	p.NewID = func() string {
		random := make([]byte, 32)
		_, _ = rand.Read(random)
		return base64.RawURLEncoding.EncodeToString(random)
	}
	return p
}

// leaves copies everything and returns how many were written, were there and failed,
// and the failures' text.
func (s *site) leaves(to *site, written, there, failed int) (failures string) {
	s.t.Helper()
	var counts [3]int
	for c, err := range s.m.CopyTo(s.t.Context(), to.store, cloakroom.CopyOptions{WithoutProfile: true}) {
		switch {
		case err != nil:
			s.t.Fatal(err)
		case c.Err != nil:
			counts[2]++
			failures += c.Err.Error() + "\n"
		case c.Foreign:
		case c.Written:
			counts[0]++
		default:
			counts[1]++
		}
	}
	if want := [3]int{written, there, failed}; counts != want {
		s.t.Fatalf("written, there, failed: %v, want %v\n%s", counts, want, failures)
	}
	return failures
}

func TestCopyWithoutProfile(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		options := cloakroom.Options{Format: format, CookieName: "session", Lifetime: 24 * time.Hour}
		withProfile := options
		withProfile.Profile = unsigned()
		from, to := newSite(t, withProfile), newSite(t, options)

		ours, theirs, unused := from.browser(), from.browser(), from.browser()
		ours.set(name, "ours")
		ours.login("ann")
		unused.set(name, "unused")
		theirs.cookie = unsigned().NewID()
		put := func(id, data string) {
			t.Helper()
			r := store.Record{Data: []byte(data), Expires: from.clock.Now().Add(10 * time.Minute)}
			if _, err := from.store.FullStore.Create(t.Context(), id, r); err != nil {
				t.Fatal(err)
			}
		}
		put(theirs.cookie, map[cloakroom.Format]string{
			cloakroom.MessagePack: "\x82\xa4user\xa3ann\xa4name\xa6theirs", cloakroom.JSON: `{"user":"ann","name":"theirs"}`,
		}[format])
		put(strings.Repeat("x.", 15), "\x80")
		put("lock:1", "1")
		put(unsigned().NewID(), "\x81\x07\x07")
		put(unsigned().NewID(), "garbage")

		failures := from.leaves(to, 3, 0, 3)
		for _, says := range []string{"not spelled as a ticket", "no string", "cannot be read"} {
			if !strings.Contains(failures, says) {
				t.Errorf("not reported: %s in\n%s", says, failures)
			}
		}
		if strings.Contains(failures, "x.x") {
			t.Error("a failure shows a ticket:", failures)
		}
		for _, tab := range []*browser{ours, theirs} {
			there := tab.at(to)
			if got, owner := there.value(name), there.owner(); got == "" || got != tab.value(name) || owner != "ann" {
				t.Errorf("%q of %q", got, owner)
			}
			there.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
				if d := s.Deadline().Sub(to.clock.Now()); d <= 0 || d > 24*time.Hour {
					t.Errorf("it ends in %v", d)
				}
			})
		}
		if n := len(to.owned("ann")); n != 2 {
			t.Errorf("%d sessions of ann", n)
		}

		// Again: what was changed on either side is what is there then.
		from.clock.advance(time.Minute)
		to.clock.advance(time.Minute)
		from.leaves(to, 0, 3, 3)
		theirs.set(name, "changed")
		ours.at(to).set(name, "changed there")
		from.leaves(to, 1, 2, 3)
		if a, b := theirs.at(to).value(name), ours.at(to).value(name); a != "changed" || b != "changed there" {
			t.Errorf("%q, %q", a, b)
		}
		if n, err := to.m.RevokeOwned(t.Context(), "ann"); n != 2 || err != nil {
			t.Error(n, err)
		}
	}
}

func TestCopyWithoutProfileNeedsOne(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	n := 0
	for _, err := range s.m.CopyTo(t.Context(), s.store, cloakroom.CopyOptions{WithoutProfile: true}) {
		n++
		if err == nil || !strings.Contains(err.Error(), "Options.Profile") {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Error(n)
	}
}
