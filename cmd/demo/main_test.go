package main

import (
	"strings"
	"testing"
)

func TestStores(t *testing.T) {
	err := run(t.Context(), "127.0.0.1:0", "redis://127.0.0.1/")
	if err == nil || !strings.Contains(err.Error(), "cmd/cloakroom demo") {
		t.Errorf("got %v, want an error that names the command for other stores", err)
	}
}
