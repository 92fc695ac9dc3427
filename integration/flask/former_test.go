package flask_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// Pickles of a former release of Flask-Session are the same for that release and for 0.8
// after Go changed another value.
func TestFormerReleases(t *testing.T) {
	servers.Long(t)
	t.Parallel()
	quick := map[string]string{"0.5": "redis", "0.6": "sqlalchemy with SQLite", "0.7": "filesystem"}
	for _, release := range []string{"0.5", "0.6", "0.7"} {
		for _, store := range []string{"redis", "filesystem", "sqlalchemy with SQLite"} {
			if store != quick[release] && !*fullFlag {
				continue
			}
			t.Run(release+" "+store, func(t *testing.T) {
				t.Parallel()
				settings := with(stores[store](t), map[string]any{
					// 0.8 may be unable to store what it read.
					"login": false, "retry": false, "SESSION_REFRESH_EACH_REQUEST": false,
				})
				former := startWith(t, servers.FormerFlask(t, release), settings)[0]
				// 0.8 with the hash of another release of cachelib looks elsewhere
				if store == "filesystem" {
					formerValues(t, former, former.python)
					return
				}
				formerValues(t, former, start(t, settings)[0].python)
			})
		}
	}
}

func formerValues(t *testing.T, former pair, reader side) {
	m := matrix{t: t, read: "GET /described?name=v"}
	for _, name := range list(t, former.python, "/values") {
		put := "POST /put " + url.Values{"name": {"v"}, "value": {name}}.Encode()
		m.try(former, former.python, name, put)
		if reader != former.python {
			m.try(former, reader, name, put)
		}
	}
	m.report()
}

// Both sides go on sharing a folder when Python's cachelib begins to hash file names in
// another way, whichever side stores the first session.
func TestHashUpgrade(t *testing.T) {
	t.Parallel()
	for _, threshold := range []int{0, 500} { // without one there is no file that counts them
		for _, first := range []string{"0.13", "Go", "0.17"} {
			if first == "Go" && threshold == 0 {
				continue // nothing in the folder says then which cachelib is beside it
			}
			t.Run(fmt.Sprintf("%s first, threshold %d", first, threshold), func(t *testing.T) {
				t.Parallel()
				settings := map[string]any{
					"SESSION_TYPE":           "filesystem",
					"SESSION_FILE_DIR":       filepath.Join(t.TempDir(), "sessions"),
					"SESSION_FILE_THRESHOLD": threshold,
				}
				old := startWith(t, servers.FormerFlask(t, "0.7"), settings)[0]
				upgradeHash(t, old, settings, first)
			})
		}
	}
}

// upgradeHash runs cachelib 0.13 beside Go, then 0.17 beside the same Go, and then beside
// a new one.
func upgradeHash(t *testing.T, old pair, settings map[string]any, first string) {
	var sessions []*browser
	shared := func(writer side, readers ...side) {
		t.Helper()
		b := &browser{t: t}
		b.set(writer, "a", "1")
		for _, s := range readers {
			b.holds(s, "a", "1")
			b.do(s, "POST /count name=n")
		}
		sessions = append(sessions, b)
	}
	switch first {
	case "Go":
		shared(old.golang, old.python)
	case "0.13":
		shared(old.python, old.golang)
	}
	if first != "0.17" {
		shared(old.python, old.golang, old.python)
		shared(old.golang, old.python, old.golang)
	}
	age(t, settings["SESSION_FILE_DIR"].(string))
	upgraded := start(t, settings)[0]
	sessions = nil // Python itself does not find those of the former release
	shared(upgraded.python, old.golang, upgraded.golang, upgraded.python)
	shared(upgraded.golang, upgraded.python, old.golang)
	shared(old.golang, upgraded.python, upgraded.golang)
	for i, b := range sessions {
		for _, s := range []side{upgraded.python, upgraded.golang, old.golang} {
			if got := b.do(s, "GET /get?name=a").body; got != "1" {
				t.Errorf("session %d after the upgrade: %s finds %s", i, s.name, got)
			}
		}
	}
}

// age makes the files of a folder an hour older.
func age(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		at := info.ModTime().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, e.Name()), at, at); err != nil {
			t.Fatal(err)
		}
	}
}
