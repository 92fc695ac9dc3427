package cloakroom_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestReloadKeepsPending: what is pending stays pending, on top of what others have committed.
func TestReloadKeepsPending(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		a.Set(s, "pending")
		tab.set(a, "theirs")
		tab.set(b, "theirs")
		if err := s.Reload(); err != nil {
			t.Error(err)
		}
		if a.Get(s) != "pending" || b.Get(s) != "theirs" {
			t.Errorf("a=%q, b=%q", a.Get(s), b.Get(s))
		}
	})
	if got := tab.value(a); got != "pending" {
		t.Errorf("a=%q", got)
	}
}

// TestKeepAliveAtDeadline: a session ends at its deadline also where its use is not due to be
// noted, and stays ended.
func TestKeepAliveAtDeadline(t *testing.T) {
	const hour = time.Hour
	s := newSite(t, cloakroom.Options{Lifetime: hour, AnonymousIdle: hour, Idle: hour})
	tab := s.browser()
	tab.set(a, "1")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, session *cloakroom.Session) {
		session.Load()
		s.clock.advance(59 * time.Minute)
		if err := session.KeepAlive(); err != nil {
			t.Errorf("a minute before: %v", err)
		}
		s.clock.advance(time.Minute)
		for range 2 {
			if err := session.KeepAlive(); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("KeepAlive: %v", err)
			}
		}
		if err := session.Reload(); !errors.Is(err, cloakroom.ErrEnded) || a.Get(session) != "" {
			t.Errorf("Reload: %v, a=%q", err, a.Get(session))
		}
	})
}
