package cloakroom_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestREADME: the first program of the README, and of that of each adapter, is the one in its folder
// examples, which the compiler checks.
func TestREADME(t *testing.T) {
	programs := map[string]string{".": "examples/visits/main.go"} // by folder
	for _, pattern := range []string{"adapter/*/go.mod", "telemetry/*/go.mod"} {
		modules, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, module := range modules {
			folder := filepath.Dir(module)
			found, err := filepath.Glob(filepath.Join(folder, "examples", "*", "main.go"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%s has the programs %q, %v: want one", folder, found, err)
			}
			programs[folder] = found[0]
		}
	}
	for folder, path := range programs {
		readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		program, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(string(program), "package main\n")
		_, code, _ := strings.Cut(string(readme), "```go\n")
		if code, _, _ = strings.Cut(code, "```"); code != "package main\n"+want {
			t.Errorf("the first program of %s's README is not %s", folder, path)
		}
	}
}
