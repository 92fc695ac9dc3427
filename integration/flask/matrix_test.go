package flask_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

var fullFlag = flag.Bool("flask.full", false, "also with the stores whose servers are slow")

// setUp is a store and the settings beside it.
type setUp struct {
	name  string
	store string // see stores
	more  map[string]any
	slow  bool // runs with -flask.full alone
}

// setUps are those that values are tried on: every layout of a record that Flask-Session has.
var setUps = []setUp{
	{name: "redis", store: "redis"},
	{name: "redis in JSON", store: "redis", more: map[string]any{"SESSION_SERIALIZATION_FORMAT": "json"}},
	{name: "filesystem", store: "filesystem"},
	{name: "cachelib", store: "cachelib"},
	{name: "sqlalchemy with SQLite", store: "sqlalchemy with SQLite"},
	{name: "sqlalchemy with PostgreSQL", store: "sqlalchemy with PostgreSQL", slow: true},
	{name: "sqlalchemy with MariaDB", store: "sqlalchemy with MariaDB", slow: true},
	{name: "memcached", store: "memcached", slow: true},
	{name: "mongodb", store: "mongodb", slow: true},
	{name: "dynamodb", store: "dynamodb", slow: true},
	{name: "postgresql", store: "postgresql", slow: true},
}

// onSetUps runs a test on each of the set-ups, with a store of its own.
func onSetUps(t *testing.T, more map[string]any, test func(t *testing.T, p pair)) {
	t.Parallel()
	for _, s := range setUps {
		t.Run(s.name, func(t *testing.T) {
			if s.slow && !*fullFlag {
				t.Skip("runs with -flask.full")
			}
			t.Parallel()
			test(t, start(t, with(with(stores[s.store](t), s.more), more))[0])
		})
	}
}

// What Go does not touch in a session is for Python what it would be without Go: every value that Python alone keeps.
func TestValues(t *testing.T) {
	onSetUps(t, map[string]any{"login": false, "retry": false}, func(t *testing.T, p pair) {
		names := list(t, p.python, "/values")
		if len(names) < 150 {
			t.Fatalf("%d values", len(names))
		}
		m := matrix{t: t, read: "GET /described?name=v"}
		for _, name := range names {
			m.try(p, p.python, name, "POST /put "+url.Values{"name": {"v"}, "value": {name}}.Encode())
		}
		m.report()
	})
}

// So are sessions that are hard: with keys that are no strings, with many values, with large ones, with deep ones. Go can
// also make them smaller, move them to another ticket and end them.
func TestHardSessions(t *testing.T) {
	onSetUps(t, map[string]any{"login": false, "retry": false}, func(t *testing.T, p pair) {
		m := matrix{t: t, read: "GET /described"}
		for _, name := range list(t, p.python, "/sessions") {
			fill := "POST /fill " + url.Values{"session": {name}}.Encode()
			if m.try(p, p.python, name, fill) {
				handle(t, p, name, fill)
			}
		}
		m.report()
	})
}

// handle does with a session what makes it smaller, or keeps its size.
func handle(t *testing.T, p pair, name, fill string) {
	b := &browser{t: t}
	b.do(p.python, fill)
	b.set(p.python, "more", `"a value to remove"`)
	for _, request := range []string{"POST /delete name=more", "POST /regenerate", "POST /logout"} {
		cookie := b.cookie
		a := b.try(p.golang, request)
		if a.status != http.StatusOK {
			t.Errorf("%s: Go answers %s with %d %s", name, request, a.status, a.body)
			return
		}
		if moved := b.cookie != cookie; moved == (request == "POST /delete name=more") {
			t.Errorf("%s: %s: the cookie is another: %v", name, request, moved)
			return
		}
		if request != "POST /logout" {
			b.holds(p.python, "more", "null")
		}
		if request != "POST /delete name=more" {
			(&browser{t: t, cookie: cookie}).answers(p.python, "GET /described", "dict 0 ''")
		}
	}
}

