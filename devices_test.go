package cloakroom_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func (s *site) owned(owner string) map[string]cloakroom.Info {
	s.t.Helper()
	all := map[string]cloakroom.Info{}
	for info, err := range s.m.Owned(s.t.Context(), owner) {
		if err != nil {
			s.t.Fatal(err)
		}
		all[info.ID] = info
	}
	return all
}

func (b *browser) id() (id string) {
	b.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { id = s.ID() })
	return id
}

func TestManagement(t *testing.T) {
	for _, noMove := range []bool{false, true} {
		s := newSite(t, cloakroom.Options{ClientIP: func(*http.Request) string { return "192.0.2.7" }})
		if noMove {
			s.withoutMove()
		}
		long := strings.Repeat("an owner\n", 1200)
		var tabs []*browser
		for i := range 6 {
			tab := s.browser()
			tab.set(a, "1")
			tab.login([]string{"ann", "ann", "ann", "ann", "bob", long}[i])
			tabs = append(tabs, tab)
		}
		s.browser().set(a, "anonymous")
		all := 0
		for range s.m.All(t.Context()) {
			all++
		}
		if n := len(s.owned("ann")); n != 4 || len(s.owned("bob")) != 1 || len(s.owned(long)) != 1 || len(s.owned("")) != 0 || all != 7 {
			t.Errorf("%d of ann, %d in all", n, all)
		}
		info := s.owned("ann")[tabs[0].id()]
		now := s.clock.Now()
		if info.Owner != "ann" || info.IP != "192.0.2.7" || !info.LastSeenAt.Equal(now) || !info.ExpiresAt.Equal(now.Add(30*time.Minute)) ||
			!info.CreatedAt.Equal(now) || !info.AuthenticatedAt.Equal(now) || !info.Deadline.Equal(now.Add(12*time.Hour)) {
			t.Errorf("%+v", info)
		}

		if err := s.m.Revoke(t.Context(), "bob", tabs[0].id()); !errors.Is(err, cloakroom.ErrNotFound) || tabs[0].owner() != "ann" {
			t.Errorf("revoking another owner's: %v", err)
		}
		if err := s.m.Revoke(t.Context(), "ann", tabs[0].id()); err != nil || tabs[0].owner() != "" || tabs[1].owner() != "ann" {
			t.Errorf("revoking one: %v", err)
		}
		former := tabs[1].id()
		tabs[1].do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
		if err := s.m.Revoke(t.Context(), "ann", former); err != nil || tabs[1].owner() != "" {
			t.Errorf("revoking by a former ID: %v, owner %q", err, tabs[1].owner())
		}
		tabs[2].login("ann")
		tabs[2].do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
			if n, err := s.m.RevokeOthers(t.Context(), session); n != 1 || err != nil {
				t.Errorf("RevokeOthers: %d, %v", n, err)
			}
		})
		if tabs[2].owner() != "ann" || tabs[3].owner() != "" || tabs[4].owner() != "bob" {
			t.Errorf("owners %q %q %q", tabs[2].owner(), tabs[3].owner(), tabs[4].owner())
		}
		if n, err := s.m.RevokeOwned(t.Context(), "ann"); n != 1 || err != nil || tabs[2].owner() != "" {
			t.Errorf("RevokeOwned: %d, %v", n, err)
		}
		if n, err := s.m.RevokeOwned(t.Context(), "ann"); n != 0 || err != nil {
			t.Errorf("RevokeOwned again: %d, %v", n, err)
		}
		s.clock.advance(13 * time.Hour)
		if n, err := s.m.Sweep(t.Context()); n == 0 || err != nil {
			t.Errorf("Sweep: %d, %v", n, err)
		}
	}
}

// TestRevokeOwnedRace: signing out everywhere misses no session whose sign-in was
// acknowledged before, while tickets change all the time.
func TestRevokeOwnedRace(t *testing.T) {
	for _, noMove := range []bool{false, true} {
		s := newSite(t, cloakroom.Options{Timeout: 10 * time.Second})
		if noMove {
			s.withoutMove()
		}
		tabs := make([]*browser, 8)
		done := make(chan struct{}, len(tabs))
		for i := range tabs {
			tabs[i] = s.browser()
			tabs[i].login("ann")
		}
		for _, tab := range tabs {
			go func() {
				for range 30 {
					tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
				}
				done <- struct{}{}
			}()
		}
		if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
			t.Error(err)
		}
		for range tabs {
			<-done
		}
		for info := range s.m.All(t.Context()) {
			t.Errorf("a session of %q is alive", info.Owner)
		}
	}
}

