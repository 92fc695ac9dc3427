package cloakroom_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// TestApplications: on one store, tickets and owners of one application mean nothing to
// another.
func TestApplications(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		s := newSite(t, cloakroom.Options{Application: "shop", Format: format})
		shop := s.browser()
		shop.login("1")
		shop.set(a, "cart")
		for _, other := range []string{"admin", ""} {
			m := s.manager(cloakroom.Options{Application: other, Format: format})
			tab := shop.other()
			tab.m = m
			if tab.owner() != "" || tab.value(a) != "" {
				t.Errorf("%q takes the ticket of shop", other)
			}
			tab.login("1")
			if n, err := m.RevokeOwned(t.Context(), "1"); n != 1 || err != nil || shop.owner() != "1" {
				t.Errorf("%q has ended %d sessions, %v; owner %q", other, n, err, shop.owner())
			}
			if err := m.Revoke(t.Context(), "1", shop.id()); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("%q: %v", other, err)
			}
			tab.login("2")
			n := 0
			for info, err := range m.All(t.Context()) {
				if err != nil || info.Owner == "1" && other != "" {
					t.Errorf("%q lists %v, %v", other, info, err)
				}
				n++
			}
			if n < 1 {
				t.Errorf("%q lists %d sessions", other, n)
			}
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
		}
		if n := len(s.owned("1")); n != 1 {
			t.Errorf("shop has %d sessions of its owner", n)
		}
	}
}

// TestApplicationCopied: who copies a store need not know the applications of its sessions.
func TestApplicationCopied(t *testing.T) {
	s := newSite(t, cloakroom.Options{Application: "shop"})
	tab := s.browser()
	tab.login("1")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
	to, err := memstore.New(memstore.Options{Now: s.clock.Now, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	for c, err := range s.manager(cloakroom.Options{}).CopyTo(t.Context(), to, cloakroom.CopyOptions{}) {
		if err != nil || c.Err != nil {
			t.Fatal(err, c.Err)
		}
	}
	s.store.FullStore = to
	if len(s.owned("1")) != 1 || tab.owner() != "1" {
		t.Errorf("owner %q, %d sessions listed", tab.owner(), len(s.owned("1")))
	}
}

// TestAnonymousIdle: an anonymous session ends sooner, and lives as others
// do from a sign-in on.
func TestAnonymousIdle(t *testing.T) {
	eachMove(t, func(t *testing.T, s *site) {
		s.m = s.manager(cloakroom.Options{Idle: 30 * time.Minute, AnonymousIdle: 5 * time.Minute})
		robot, visitor := s.browser(), s.browser()
		robot.set(a, "1")
		visitor.set(a, "1")
		s.clock.advance(4 * time.Minute)
		if robot.value(a) != "1" || visitor.value(a) != "1" {
			t.Error("a use does not slide the timeout")
		}
		s.clock.advance(4 * time.Minute)
		visitor.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			if left := x.ExpiresAt().Sub(s.clock.Now()); left != time.Minute {
				t.Errorf("%v are left", left)
			}
		})
		visitor.login("ann")
		s.clock.advance(6 * time.Minute)
		if robot.value(a) != "" {
			t.Error("the anonymous session lives on")
		}
		s.clock.advance(20 * time.Minute)
		if visitor.owner() != "ann" {
			t.Error("the session of an owner ended")
		}
		for _, info := range s.owned("ann") {
			if !info.LastSeenAt.Equal(s.clock.Now()) {
				t.Errorf("seen at %v, and now is %v", info.LastSeenAt, s.clock.Now())
			}
		}
		s.clock.advance(29 * time.Minute)
		visitor.set(b, "2")
		if calls := s.store.count(func() { visitor.value(b) }); calls["touch"] != 0 {
			t.Errorf("%v", calls)
		}
		visitor.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
		visitor.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
			if left := x.ExpiresAt().Sub(s.clock.Now()); left != 5*time.Minute {
				t.Errorf("a new session has %v", left)
			}
		})
	})
}
