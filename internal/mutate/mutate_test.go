//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clamp is a tiny package to change. Its second result is an error that a test may forget.
const clamp = `package clamp

import "errors"

var errNegative = errors.New("the limit is negative")

func Clamp(n, limit int) (int, error) {
	if limit < 0 {
		return 0, errNegative
	}
	if n > limit && limit > 0 {
		n = limit
	}
	return n, nil
}
`

const goodTest = `package clamp

import "testing"

func TestClamp(t *testing.T) {
	for _, c := range []struct{ n, limit, want int }{
		{5, 3, 3}, {2, 3, 2}, {7, 0, 7}, {7, 1, 1},
	} {
		if got, err := Clamp(c.n, c.limit); got != c.want || err != nil {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
	if n, err := Clamp(1, -1); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}
`

const badTest = `package clamp

import "testing"

func TestClamp(t *testing.T) {
	if got, _ := Clamp(5, 3); got != 3 {
		t.Error(got)
	}
}
`

// equal lists the one change of clamp that no test can notice.
const equal = `# A comment.

clamp.go Clamp compare
	if n > limit && limit > 0 { => if n >= limit && limit > 0 {
	Where n is limit already, setting it to limit changes nothing.
`

// project makes a module of one package and returns its folder.
func project(t *testing.T, test, accepted string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module clamp\n\ngo 1.25.0\n", "clamp.go": clamp, "clamp_test.go": test,
		"accepted.txt": accepted,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// attempt runs the command on a project, and returns what it prints.
func attempt(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	args = append([]string{"-root", dir, "-accepted", "accepted.txt"}, args...)
	err := run(t.Context(), args, &out)
	return out.String(), err
}

// A package whose tests are good passes, and what is accepted is not tried.
func TestGoodTests(t *testing.T) {
	out, err := attempt(t, project(t, goodTest, equal), "-p", "2", "-least", "100",
		"-match", "compare|error|drop", ".")
	if err != nil || strings.Contains(out, "survived:") || !strings.Contains(out, "1 accepted") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A package whose tests are bad fails, and each survivor is named.
func TestBadTests(t *testing.T) {
	dir := project(t, badTest, equal)
	out, err := attempt(t, dir, "-match", `:(8|9) (never|error)`, ".")
	if err == nil {
		t.Error("no error for bad tests")
	}
	for _, want := range []string{
		"survived: clamp.go:8\nclamp.go Clamp never\n" +
			"\tif limit < 0 { => if false && (limit < 0) {\n",
		"survived: clamp.go:9\nclamp.go Clamp error\n" +
			"\treturn 0, errNegative => return 0, nil\n",
		"want 90%",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output has no %q:\n%s", want, out)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "clamp.go")); err != nil || string(got) != clamp {
		t.Error("the code itself was changed")
	}
}

// An accepted survivor must be there, and needs a reason.
func TestAcceptedFile(t *testing.T) {
	gone := "clamp.go Clamp drop\n\tx++ => (nothing)\n\tIt is not looked at.\n"
	out, err := attempt(t, project(t, goodTest, gone), "-match", "none", ".")
	if err == nil || !strings.Contains(out, "clamp.go Clamp drop\n\tx++ => (nothing)") {
		t.Errorf("out of date: %v\n%s", err, out)
	}
	bare := "clamp.go Clamp drop\n\tn = limit => (nothing)\n"
	if _, err := attempt(t, project(t, goodTest, bare), "."); err == nil {
		t.Error("no error for an entry without its reason")
	}
}

// Tests that fail or are missing tell nothing, and a mutant that never ends is killed.
func TestUnusableTests(t *testing.T) {
	failing := strings.Replace(goodTest, "{7, 1, 1}", "{7, 1, 2}", 1)
	for name, test := range map[string]string{"failing": failing, "none": "package clamp\n"} {
		if out, err := attempt(t, project(t, test, ""), "."); err == nil {
			t.Errorf("%s: no error\n%s", name, out)
		}
	}
	endless := strings.Replace(goodTest, "testing.T) {", `testing.T) {
	for n := 5; n > 3; {
		n, _ = Clamp(n, 3)
	}`, 1)
	dir := project(t, endless, "")
	out, err := attempt(t, dir, "-timeout", "3s", "-match", `:12 drop`, ".")
	if err != nil || !strings.Contains(out, "1 by the time limit") {
		t.Errorf("endless: %v\n%s", err, out)
	}
}