// Sessions that a former release of Flask-Session stored, as pickles, are for that release and for 0.8 after Go changed
// another value what they were.
func TestFormerReleases(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"0.5", "0.6", "0.7"} {
		for _, store := range []string{"redis", "filesystem", "sqlalchemy with SQLite"} {
			t.Run(release+" "+store, func(t *testing.T) {
				t.Parallel()
				if store == "sqlalchemy with SQLite" && release != "0.6" && !*fullFlag {
					t.Skip("runs with -flask.full")
				}
				settings := with(stores[store](t), map[string]any{
					// 0.8 may be unable to store what it read.
					"login": false, "retry": false, "SESSION_REFRESH_EACH_REQUEST": false,
				})
				former := startWith(t, servers.FormerFlask(t, release), settings)[0]
				if store == "filesystem" { // 0.8 with the hash of another release of cachelib looks elsewhere
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

// list asks for a list of names.
func list(t *testing.T, s side, path string) []string {
	t.Helper()
	var names []string
	if err := json.Unmarshal([]byte((&browser{t: t}).do(s, "GET "+path).body), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// matrix counts what became of many sessions.
type matrix struct {
	t             *testing.T
	read          string // the request that describes what is to stay
	kept, notKept int    // by Python alone
	lost          map[string]bool
}

// try lets Python make a session, Go change another value in it, and a reader find what it would have found without.
// It reports whether Python alone keeps it.
func (m *matrix) try(p pair, reader side, name, write string) bool {
	m.t.Helper()
	alone := &browser{t: m.t}
	if a := alone.try(p.python, write); a.status != http.StatusOK {
		m.notKept++
		return false
	}
	want := alone.try(reader, m.read)
	if again := alone.try(reader, m.read); want.status != http.StatusOK || want.body == "absent" || again.body != want.body {
		m.notKept++
		return false
	}
	alone.try(p.python, "POST /clear") // the files' number is bounded
	m.kept++
	b := &browser{t: m.t}
	b.do(p.python, write)
	if problem := beside(b, p.golang, reader, m.read, want.body); problem != "" {
		if m.lost == nil {
			m.lost = map[string]bool{}
		}
		m.lost[name] = true
		m.t.Errorf("%s: %s", name, problem)
	}
	b.try(p.python, "POST /clear")
	return true
}

// beside lets Go change a session twice, and returns what is then wrong with it for a reader.
func beside(b *browser, golang, reader side, read, want string) string {
	cookie := b.cookie
	for _, n := range []string{"1", "2"} {
		a := b.try(golang, "POST /count name=go")
		if a.status != http.StatusOK || a.body != n {
			return "Go counts " + a.body + ", " + http.StatusText(a.status)
		}
		if b.cookie != cookie {
			return "Go sets another cookie"
		}
	}
	a := b.try(reader, read)
	if a.status != http.StatusOK {
		return reader.name + " answers " + http.StatusText(a.status)
	}
	if a.body != want {
		return reader.name + " finds " + a.body + ", wants " + want
	}
	if a := b.try(reader, "GET /get?name=go"); a.body != "2" {
		return reader.name + " finds another count: " + a.body
	}
	return ""
}

func (m *matrix) report() {
	m.t.Helper()
	m.t.Logf("%d are kept by Python alone, %d are not; lost beside Go: %q", m.kept, m.notKept, slices.Sorted(maps.Keys(m.lost)))
}

// A folder's files go on being shared when Python's cachelib begins to hash their names in another way, whichever side
// stores the first session.
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
					"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": filepath.Join(t.TempDir(), "sessions"), "SESSION_FILE_THRESHOLD": threshold,
				}
				old := startWith(t, servers.FormerFlask(t, "0.7"), settings)[0]
				upgradeHash(t, old, settings, first)
			})
		}
	}
}

// upgradeHash has cachelib 0.13 beside Go, then 0.17 beside the same Go, and then beside one that begins only then.
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
