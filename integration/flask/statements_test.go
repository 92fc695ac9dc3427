package flask_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Tests of statements in docs/from-flask.md that no other file tests.

// A sign-in of another user drops the former one's values, in Go only. A sign-in of the
// same user, or of the first, does not.
func TestValuesOfAnotherUser(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, settings)[0]
	for _, s := range []side{p.python, p.golang} {
		b := &browser{t: t}
		b.set(p.python, "a", "1")
		for _, user := range []string{"ada", "ada", "bob"} {
			b.do(s, "POST /login user="+user)
			want := "1"
			if user == "bob" && s == p.golang {
				want = "null"
			}
			b.holds(p.golang, "a", want)
			b.holds(p.python, "a", want)
		}
	}
}

// A session of Go whose values Flask removes one by one is empty for Go, and for Flask
// only when it is cleared.
func TestEmptiedByFlask(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, with(settings, plainTypes))[0]
	store := openStore(t, settings)
	for request, want := range map[string]bool{"POST /delete name=a": true, "POST /clear": false} {
		b := &browser{t: t}
		b.set(p.golang, "a", "1")
		cookie := b.cookie
		b.do(p.python, request)
		if _, err := store.Load(t.Context(), cookie); (err == nil) != want || (b.cookie == cookie) != want {
			t.Errorf("%s: %v, the cookie stays: %v", request, err, b.cookie == cookie)
		}
		if !want {
			continue
		}
		b.do(p.golang, "POST /permanent on=false")
		if _, err := store.Load(t.Context(), cookie); err == nil || b.cookie != "" {
			t.Error("Go does not take it for empty")
		}
	}
}

// Go refreshes a session by changing its expiry only.
func TestRefreshIsTouch(t *testing.T) {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	store := countstore.New(memory)
	c := flask.Default()
	c.SessionType = "redis"
	m, err := flask.New(store, c)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	s := typed{t, m.Open(t.Context(), "")}
	put(s, "a", 1)
	s.saved(b)
	s.Close()
	before := store.Stats()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: b.cookie})
	m.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	before.Loads++
	before.Touches++
	if after := store.Stats(); after != before {
		t.Errorf("%+v, want %+v", after, before)
	}
	if _, err := m.RevokeOwned(t.Context(), "ada"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if err := m.Revoke(t.Context(), "ada", "x"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	for _, err := range m.Owned(t.Context(), "ada") {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
}

// Go adds Cache-Control to a response that sets a cookie, and Partitioned to the
// cookie, and takes the former keys of a signer.
func TestBeyondFlask(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	partitioned := map[string]any{"SESSION_COOKIE_PARTITIONED": true, "SESSION_COOKIE_SECURE": true}
	signed := map[string]any{"SESSION_USE_SIGNER": true, "SECRET_KEY_FALLBACKS": []string{"former"}}
	p := start(t, with(settings, with(plainTypes, partitioned)), with(settings, with(plainTypes, signed)))
	for _, s := range []side{p[0].python, p[0].golang} {
		ours := s == p[0].golang
		a := (&browser{t: t}).do(s, "POST /set name=a&value=1")
		private := a.header.Get("Cache-Control") == "private"
		if private != ours || a.cookies[0].Partitioned != ours {
			t.Errorf("%s: %v", s.name, a.header)
		}
	}
	signer, err := flask.NewSigner(flask.Secret("former"))
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	b.set(p[1].python, "a", "1")
	id, _, _ := strings.Cut(b.cookie, ".")
	b.cookie = signer.Sign(id)
	b.holds(p[1].golang, "a", "1")
	b.cookie = signer.Sign(id)
	b.holds(p[1].python, "a", "null")
}

// Flask removes live sessions over its threshold; with 0 it does not.
func TestThreshold(t *testing.T) {
	t.Parallel()
	for threshold, all := range map[int]bool{3: false, 0: true} {
		settings := with(stores["filesystem"](t), map[string]any{"SESSION_FILE_THRESHOLD": threshold})
		p := start(t, with(settings, plainTypes))[0]
		var browsers []*browser
		for range 8 {
			b := &browser{t: t}
			b.set(p.python, "a", "1")
			browsers = append(browsers, b)
		}
		left := 0
		for _, b := range browsers {
			if b.do(p.golang, "GET /get?name=a").body == "1" {
				left++
			}
		}
		if (left == len(browsers)) != all {
			t.Errorf("with a threshold of %d, %d sessions are left", threshold, left)
		}
	}
}

// Flask-Session takes its server's local time for UTC when it stores an expiry in
// DynamoDB.
func TestDynamoDBZone(t *testing.T) {
	t.Parallel()
	settings := with(stores["dynamodb"](t), map[string]any{"PERMANENT_SESSION_LIFETIME": 3600})
	for zone, want := range map[string]string{"UTC": "1", "Asia/Tokyo": "null"} {
		python := filepath.Join(t.TempDir(), "python")
		script := fmt.Sprintf("#!/bin/sh\nTZ=%s exec '%s' \"$@\"\n", zone, servers.Flask(t))
		if err := os.WriteFile(python, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		p := startWith(t, python, with(settings, plainTypes))[0]
		b := &browser{t: t}
		b.set(p.python, "a", "1")
		b.holds(p.golang, "a", want)
	}
}

// facts are other statements of the guide about Python.
const facts = `
import importlib.metadata, inspect, json
from flask_session.base import MsgSpecSerializer
from pymemcache.client.base import PooledClient
print(json.dumps({
    "versions": {name: importlib.metadata.version(name) for name in
        ("Flask", "Flask-Session", "Flask-Login", "Flask-SQLAlchemy", "SQLAlchemy", "cachelib")},
    "noreply": inspect.signature(PooledClient.__init__).parameters["default_noreply"].default,
    "pickles end": "Remove the pickle fallback in 1.0.0" in inspect.getsource(MsgSpecSerializer),
}))`

// The guide names the versions that it was compared with.
func TestVersions(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), servers.Flask(t), "-c", facts).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Versions   map[string]string
		NoReply    bool
		PicklesEnd bool `json:"pickles end"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if !got.NoReply || !got.PicklesEnd {
		t.Errorf("%+v", got)
	}
	text := guideText(t)
	for name, version := range got.Versions {
		if name != "Flask-Session" { // which is pinned
			version = version[:strings.LastIndex(version, ".")+1]
		}
		if !strings.Contains(text, name+" "+version) {
			t.Errorf("docs/from-flask.md does not name %s %s", name, version)
		}
	}
}
