package demo

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestDevices(t *testing.T) {
	s := serve(t, nil)
	var people [3]*browser
	for i := range people {
		people[i] = s.browser(t)
		people[i].want(200, "ok", "POST /login", "user=ada")
	}
	stranger := s.browser(t)
	stranger.want(200, "ok", "POST /login", "user=bob")

	list := people[0].devices()
	if len(list) != 3 {
		t.Fatalf("ada has %d sessions, want 3: %+v", len(list), list)
	}
	current := 0
	for _, d := range list {
		if d.Current {
			current++
		}
		if d.ID == "" || d.CreatedAt.IsZero() || d.LastSeenAt.IsZero() || !d.ExpiresAt.After(d.LastSeenAt) || d.UserAgent != "Go-http-client/1.1" || d.IP != "127.0.0.1" {
			t.Errorf("incomplete: %+v", d)
		}
		for _, b := range people {
			if strings.Contains(d.ID, b.ticket()) {
				t.Error("an ID contains a ticket")
			}
		}
		stranger.want(404, "there is no such session of yours", "POST /revoke", "id="+d.ID)
	}
	if current != 1 {
		t.Errorf("%d sessions are the current one", current)
	}

	idOf := func(b *browser) string {
		for _, d := range b.devices() {
			if d.Current {
				return d.ID
			}
		}
		return ""
	}
	people[0].want(200, "ok", "POST /revoke", "id="+idOf(people[1]))
	people[1].want(401, "signed out", "GET /sessions", "")
	people[1].want(200, "ok", "POST /login", "user=ada")
	people[0].want(200, "ok", "POST /revoke", "others=1")
	people[1].want(401, "signed out", "GET /sessions", "")
	people[2].want(401, "signed out", "GET /sessions", "")
	if n := len(people[0].devices()); n != 1 {
		t.Errorf("%d sessions are left, want 1", n)
	}
	people[1].want(200, "ok", "POST /login", "user=ada")
	people[0].want(200, "ok", "POST /revoke", "all=1")
	if people[0].ticket() != "" {
		t.Error("the cookie was not cleared")
	}
	people[0].want(401, "signed out", "GET /sessions", "")
	people[1].want(401, "signed out", "GET /sessions", "")
	people[1].want(200, "ok", "POST /login", "user=ada")
	people[1].want(200, "ok", "POST /revoke", "id="+idOf(people[1]))
	if people[1].ticket() != "" {
		t.Error("the cookie was not cleared after revoking this session by its ID")
	}
	if n := len(stranger.devices()); n != 1 {
		t.Errorf("bob has %d sessions, want 1", n)
	}
}

func TestStoreCannotList(t *testing.T) {
	s := serve(t, func(s store.Store) store.Store { return struct{ store.Store }{s} })
	b := s.browser(t)
	b.want(200, "ok", "POST /login", "user=ada")
	const text = "this store cannot list sessions"
	b.want(501, text, "GET /sessions", "")
	for _, form := range []string{"id=x", "others=1", "all=1"} {
		b.want(501, text, "POST /revoke", form)
	}
	if _, body, _ := b.do("GET /page.json", ""); !strings.Contains(body, "This store cannot list sessions.") {
		t.Errorf("the page is not told: %s", body)
	}
	b.want(200, "ok", "POST /logout", "")
	b.want(401, "signed out", "GET /sessions", "")
}

func TestStats(t *testing.T) {
	s := serve(t, nil)
	b := s.browser(t)
	b.want(200, "value set", "POST /set", "value=v")
	before := s.counted.Stats()
	_, body, header := b.do("GET /stats", "")
	if s.counted.Stats() != before {
		t.Error("/stats touched the session")
	}
	var got map[string]int
	if err := json.Unmarshal([]byte(body), &got); err != nil || header.Get("Vary") != "" {
		t.Fatalf("%v, Vary %q", err, header.Get("Vary"))
	}
	for _, name := range []string{"loads", "creates", "replaces", "touches", "deletes", "moves", "lists", "conflicts", "errors"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if len(got) != 9 || got["creates"] != 1 {
		t.Errorf("got %s", body)
	}
}
