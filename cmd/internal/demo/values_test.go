package demo

import (
	"context"
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestSlowEndsWithTheServer(t *testing.T) {
	s := serve(t, nil)
	close(s.stop)
	b := s.browser(t)
	b.want(503, "the server is stopping; nothing was set", "POST /slow", "ms=60000&key=k&value=v")
	b.want(200, "", "GET /value?key=k", "")
}

func TestIncrAfterSignOut(t *testing.T) {
	s := serve(t, func(s store.Store) store.Store { return &endedMeanwhile{FullStore: store.Complete(s)} })
	b := s.browser(t)
	b.want(200, "1", "POST /incr", "key=n")
	b.want(409, "session ended", "POST /incr", "key=n")
}

// endedMeanwhile is a store whose records are deleted between Load and Replace.
type endedMeanwhile struct{ store.FullStore }

func (endedMeanwhile) Replace(_ context.Context, _ string, _, _ store.Record) (store.Version, error) {
	return "", cloakroom.ErrNotFound
}

// With existing=1, a browser whose session was revoked is told so, and gets no new
// session.
func TestIncrOfARevokedSession(t *testing.T) {
	s := serve(t, nil)
	a, b := s.browser(t), s.browser(t)
	for _, one := range []*browser{a, b} {
		if status, body, _ := one.do("POST /login", "user=ada"); status != http.StatusOK {
			t.Fatal(status, body)
		}
	}
	if status, body, _ := b.do("POST /incr", "key=counter&existing=1"); status != http.StatusOK || body != "1" {
		t.Errorf("before: %d %q", status, body)
	}
	if status, body, _ := a.do("POST /revoke", "others=1"); status != http.StatusOK {
		t.Fatal(status, body)
	}
	for range 3 {
		if status, body, _ := b.do("POST /incr", "key=counter&existing=1"); status != http.StatusOK || body != ended {
			t.Errorf("revoked: %d %q", status, body)
		}
	}
	if status, body, _ := b.do("POST /incr", "key=counter"); status != http.StatusOK || body != "1" {
		t.Errorf("anew: %d %q", status, body)
	}
}
