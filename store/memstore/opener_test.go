package memstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// A URL says the options, and what it says besides is refused.
func TestOpener(t *testing.T) {
	r := store.Record{Data: make([]byte, 100), Expires: time.Now().Add(time.Hour)}
	for url, want := range map[string]error{
		"memory:":                            nil,
		"memory:?max_records=1":              store.ErrFull,
		"memory:?max_bytes=400":              store.ErrFull,
		"memory:?max_bytes=300":              store.ErrTooLarge,
		"memory:?max_bytes=1&max_records=1":  store.ErrTooLarge,
		"memory:?max_bytes=10000":            nil,
		"memory:?max_records=2&max_bytes=10": store.ErrTooLarge,
	} {
		s, closer, err := storeurl.Open(t.Context(), url, memstore.Opener())
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		var first error
		for i := range 2 {
			if _, err := s.Create(t.Context(), id(i), r); err != nil {
				first = err
			}
		}
		if !errors.Is(first, want) {
			t.Errorf("%s: %v, want %v", url, first, want)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		if _, err := s.Load(t.Context(), id(0)); !errors.Is(err, memstore.ErrClosed) {
			t.Errorf("%s: after Close: %v", url, err)
		}
	}
	for url, says := range map[string]string{
		"memory:opaque":             "memory",
		"memory://host":             "memory",
		"memory:///path":            "memory",
		"memory://ann@":             "memory",
		"memory:?max_records=x":     "max_records",
		"memory:?max_sessions=1":    "max_sessions",
		"memory:?max_records=1&x=1": "x",
	} {
		_, _, err := storeurl.Open(t.Context(), url, memstore.Opener())
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error that says %s", url, err, says)
		}
	}
}
