package cloakroom_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom"
)

// refused is what a store answers whose server takes no writes.
func refused(func() error) error { return fmt.Errorf("store: %w: READONLY", cloakroom.ErrRefused) }

// refusing makes every call of some operations fail.
func (s *spy) refusing(ops ...string) {
	s.intercept(func(got, _ string, do func() error) error {
		for _, op := range ops {
			if got == op {
				return refused(do)
			}
		}
		return do()
	})
}

// TestRefused: what a store plainly refuses is told at once, by one call, and never as
// of unknown outcome.
func TestRefused(t *testing.T) {
	signIn := func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Login("ada") }
	signOut := func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Logout() }
	for _, tt := range []struct {
		op  string
		do  handlerFunc
		new bool
	}{
		{"create", incrementing, true}, {"replace", incrementing, false},
		{"move", signIn, false}, {"delete", signOut, false}, {"load", incrementing, false},
	} {
		t.Run(tt.op, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			if !tt.new {
				tab.do(incrementing)
			}
			s.store.refusing(tt.op)
			var status int
			calls := s.store.count(func() {
				status = tab.other().do(func(w http.ResponseWriter, r *http.Request, session *cloakroom.Session) {
					tt.do(w, r, session)
					err := session.Save()
					if !errors.Is(err, cloakroom.ErrRefused) || errors.Is(err, cloakroom.ErrUnknownOutcome) {
						t.Errorf("saved with %v", err)
					}
				}).Code
			})
			if status != 503 || calls[tt.op] > 2 { // by Save and, once more, by the handler's end
				t.Errorf("status %d after %v", status, calls)
			}
			s.store.intercept(nil)
			want := 1
			if tt.new {
				want = 0
			}
			if n := tab.count(); n != want {
				t.Errorf("count %d, want %d", n, want)
			}
		})
	}
}

// TestRefusedAfterConflict: a store that refuses to load what a conflict makes the
// commit look for is not asked again and again.
func TestRefusedAfterConflict(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.do(incrementing)
	conflicts := 0
	s.store.intercept(func(op, _ string, do func() error) error {
		switch {
		case op == "replace":
			conflicts++
			return cloakroom.ErrConflict
		case op == "load" && conflicts > 0:
			return refused(do)
		}
		return do()
	})
	calls := s.store.count(func() {
		tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
			_, err := count.UpdateNow(session, func(n int) int { return n + 1 })
			if !errors.Is(err, cloakroom.ErrRefused) || errors.Is(err, cloakroom.ErrUnknownOutcome) {
				t.Errorf("applied with %v", err)
			}
		})
	})
	if calls["load"] > 3 {
		t.Errorf("%v", calls)
	}
}

// TestRefusedRevocation: revoking tells of a store that refuses at once.
func TestRefusedRevocation(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Login("ada") })
	s.store.refusing("delete", "replace", "create")
	calls := s.store.count(func() {
		if _, err := s.m.RevokeOwned(t.Context(), "ada"); !errors.Is(err, cloakroom.ErrRefused) {
			t.Errorf("revoked with %v", err)
		}
	})
	if calls["delete"] > 1 {
		t.Errorf("%v", calls)
	}
}
