package cloakroom

import (
	"errors"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

// TestFinishedTakesNoMemory: a session that is finished refuses everything, and takes no memory for
// that again, which nothing would give back.
func TestFinishedTakesNoMemory(t *testing.T) {
	m, err := New(store.Complete(nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := m.Open(t.Context(), "")
	s.Close()
	s.Discard()
	for name, err := range map[string]error{
		"Save": s.Save(), "Logout": s.Logout(), "Reload": s.Reload(), "KeepAlive": s.KeepAlive(),
		"Login": s.Login("ann"), "Renew": s.Renew(), "Load": s.Load(),
		"Transact": s.Transact(func(*Tx) error { return nil }),
	} {
		if !errors.Is(err, ErrFinished) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.body != &emptyBody || emptyBody.w != nil || emptyBody.err != nil ||
		emptyBody.ticket != "" {
		t.Error("it has memory again")
	}
}
