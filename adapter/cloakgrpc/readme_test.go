package cloakgrpc_test

import (
	"os"
	"strings"
	"testing"
)

// TestREADME: the program of the README is the one in examples/visits, which the compiler
// checks.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("examples/visits/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(program), "\n")
	_, code, _ := strings.Cut(string(readme), "```go\n")
	code, _, _ = strings.Cut(code, "```")
	if code != want {
		t.Error("the README's program is not examples/visits/main.go")
	}
}
