package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func runIn(t *testing.T, tty bool, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), terminal{out: &out, err: &errs, isTTY: tty}, args)
	return code, out.String(), errs.String()
}

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
		"demo":   {"--addr", "127.0.0.1:8080", "--store", defaultStore, "--idle", "30m", "--lifetime", "12h", "--tls CERT,KEY", "Examples:"},
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

func TestDemoFlags(t *testing.T) {
	c, err := demoFlags(nil)
	if want := (demoConfig{addr: "127.0.0.1:8080", store: "file:./cloakroom-data", idle: 30 * time.Minute, lifetime: 12 * time.Hour}); err != nil || c != want {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	if c, err = demoFlags([]string{"--lifetime=5m"}); err != nil || c.idle != 5*time.Minute {
		t.Errorf("a lifetime below the idle timeout: %+v, %v", c, err)
	}
	if c, err = demoFlags([]string{"-tls", "c.pem,k.pem"}); err != nil || c.cert != "c.pem" || c.key != "k.pem" {
		t.Errorf("--tls: %+v, %v", c, err)
	}
}

// TestDemoServesAndStops runs the demo within this process; integration/demo does it
// with signals.
func TestDemoServesAndStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, terminal{out: w, err: io.Discard}, []string{"demo", "--addr", "127.0.0.1:0", "--store", "memory:"})
		_ = w.Close()
	}()
	line := make([]byte, 200)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`^listening on (http://127\.0\.0\.1:\d+)\n$`).FindSubmatch(line[:n])
	if match == nil {
		t.Fatalf("printed %q", line[:n])
	}
	resp, err := http.Get(string(match[1]) + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	stop()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("then printed %q, %v", rest, err)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// TestManage lists, revokes and sweeps sessions in a folder.
func TestManage(t *testing.T) {
	dir := t.TempDir()
	url := "file://" + dir
	store, err := filestore.New(dir, filestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	sessions, err := cloakroom.New(store, cloakroom.Options{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	signIn := func(owner string) string {
		t.Helper()
		s := sessions.Open(t.Context(), "")
		defer s.Close()
		if err := s.Login(owner); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		return s.ID()
	}
	want := func(code int, stdout, stderr string, args ...string) {
		t.Helper()
		c, out, errs := runIn(t, false, args...)
		if c != code || out != stdout || errs != stderr {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, c, out, errs)
		}
	}
	const header = "ID\tOWNER\tCREATED\tEXPIRES\tIP\tUSER AGENT\n"
	want(0, header, "", "list", url)
	id := signIn("ada")
	signIn("ada")
	signIn("ada")
	hostile := "e\x1b[31m\nv\u202eil\t" + strings.Repeat("x", 40)
	signIn(hostile)

	_, out, _ := runIn(t, false, "list", url)
	if rows := strings.Split(strings.TrimSuffix(out, "\n"), "\n"); len(rows) != 5 || rows[0]+"\n" != header {
		t.Errorf("list: %q", out)
	} else {
		row := regexp.MustCompile(`^[\w-]{22}\t[^\t]+\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t\t$`)
		for _, r := range rows[1:] {
			if !row.MatchString(r) {
				t.Errorf("row %q", r)
			}
		}
	}
	_, out, _ = runIn(t, true, "list", url, "--owner", hostile)
	rows := strings.Split(out, "\n")
	if len(rows) != 3 || !strings.Contains(rows[1], "  e�[31m�v�il�xxxxxxx…  ") || strings.Index(rows[0], "CREATED") != len([]rune(rows[1][:strings.Index(rows[1], "20")])) {
		t.Errorf("aligned list: %q", out)
	}
	want(0, "1 session ended\n", "", "revoke", url, "--owner", "ada", "--id", id)
	want(1, "", "cloakroom revoke: owner \"ada\" has no session \""+id+"\"\n", "revoke", url, "--owner", "ada", "--id", id)
	want(0, "2 sessions ended\n", "", "revoke", "--owner", "ada", url)
	want(0, "0 sessions ended\n", "", "revoke", "--owner", "ada", url)
	want(0, header, "", "list", url, "--owner", "ada")
	want(0, "0 expired records removed\n", "", "sweep", url)
	clock = clock.Add(-24 * time.Hour)
	signIn("long ago")
	want(0, "1 expired record removed\n", "", "sweep", url)

	const note = "note: memory: is this process's own memory, so there is nothing in it\n"
	want(0, "0 expired records removed\n", note, "sweep", "memory:")
	want(0, header, note, "list", "memory:")
	want(0, "0 sessions ended\n", note, "revoke", "memory:", "--owner", "u")
}
