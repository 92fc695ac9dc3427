package flask_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// How each side answers to a record that it cannot read: Flask fails as long as it exists
// or, where cachelib ignores it, begins another session.
func TestUnreadableInFlask(t *testing.T) {
	t.Parallel()
	redis := stores["redis"](t)
	// no counter
	files := with(stores["filesystem"](t), map[string]any{"SESSION_FILE_THRESHOLD": 0})
	pairs := start(t, with(redis, plainTypes), with(files, plainTypes))
	store := openStore(t, redis)
	const missing = "\x80\x04\x8c\x07no.such\x8c\x01x\x93."
	for i, data := range []string{"garbage", "{", "\x81\xa1a", "[1]", missing} {
		b := plant(t, store, fmt.Sprintf("unreadable%033d", i), data)
		cookie := b.cookie
		for range 2 {
			if a := b.try(pairs[0].python, "GET /get?name=a"); a.status != http.StatusInternalServerError {
				t.Errorf("Flask answers %q with %d", data, a.status)
			}
			b.holds(pairs[0].golang, "a", "null")
			b.set(pairs[0].golang, "a", "1")
		}
		a := b.try(pairs[0].golang, "POST /regenerate")
		if a.status != http.StatusServiceUnavailable || b.cookie != cookie {
			t.Errorf("%q: Go renews it, or answers %d", data, a.status)
		}
		b.do(pairs[0].golang, "POST /clear")
		b.set(pairs[0].python, "a", "1")
	}
	for what, tt := range map[string]struct {
		data   string
		status int
	}{
		"MessagePack":       {"\x81\xa1a\x01", http.StatusOK},
		"cut off":           {"\x80\x04}\x8c\x01a", http.StatusOK},
		"another text":      {"}}", http.StatusOK},
		"a missing module":  {missing, http.StatusInternalServerError},
		"something else":    {"\x80\x04K\x01.", http.StatusInternalServerError},
		"an unknown opcode": {"\xff\xff", http.StatusOK},
	} {
		t.Run(what, func(t *testing.T) {
			b := &browser{t: t}
			b.set(pairs[1].python, "a", "1")
			spoil(t, files["SESSION_FILE_DIR"].(string), tt.data)
			cookie := b.cookie
			b.set(pairs[1].golang, "a", "1")
			if b.holds(pairs[1].golang, "a", "null"); b.cookie != cookie {
				t.Error("Go sets another cookie")
			}
			if a := b.try(pairs[1].python, "POST /set name=a&value=2"); a.status != tt.status {
				t.Errorf("Flask answers %d, want %d", a.status, tt.status)
			}
			if other := b.cookie != cookie; other != (tt.status == http.StatusOK) {
				t.Errorf("Flask begins another session: %v", other)
			}
			(&browser{t: t, cookie: cookie}).do(pairs[1].golang, "POST /logout")
			b.do(pairs[1].golang, "POST /logout")
		})
	}
}

// spoil writes data into all sessions of a folder.
func spoil(t *testing.T, folder, data string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if len(e.Name()) == 64 && e.Type().IsRegular() {
			spoilt := []byte("\xff\xff\xff\x7f" + data)
			if err := os.WriteFile(filepath.Join(folder, e.Name()), spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// New sessions of Go have a form that Flask reads, even where it is not Flask's own
// today.
func TestNewForms(t *testing.T) {
	t.Parallel()
	redis := stores["redis"](t)
	settings := with(redis, plainTypes)
	pairs := start(t, with(settings, map[string]any{"serializer": "pickle"}),
		with(settings, map[string]any{"serializer": "orjson"}))
	flask05 := startWith(t, servers.FormerFlask(t, "0.5"), settings)[0].python
	flask06 := startWith(t, servers.FormerFlask(t, "0.6"), settings)[0].python
	for _, tt := range []struct {
		name   string
		python side
		format string
		reads  bool
	}{
		{"pickle instead of msgspec", pairs[0].python, "pickle", true},
		{"pickle instead of msgspec", pairs[0].python, "msgpack", false},
		{"orjson instead of msgspec", pairs[1].python, "json", true},
		{"orjson instead of msgspec", pairs[1].python, "msgpack", false},
		{"Flask-Session 0.5", flask05, "pickle", true},
		{"Flask-Session 0.5", flask05, "msgpack", false},
		{"Flask-Session 0.6", flask06, "pickle", true},
		{"Flask-Session 0.6", flask06, "msgpack", false},
	} {
		b := &browser{t: t}
		s := opened(t, with(redis, map[string]any{"SESSION_SERIALIZATION_FORMAT": tt.format}), b)
		put(s, "a", 1)
		s.saved(b)
		a := b.try(tt.python, "GET /get?name=a")
		if reads := a.status == http.StatusOK && a.body == "1"; reads != tt.reads {
			t.Errorf("%s, %s: Flask answers %d %.100s", tt.name, tt.format, a.status, a.body)
		}
	}
}

// Flask writes a session in its own form, whatever form it read.
func TestFlaskWritesItsForm(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, with(settings, plainTypes))[0]
	store := openStore(t, settings)
	for i, data := range []string{`{"a":1}`, "\x80\x04}\x8c\x01aK\x01s."} {
		b := plant(t, store, fmt.Sprintf("form%039d", i), data)
		b.set(p.python, "b", "2")
		r, err := store.Load(t.Context(), b.cookie)
		if err != nil || !strings.HasPrefix(string(r.Data), "\x82\xa1a\x01\xa1b\x02") {
			t.Errorf("%q becomes %q, %v", data, r.Data, err)
		}
	}
}