// TestUnsupported: a store that cannot list says so.
func TestUnsupported(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	bare := struct{ store.Store }{s.store}
	m, err := cloakroom.New(bare, cloakroom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range m.Owned(t.Context(), "ann") {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Owned: %v", err)
		}
	}
	if _, err := m.RevokeOwned(t.Context(), "ann"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("RevokeOwned: %v", err)
	}
	if err := m.Revoke(t.Context(), "ann", "x"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Revoke: %v", err)
	}
	if n, err := m.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep: %d, %v", n, err)
	}
}

// TestRevokeGoesOn: a session that cannot be ended spares no other, and all that went
// wrong is told.
func TestRevokeGoesOn(t *testing.T) {
	for what, revoke := range map[string]func(s *site, keep *browser) (int, error){
		"RevokeOwned": func(s *site, _ *browser) (int, error) { return s.m.RevokeOwned(t.Context(), "ann") },
		"RevokeOthers": func(s *site, keep *browser) (n int, err error) {
			keep.other().do(func(_ http.ResponseWriter, r *http.Request, x *cloakroom.Session) {
				n, err = s.m.RevokeOthers(r.Context(), x)
			})
			return n, err
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			var tabs []*browser
			for range 30 {
				tab := s.browser()
				tab.login("ann")
				tabs = append(tabs, tab)
			}
			const refused = 21
			bad := map[string]bool{}
			s.store.intercept(func(op, id string, do func() error) error {
				if op == "delete" && (bad[id] || len(bad) < refused) {
					bad[id] = true
					return errors.New("node is down")
				}
				return do()
			})
			keep := s.browser()
			keep.login("ann")
			s.m = s.manager(cloakroom.Options{Timeout: 20 * time.Millisecond}) // gives up soon
			keep.m = s.m
			n, err := revoke(s, keep)
			s.store.intercept(nil)
			if n < len(tabs)-refused || err == nil || !strings.Contains(err.Error(), "and 1 more failed") || strings.Count(err.Error(), "node is down") != 20 {
				t.Errorf("%d ended, %v", n, err)
			}
			alive := 0
			for _, tab := range tabs {
				if tab.owner() != "" {
					alive++
				}
			}
			if alive != refused {
				t.Errorf("%d are alive, %d could not be ended", alive, refused)
			}
		})
	}
}

// TestRevokeFullStore: where a store has no room for a seal, what moved to a new ticket
// just now ends all the same.
func TestRevokeFullStore(t *testing.T) {
	for what, end := range map[string]func(s *site, old *browser) error{
		"revoke": func(s *site, _ *browser) error { _, err := s.m.RevokeOwned(t.Context(), "ann"); return err },
		"logout": func(_ *site, old *browser) (err error) {
			old.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { err = x.Logout() })
			return err
		},
	} {
		for _, noMove := range []bool{false, true} {
			s := newSite(t, cloakroom.Options{})
			if noMove {
				s.withoutMove()
			}
			tab := s.browser()
			tab.login("ann")
			old := tab.other()
			tab.do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Renew() })
			s.store.intercept(func(op, _ string, do func() error) error {
				switch op {
				case "create", "replace", "move":
					return cloakroom.ErrFull
				}
				return do()
			})
			if err := end(s, old); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			s.store.intercept(nil)
			if tab.owner() != "" || old.owner() != "" {
				t.Errorf("%s, without moves %v: still signed in", what, noMove)
			}
		}
	}
}

// brokenSweeper fails at some of its pages.
type brokenSweeper struct {
	store.FullStore
	pages int
}

func (b brokenSweeper) Sweep(_ context.Context, cursor string, _ int) (int, string, error) {
	page, _ := strconv.Atoi(cursor)
	var err error
	if page%2 == 0 {
		err = errors.New("cannot be removed")
	}
	if page++; page == b.pages {
		return 1, "", err
	}
	return 1, strconv.Itoa(page), err
}

// TestSweepGoesOn: a record that cannot be removed spares no other.
func TestSweepGoesOn(t *testing.T) {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := cloakroom.New(brokenSweeper{memory, 5}, cloakroom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Sweep(t.Context())
	if n != 5 || err == nil || strings.Count(err.Error(), "cannot be removed") != 3 {
		t.Errorf("%d, %v", n, err)
	}
}
