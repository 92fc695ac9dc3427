package mongo

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// flask is an application with Flask-Session, on a collection.
type flask struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

type answer struct {
	Status  int
	Cookie  string // Flask-Session's id, or empty
	Session map[string]any
}

// startFlask starts one. Where Flask-Session is not installed the test is skipped, or
// fails with CI=true.
func startFlask(t *testing.T, rawURL string) *flask {
	t.Helper()
	python, err := filepath.Abs("../../.venv/flask/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Flask-Session is not installed: scripts/install-flask-session installs it")
		}
		t.Skip("Flask-Session is not installed: scripts/install-flask-session installs it")
	}
	server, database, collection := parts(t, rawURL)
	cmd := exec.CommandContext(t.Context(), python, "testdata/flask_app.py", server, database, collection)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
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
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Flask wrote:\n%s", stderr.String())
		}
	})
	return &flask{t, in, bufio.NewReader(out)}
}

func (f *flask) ask(do, cookie string, values map[string]any) answer {
	f.t.Helper()
	if err := json.NewEncoder(f.in).Encode(map[string]any{"do": do, "cookie": cookie, "values": values}); err != nil {
		f.t.Fatal(err)
	}
	line, err := f.out.ReadBytes('\n')
	if err != nil {
		f.t.Fatal("Flask ended: ", err)
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil || a.Status != 200 {
		f.t.Fatalf("Flask answered %s", line)
	}
	return a
}

// TestFlask: a collection that Flask-Session made is read and written, and
// Flask-Session reads and writes what the store makes.
func TestFlask(t *testing.T) {
	rawURL := place(t, given(t))
	f := startFlask(t, rawURL)
	ctx := t.Context()
	theirs := f.ask("set", "", map[string]any{"name": "flask", "n": 1}).Cookie
	other := f.ask("set", "", map[string]any{"name": "other"}).Cookie
	if len(theirs) != 43 || other == theirs {
		t.Fatalf("Flask-Session handed out %d characters", len(theirs))
	}

	s, c := open(t, rawURL), raw(t, rawURL)
	r, err := s.Load(ctx, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(r.Expires); d < 30*24*time.Hour || d > 31*24*time.Hour {
		t.Errorf("it expires in %v, want 31 days", d)
	}
	var doc struct {
		Val bson.Binary `bson:"val"`
	}
	if err := c.FindOne(ctx, bson.D{{Key: "id", Value: "session:" + theirs}}).Decode(&doc); err != nil || !bytes.Equal(doc.Val.Data, r.Data) {
		t.Errorf("loaded %d bytes of %d, %v", len(r.Data), len(doc.Val.Data), err)
	}
	page, next, err := s.All(ctx, "", 10)
	if err != nil || len(page) != 2 || next != "" {
		t.Errorf("%d sessions are listed, %v, want 2", len(page), err)
	}

	// What the store writes, Flask-Session reads.
	old := r
	r.Data = bytes.Replace(r.Data, []byte("flask"), []byte("cloak"), 1)
	r.Owner = hexID(7)
	if r.Version, err = s.Replace(ctx, theirs, old, r); err != nil {
		t.Fatal(err)
	}
	if a := f.ask("get", theirs, nil); a.Cookie != theirs || a.Session["name"] != "cloak" || a.Session["n"] != 1.0 || a.Session["_permanent"] != true {
		t.Errorf("Flask-Session read %+v", a)
	}

	// What Flask-Session wrote meanwhile, without comparing, is noticed; the owner stays.
	if a := f.ask("set", theirs, map[string]any{"n": 2}); a.Session["name"] != "cloak" || a.Session["n"] != 2.0 {
		t.Errorf("Flask-Session read %+v", a)
	}
	if _, err := s.Replace(ctx, theirs, r, lasting("lost")); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("replace after Flask wrote: %v, want ErrConflict", err)
	}
	if page, _, err := s.Owned(ctx, hexID(7), "", 10); err != nil || len(page) != 1 || page[0].ID != theirs {
		t.Errorf("%d owned records, %v, want Flask's", len(page), err)
	}
	if err := s.Touch(ctx, theirs, r, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if r, err = s.Load(ctx, theirs); err != nil || time.Until(r.Expires) > time.Hour {
		t.Errorf("after a touch: %v, %v", r.Expires, err)
	}

	// What the store creates, beside what Flask-Session made.
	const ours = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	if _, err := s.Create(ctx, ours, lasting("\x82\xaa_permanent\xc3\xa4name\xa4coat")); err != nil {
		t.Fatal(err)
	}
	if a := f.ask("get", ours, nil); a.Cookie != ours || a.Session["name"] != "coat" {
		t.Errorf("Flask-Session read %+v", a)
	}
	if _, err := s.Create(ctx, theirs, lasting("taken")); !errors.Is(err, store.ErrExists) {
		t.Errorf("create: %v, want ErrExists", err)
	}
	if a := f.ask("get", strings.ToUpper(ours), nil); a.Cookie == ours || a.Session["name"] != nil {
		t.Errorf("an id in other case: %+v", a)
	}

	// Sign-outs by either side.
	f.ask("clear", other, nil)
	if _, err := s.Load(ctx, other); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("load after Flask's sign-out: %v, want ErrNotFound", err)
	}
	if err := s.Delete(ctx, theirs, r); err != nil {
		t.Error(err)
	}
	if a := f.ask("get", theirs, nil); a.Session["name"] != nil {
		t.Errorf("after a sign-out Flask-Session read %+v", a)
	}

	// Flask-Session starts on a collection whose indexes the store made.
	if a := startFlask(t, rawURL).ask("get", ours, nil); a.Session["name"] != "coat" {
		t.Errorf("another Flask application read %+v", a)
	}
	if got := indexes(t, c); len(got) != len(wanted) {
		t.Errorf("the indexes are %q, want %q", got, wanted)
	}
}
