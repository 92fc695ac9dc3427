// Package visitor signs users in and visits their sessions, through a manager and without HTTP, for
// tests of what a store's server refuses.
package visitor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// Visits counts the visits of a session.
const Visits = cloakroom.Key[int]("visits")

// Manager returns a manager whose time limit a busy machine does not reach: a call that ends then
// was not refused at once.
func Manager(t testing.TB, s store.Store) *cloakroom.Manager {
	t.Helper()
	m, err := cloakroom.New(s, cloakroom.Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// SignIn signs the user ada in and returns the ticket.
func SignIn(m *cloakroom.Manager) (ticket string, err error) {
	s := m.Open(context.Background(), "")
	defer s.Close()
	if err := s.Login("ada"); err != nil {
		return "", err
	}
	if err := s.Save(); err != nil {
		return "", err
	}
	return s.Cookie().Value, nil
}

// Visit counts a visit and returns how many there were.
func Visit(m *cloakroom.Manager, ticket string) (int, error) {
	s := m.Open(context.Background(), ticket)
	defer s.Close()
	return Visits.UpdateNow(s, func(n int) int { return n + 1 })
}

// WantRefusal fails the test unless an error says that the store refused, in these words.
func WantRefusal(t testing.TB, what string, err error, words string) {
	t.Helper()
	if !errors.Is(err, cloakroom.ErrRefused) || errors.Is(err, cloakroom.ErrUnknownOutcome) ||
		!strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want a refusal that says %q", what, err, words)
	}
}
