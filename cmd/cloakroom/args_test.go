package main

import (
	"flag"
	"slices"
	"testing"
)

func TestParseTakesFlagsAnywhere(t *testing.T) {
	for _, test := range []struct {
		args   []string
		owner  string
		others []string
	}{
		{[]string{"U", "--owner", "ada"}, "ada", []string{"U"}},
		{[]string{"--owner", "ada", "U"}, "ada", []string{"U"}},
		{[]string{"-owner=ada", "U"}, "ada", []string{"U"}},
		{[]string{"U", "--owner=a=b"}, "a=b", []string{"U"}},
		{[]string{"U", "--owner", "--", "V"}, "--", []string{"U", "V"}},
		{[]string{"--", "--owner", "x"}, "", []string{"--owner", "x"}},
		{[]string{"-", ""}, "", []string{"-", ""}},
		{[]string{"U", "--owner", "-x"}, "-x", []string{"U"}},
	} {
		fs := newFlags("test")
		owner := fs.String("owner", "", "")
		others, err := parse(fs, test.args)
		if err != nil || *owner != test.owner || !slices.Equal(others, test.others) {
			t.Errorf("%q: owner %q, others %q, %v", test.args, *owner, others, err)
		}
	}
	for _, args := range [][]string{{"U", "--nope"}, {"--owner"}, {"U", "---owner", "x"}} {
		fs := newFlags("test")
		fs.String("owner", "", "")
		if _, err := parse(fs, args); err == nil || err == flag.ErrHelp {
			t.Errorf("%q: got %v, want an error", args, err)
		}
	}
}
