package memcachedstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// TestRefused: what a server says that did nothing is told apart from what a proxy says
// that has given up.
func TestRefused(t *testing.T) {
	for reply, want := range map[string]error{
		"ERROR":                           store.ErrRefused,
		"CLIENT_ERROR unauthenticated":    store.ErrRefused,
		"SERVER_ERROR pool is read only":  store.ErrRefused,
		"SERVER_ERROR out of memory":      store.ErrRefused,
		"SERVER_ERROR backend failure":    nil,
		"SERVER_ERROR Connection timeout": nil,
	} {
		s, server := open(t, Options{})
		for _, verb := range []string{"mg", "ms", "md"} {
			server.set(verb, reply+"\r\n")
		}
		r := soon()
		_, creating := s.Create(t.Context(), "id", r)
		if reply == "SERVER_ERROR out of memory" {
			if !errors.Is(creating, store.ErrFull) {
				t.Errorf("%s: create: %v", reply, creating)
			}
			creating = want
		}
		_, loading := s.Load(t.Context(), "id")
		for what, err := range map[string]error{
			"create": creating, "load": loading, "touch": s.Touch(t.Context(), "id", r, time.Now().Add(time.Hour)),
			"delete": s.Delete(t.Context(), "id", store.Record{}),
		} {
			if err == nil || errors.Is(err, store.ErrRefused) != (want != nil) {
				t.Errorf("%s: %s: %v, want %v", reply, what, err, want)
			}
		}
	}
}

// TestIPv6: several servers, IPv6 addresses among them, in one URL.
func TestIPv6(t *testing.T) {
	_, _, err := storeurl.Open(t.Context(), "memcached://[::1]:1,127.0.0.1:1,[::1]:2", Opener())
	if err == nil || !strings.Contains(err.Error(), "on [::1]:1:") || !strings.Contains(err.Error(), "on [::1]:2:") {
		t.Errorf("%v, want that none of them answers", err)
	}
}
