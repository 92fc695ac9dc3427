package main

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

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

// The sessions of an application are listed and revoked by its name.
func TestApplication(t *testing.T) {
	dir := t.TempDir()
	store, err := filestore.New(dir, filestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := cloakroom.New(store, cloakroom.Options{Application: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	s := m.Open(t.Context(), "")
	if err := s.Login("ada"); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args string
		rows int
	}{
		{"", 1}, {"--application shop", 1}, {"--application other", 0},
		{"--owner ada", 0}, {"--owner ada --application shop", 1}, {"--owner ada --application other", 0},
	} {
		code, out, errs := runIn(t, false, append([]string{"list", "file://" + dir}, strings.Fields(test.args)...)...)
		if code != 0 || strings.Count(out, "\n") != 1+test.rows {
			t.Errorf("%s: exit %d, %q, %q", test.args, code, out, errs)
		}
	}
	for _, test := range []struct{ application, out string }{{"other", "0 sessions ended\n"}, {"shop", "1 session ended\n"}} {
		code, out, errs := runIn(t, false, "revoke", "file://"+dir, "--owner", "ada", "--application", test.application)
		if code != 0 || out != test.out {
			t.Errorf("%s: exit %d, %q, %q", test.application, code, out, errs)
		}
	}
	if code, _, errs := runIn(t, false, "list", "file://"+dir, "--application", "\x01"); code != exitUsage || !strings.Contains(errs, "Application") {
		t.Errorf("exit %d, %q", code, errs)
	}
}
