package sql

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// flask is a Flask application of its own process.
type flask struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// startFlask starts one on a database. It makes the table where there is none.
func startFlask(t *testing.T, place string) *flask {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "install-flask-session")).CombinedOutput(); err != nil {
		t.Logf("%v: %s", err, out)
	}
	python := filepath.Join(root, ".venv", "flask", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Flask-Session is not installed: scripts/install-flask-session installs it")
		}
		t.Skip("Flask-Session is not installed: scripts/install-flask-session installs it")
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/flask_app.py", place)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := &flask{t, in, bufio.NewScanner(out)}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(complaints.String())
		}
	})
	if !f.out.Scan() || f.out.Text() != "ready" {
		t.Fatalf("Flask did not begin: %q", f.out.Text())
	}
	return f
}

type flaskAnswer struct {
	Status int
	Cookie string
	Holds  map[string]any
}

func (f *flask) ask(line ...string) flaskAnswer {
	f.t.Helper()
	if _, err := fmt.Fprintln(f.in, strings.Join(line, " ")); err != nil {
		f.t.Fatal(err)
	}
	if !f.out.Scan() {
		f.t.Fatalf("Flask ended at %q", line)
	}
	var a flaskAnswer
	if err := json.Unmarshal(f.out.Bytes(), &a); err != nil || a.Status != 200 {
		f.t.Fatalf("%q: %s, %v", line, f.out.Text(), err)
	}
	return a
}

// holds fails unless Flask finds that value in the session.
func (f *flask) holds(cookie, color string) {
	f.t.Helper()
	if got := f.ask("get", cookie).Holds["color"]; got != color && (got != nil || color != "") {
		f.t.Errorf("Flask finds %v, want %q", got, color)
	}
}

// document is a session as Flask stores it: {"_permanent": true, "color": color} in
// MessagePack.
func document(color string) []byte {
	d := append([]byte("\x82\xaa_permanent\xc3\xa5color"), byte(0xa0+len(color)))
	return append(d, color...)
}

// TestFlask shares sessions with the real Flask-Session, on the table that it makes and
// on ours.
func TestFlask(t *testing.T) {
	test := func(t *testing.T, place func(testing.TB) string) {
		t.Run("the table of Flask", func(t *testing.T) {
			rawURL := place(t)
			f := startFlask(t, forSQLAlchemy(rawURL))
			share(t, f, open(t, rawURL, "create=never"))
		})
		t.Run("the table of Cloakroom", func(t *testing.T) {
			rawURL := place(t)
			s := open(t, rawURL)
			share(t, startFlask(t, forSQLAlchemy(rawURL)), s)
		})
	}
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteFile) })
	for name, server := range common {
		t.Run(name, func(t *testing.T) { test(t, server(t).URL) })
	}
}

// share reads and writes sessions that Flask and the store began.
func share(t *testing.T, f *flask, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	cookie := f.ask("set", "-", "color", "red").Cookie
	red, err := s.Load(ctx, cookie)
	if err != nil {
		t.Fatal(err)
	}
	if string(red.Data) != string(document("red")) {
		t.Errorf("Flask stored %q", red.Data)
	}
	if d := time.Until(red.Expires); d < 30*24*time.Hour || d > 31*24*time.Hour+time.Minute {
		t.Errorf("it lives for %v, want 31 days", d)
	}
	// What we write Flask reads, and the other way round; a write by Flask is noticed.
	green := store.Record{Data: document("green"), Expires: time.Now().Add(time.Hour)}
	if green.Version, err = s.Replace(ctx, cookie, red, green); err != nil {
		t.Fatal(err)
	}
	f.holds(cookie, "green")
	f.ask("set", cookie, "color", "blue")
	_, err = s.Replace(ctx, cookie, green, red)
	wants(t, "replace after Flask wrote", err, cloakroom.ErrConflict)
	wants(t, "delete after Flask wrote", s.Delete(ctx, cookie, green), cloakroom.ErrConflict)
	blue, err := s.Load(ctx, cookie)
	if err != nil || string(blue.Data) != string(document("blue")) {
		t.Errorf("Flask stored %q, %v", blue.Data, err)
	}
	// One that we created.
	id := "AbC-_" + strings.Repeat("x", 38)
	create(t, s, id, string(document("white")), time.Now().Add(time.Hour))
	f.holds(id, "white")
	f.ask("set", id, "color", "black")
	if r, err := s.Load(ctx, id); err != nil || string(r.Data) != string(document("black")) {
		t.Errorf("Flask stored %q, %v", r.Data, err)
	}
	// What ended for one has ended for the other.
	wants(t, "touch to the past", s.Touch(ctx, id, store.Record{}, time.Now().Add(-time.Hour)), nil)
	f.holds(id, "")
	wants(t, "delete", s.Delete(ctx, cookie, blue), nil)
	f.holds(cookie, "")
	_, err = s.Load(ctx, cookie)
	wants(t, "load", err, cloakroom.ErrNotFound)

	// Then owners are added, and Flask goes on.
	owner := strings.Repeat("ab", 32)
	page, _, err := s.Owned(ctx, owner, "", 10)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) || len(page) > 0 {
		t.Errorf("owned: %v, %v", page, err)
	}
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: document("gold"), Expires: time.Now().Add(time.Hour), Owner: owner}
	if _, err := s.Create(ctx, "of-an-owner", r); err != nil {
		t.Fatal(err)
	}
	f.ask("set", "of-an-owner", "color", "tin")
	page, next, err := s.Owned(ctx, owner, "", 10)
	if err != nil || len(page) != 1 || next != "" || page[0].ID != "of-an-owner" || string(page[0].Record.Data) != string(document("tin")) {
		t.Errorf("owned: %v, %q, %v", page, next, err)
	}
	anew := f.ask("set", "-", "color", "pink").Cookie
	f.holds(anew, "pink")
}

// forSQLAlchemy makes a URL for it of one of ours.
func forSQLAlchemy(rawURL string) string {
	rawURL, _, _ = strings.Cut(rawURL, "?")
	if path, ok := strings.CutPrefix(rawURL, "sqlite://"); ok {
		return "sqlite:///" + path
	}
	rawURL = strings.Replace(rawURL, "postgres:", "postgresql+psycopg:", 1)
	return strings.Replace(rawURL, "mysql:", "mysql+pymysql:", 1)
}
