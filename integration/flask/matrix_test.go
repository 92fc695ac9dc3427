package flask_test

import (
	"encoding/json"
	"flag"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

var fullFlag = flag.Bool("flask.full", false,
	"the long mode: values, extensions and former releases on every store")

// setUp is a store with more settings.
type setUp struct {
	name  string
	store string // see stores
	more  map[string]any
	slow  bool // only with -flask.full
}

var inJSON = map[string]any{"SESSION_SERIALIZATION_FORMAT": "json"}

// setUps are every layout of a record that Flask-Session has.
var setUps = []setUp{
	{name: "redis", store: "redis"},
	{name: "redis in JSON", store: "redis", more: inJSON},
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

// onSetUps runs a test on the set-ups, each with a store of its own: on all, on the
// quick ones and those named, or in short mode on Redis alone.
func onSetUps(t *testing.T, settings map[string]any, test func(*testing.T, pair), more ...string) {
	t.Parallel()
	for _, s := range setUps {
		if s.slow && !*fullFlag && !slices.Contains(more, s.name) || testing.Short() && s.name != "redis" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, with(with(stores[s.store](t), s.more), settings))[0])
		})
	}
}

// A value that Go does not touch is for Python what it would be without Go. Values are
// those that Python alone keeps.
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

// The same for hard sessions: with keys that are no strings, many values, large ones,
// deep ones. Go can also make them smaller, move them to another ticket and end them.
func TestHardSessions(t *testing.T) {
	servers.Long(t)
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

// handle changes a session without making it larger.
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

// list asks for a list of names.
func list(t *testing.T, s side, path string) []string {
	t.Helper()
	var names []string
	if err := json.Unmarshal([]byte((&browser{t: t}).do(s, "GET "+path).body), &names); err != nil {
		t.Fatal(err)
	}
	return names
}

// matrix counts the results of many sessions.
type matrix struct {
	t             *testing.T
	read          string // the request that describes the session
	kept, notKept int    // by Python alone
	lost          map[string]bool
}

// try lets Python make a session and Go change another value in it, and checks that
// reader finds what it would have found without Go. It reports whether Python alone keeps
// the session.
func (m *matrix) try(p pair, reader side, name, write string) bool {
	m.t.Helper()
	alone := &browser{t: m.t}
	if a := alone.try(p.python, write); a.status != http.StatusOK {
		m.notKept++
		return false
	}
	want := alone.try(reader, m.read)
	again := alone.try(reader, m.read)
	if want.status != http.StatusOK || want.body == "absent" || again.body != want.body {
		m.notKept++
		return false
	}
	alone.try(p.python, "POST /clear") // to bound the number of files
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

// beside lets Go change a session twice, and returns what is then wrong with it for a
// reader.
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
	m.t.Logf("%d are kept by Python alone, %d are not; lost beside Go: %q",
		m.kept, m.notKept, slices.Sorted(maps.Keys(m.lost)))
}
