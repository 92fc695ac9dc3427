package demo

import (
	"slices"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// A store in memory gets limits, unless its URL has some.
func TestBounded(t *testing.T) {
	for url, want := range map[string]string{
		"memory:":               "memory:?max_records=100000&max_bytes=67108864",
		"memory:?max_records=5": "memory:?max_records=5",
		"file:x":                "file:x",
	} {
		if got := Bounded(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	_, closer, err := storeurl.Open(t.Context(), Bounded("memory:"), memstore.Opener())
	if err != nil {
		t.Fatal(err)
	}
	_ = closer.Close()
}

// The demo answers to the names that it listens at.
func TestHosts(t *testing.T) {
	got := Hosts("demo.example:8080", "a.example, b.example,")
	want := []string{"localhost", "127.0.0.1", "::1", "demo.example", "a.example", "b.example"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
