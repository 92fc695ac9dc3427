package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func runIn(t *testing.T, tty bool, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), terminal{out: &out, err: &errs, isTTY: tty}, args)
	return code, out.String(), errs.String()
}

func TestWrongUse(t *testing.T) {
	for _, test := range []struct{ args, says string }{
		{"nope", `unknown command "nope"`},
		{"help nope", `unknown command "nope"`},
		{"demo extra", `unexpected argument "extra"`},
		{"demo --addr 8080", `--addr is "8080": it must be HOST:PORT`},
		{"demo --idle 1h --lifetime 1m", "--idle is 1h0m0s, longer than --lifetime, 1m0s"},
		{"demo --idle 0s", "--idle is 0s"},
		{"demo --idle 5", "invalid value"},
		{"demo --lifetime -1s", "--lifetime is -1s"},
		{"demo --timeout 9ms", "--timeout is 9ms: it must be from 10ms to 20s"},
		{"demo --timeout 21s", "--timeout is 21s"},
		{"demo --tls cert.pem", "it must be CERT,KEY"},
		{"demo --nope", "flag provided but not defined: -nope"},
		{"sweep", "the URL of the store is missing"},
		{"sweep a b", "one store URL is wanted"},
		{"list --owner", "flag needs an argument: -owner"},
		{"list memory: --owner=", "--owner is empty"},
		{"revoke memory:", "--owner is missing"},
		{"revoke memory: --owner u --id=", "--id is empty"},
		{"version now", `unexpected argument "now"`},
	} {
		code, stdout, stderr := runIn(t, false, strings.Fields(test.args)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
	if code, stdout, stderr := runIn(t, false); code != exitUsage || stdout != "" || stderr != helpAll {
		t.Errorf("without arguments: exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestFailures(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"sweep", "nope:x"}, `unknown scheme "nope"`},
		{[]string{"sweep", "folder"}, "begins with a scheme"},
		{[]string{"list", "couchdb://u:hunter2@host/"}, "unknown scheme"},
		{[]string{"list", "redis://u:hunter2@host:x y/"}, "not a valid URL"},
		{[]string{"list", "file://" + missing}, "there is no folder"},
		{[]string{"sweep", "file://" + file}, file},
		{[]string{"demo", "--store", "nope:x", "--addr", "127.0.0.1:0"}, `unknown scheme "nope"`},
		{[]string{"demo", "--addr", "127.0.0.1:0", "--tls", "a,b", "--store", "memory:"}, "--tls: open a"},
		{[]string{"demo", "--addr", "256.0.0.1:0", "--store", "memory:"}, "256.0.0.1"},
	} {
		code, stdout, stderr := runIn(t, false, test.args...)
		if code != exitFailure || stdout != "" || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
		if strings.Contains(stderr, "hunter2") {
			t.Errorf("%q: the password is in %q", test.args, stderr)
		}
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("list made the folder")
	}
}
