package cloakroom

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// TestCloseBeforeCookie: somebody may close a session of the middleware while its
// header is being written. The header has the ticket all the same: without one it would
// clear the cookie.
func TestCloseBeforeCookie(t *testing.T) {
	m, err := New(store.Complete(nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ticket := ticket.New()
	var s Session
	s.open(t.Context(), m, &exchange{m: m}, tickets{first: ticket, sent: 1})
	s.answer.cookie = cookieSet
	s.Close()
	if c := s.cookieLocked(); c == nil || c.Value != ticket {
		t.Error("the cookie is not that of the session")
	}
	s.close()
	if s.body != &nobody {
		t.Error("what is finished keeps its memory")
	}
}
