package cloakauthboss_test

import (
	"os"
	"strings"
	"testing"
)

// TestREADME: the README's program is the one in examples/site, which the compiler checks.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("examples/site/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(program), "\n")
	_, code, _ := strings.Cut(string(readme), "```go\n")
	if code, _, _ = strings.Cut(code, "```"); code != want {
		t.Error("the README's program is not examples/site/main.go")
	}
}
