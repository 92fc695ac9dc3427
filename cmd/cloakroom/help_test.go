package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	for _, c := range commands() {
		for _, args := range [][]string{{"help", c.name}, {c.name, "-h"}, {c.name, "--help"}, {c.name, "x", "-help"}} {
			if code, stdout, stderr := runIn(t, false, args...); code != exitOK || stdout != c.help || stderr != "" {
				t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, stdout, stderr)
			}
		}
		if !strings.HasPrefix(c.help, "Usage: cloakroom "+c.name) || !strings.Contains(helpAll, "\n    "+c.name+" ") {
			t.Errorf("%s: no usage line, or not in the list of commands", c.name)
		}
		for line := range strings.SplitSeq(c.help, "\n") {
			if len(line) > 100 {
				t.Errorf("help %s: a line of %d bytes: %s", c.name, len(line), line)
			}
		}
	}
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}, {"-help"}} {
		if code, stdout, _ := runIn(t, false, args...); code != exitOK || stdout != helpAll {
			t.Errorf("%q: exit %d, stdout %q", args, code, stdout)
		}
	}
	for name, wants := range map[string][]string{
		"demo":   {"--addr", "127.0.0.1:8080", "--store", defaultStore, "--idle", "30m", "--lifetime", "12h", "--timeout TIME", "1.5s", "--tls CERT,KEY", "Examples:"},
		"sweep":  {"memory:", "Examples:"},
		"list":   {"--owner", "memory:", "Examples:"},
		"revoke": {"--owner", "--id", "memory:", "Examples:"},
	} {
		for _, want := range wants {
			if !strings.Contains(find(name).help, want) {
				t.Errorf("help %s does not say %q", name, want)
			}
		}
	}
	if code, stdout, _ := runIn(t, false, "version"); code != exitOK || !regexp.MustCompile(`^cloakroom \S+ go1\.\S+\n$`).MatchString(stdout) {
		t.Errorf("version: exit %d, %q", code, stdout)
	}
}
