package cloakroom_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// What another library handed out as its tickets, by length.
var former = map[string]string{
	"a UUID":    "0f3d4b7e-52c1-4f0a-9b1e-7a6c2d8e9f01",
	"16 bytes":  strings.Repeat("aB3_-z", 3) + "aB3_",
	"24 bytes":  strings.Repeat("aB3_-z", 5) + "aB",
	"128 bytes": strings.Repeat("aB3_-z", 28) + "aB3",
}

// Those who have a cookie of another spelling stay signed in with
// Options.FormerTickets, and get a ticket when they sign in.
func TestFormerTickets(t *testing.T) {
	from := newSite(t, cloakroom.Options{Profile: unsigned()})
	for _, id := range former {
		r := store.Record{Data: []byte("\x82\xa4user\xa3ann\xa4name\xa3old"), Expires: from.clock.Now().Add(time.Minute)}
		if _, err := from.store.FullStore.Create(t.Context(), id, r); err != nil {
			t.Fatal(err)
		}
	}
	ordinary := from.browser()
	ordinary.set(name, "new")
	with, without := newSite(t, cloakroom.Options{FormerTickets: true}), newSite(t, cloakroom.Options{})
	for _, to := range []*site{with, without} {
		n := 0
		for c, err := range from.m.CopyTo(t.Context(), to.store, cloakroom.CopyOptions{WithoutProfile: true}) {
			if err != nil || c.Err != nil || !c.Written {
				t.Fatal(err, c)
			}
			if c.Former {
				n++
			}
		}
		if n != len(former) {
			t.Errorf("%d of the sessions have former tickets, want %d", n, len(former))
		}
	}
	for what, ticket := range former {
		old := from.browser()
		old.cookie = ticket
		b := old.at(with)
		if got, owner := b.value(name), b.owner(); got != "old" || owner != "ann" {
			t.Errorf("%s: %q of %q", what, got, owner)
		}
		b.set(name, "changed")
		if b.cookie != ticket || b.value(name) != "changed" {
			t.Errorf("%s: %q after a change", what, b.value(name))
		}
		b.login("ann")
		if b.cookie == ticket || len(b.cookie) != 43 || b.value(name) != "changed" {
			t.Errorf("%s: %q after a sign-in, with a cookie of %d characters", what, b.value(name), len(b.cookie))
		}
		if got := old.at(with).value(name); got != "" {
			t.Errorf("%s: the former ticket still finds %q", what, got)
		}
		before := without.store.calls["load"]
		if got := old.at(without).value(name); got != "" || without.store.calls["load"] != before {
			t.Errorf("%s: %q without the option, or a load", what, got)
		}
	}
}

// Nothing else reaches the store.
func TestNoFormerTicket(t *testing.T) {
	s := newSite(t, cloakroom.Options{FormerTickets: true})
	for _, ticket := range []string{"a", strings.Repeat("a", 21), strings.Repeat("a", 172), strings.Repeat("a", 30) + ".", strings.Repeat("a", 30) + "/", "é" + strings.Repeat("a", 30)} {
		session := s.m.Open(t.Context(), ticket)
		if got := name.Get(session); got != "" || s.store.calls["load"] != 0 {
			t.Errorf("a ticket of %d bytes: %q, or a load", len(ticket), got)
		}
		session.Close()
	}
}

// Keys beside the sessions are told of, and left alone.
func TestCopyForeignKeys(t *testing.T) {
	for what, options := range map[string]cloakroom.Options{"ours": {}, "a profile": {Profile: unsigned()}} {
		from, to := newSite(t, options), newSite(t, options)
		from.browser().set(name, "mine")
		for _, id := range []string{"lock:1", "admin"} {
			if _, err := from.store.FullStore.Create(t.Context(), id, store.Record{Data: []byte("1"), Expires: from.clock.Now().Add(time.Minute)}); err != nil {
				t.Fatal(err)
			}
		}
		written, foreign := 0, 0
		for c, err := range from.m.CopyTo(t.Context(), to.store, cloakroom.CopyOptions{}) {
			switch {
			case err != nil || c.Err != nil:
				t.Errorf("%s: %v, %v", what, err, c.Err)
			case c.Foreign:
				foreign++
			case c.Written:
				written++
			}
		}
		if written != 1 || foreign != 2 {
			t.Errorf("%s: %d written and %d foreign, want 1 and 2", what, written, foreign)
		}
		if _, err := to.store.FullStore.Load(context.Background(), "lock:1"); err == nil {
			t.Errorf("%s: a key beside the sessions was copied", what)
		}
	}
}
