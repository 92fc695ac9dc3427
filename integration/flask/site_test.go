package flask_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

var openers = []storeurl.Opener{
	redisstore.Opener(), memcachedstore.Opener(), cachelibstore.Opener(), mongostore.Opener(), dynamodbstore.Opener(),
	sqlstore.Opener(sqlstore.SQLite, "sqlite"), sqlstore.Opener(sqlstore.Postgres, "pgx"), sqlstore.Opener(sqlstore.MySQL, "mysql"),
}

// goSite serves in Go what testdata/app.py serves, for one set of settings.
type goSite struct {
	m     *cloakroom.Manager
	mu    sync.Mutex
	gates map[string]*gate
}

// gate holds up a request after it has read the session.
type gate struct{ waiting, goOn chan struct{} }

func newSite(t *testing.T, settings map[string]any) http.Handler {
	t.Helper()
	settings = maps.Clone(settings)
	// Routes that only Python has.
	for _, name := range []string{"extensions", "login", "protection", "retry", "serializer"} {
		delete(settings, name)
	}
	settings["SECRET_KEY"] = "not secret"
	c, err := flask.FromMap(settings)
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Options()
	if err != nil {
		t.Fatal(err)
	}
	storeURL, err := c.StoreURL()
	if err != nil {
		t.Fatal(err)
	}
	store, closer, err := storeurl.Open(t.Context(), storeURL, openers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	o.Logger = slog.New(slog.NewTextHandler(logTo{t}, nil))
	o.Timeout = 20 * time.Second // the machine may be busy
	m, err := cloakroom.New(store, o)
	if err != nil {
		t.Fatal(err)
	}
	s := &goSite{m: m, gates: map[string]*gate{}}
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*cloakroom.Session, *http.Request) (string, error){
		"GET /ping":        nil,
		"GET /get":         get,
		"POST /set":        set,
		"POST /count":      count,
		"POST /copy":       copyValue,
		"POST /delete":     func(s *cloakroom.Session, r *http.Request) (string, error) { key(r, "name").Delete(s); return "", nil },
		"POST /clear":      func(s *cloakroom.Session, _ *http.Request) (string, error) { s.Clear(); return "", nil },
		"POST /flash":      addFlash,
		"GET /flashes":     flashes,
		"POST /permanent":  permanent,
		"POST /regenerate": func(s *cloakroom.Session, _ *http.Request) (string, error) { return "", s.Renew() },
		"POST /login":      func(s *cloakroom.Session, r *http.Request) (string, error) { return "", s.Login(r.FormValue("user")) },
		"POST /logout":     func(s *cloakroom.Session, _ *http.Request) (string, error) { return "", s.Logout() },
		"GET /whoami":      func(s *cloakroom.Session, _ *http.Request) (string, error) { return s.Owner(), nil },
		"POST /slow":       s.slow,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if h == nil {
				_, _ = io.WriteString(w, "pong")
				return
			}
			text, err := h(m.Get(r), r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, text)
		})
	}
	mux.HandleFunc("GET /gate", s.gate)
	return m.Handler(mux)
}

// logTo shows the log when a test fails.
type logTo struct{ t *testing.T }

func (l logTo) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSuffix(string(p), "\n"))
	}
	return len(p), nil
}

func key(r *http.Request, name string) cloakroom.Key[any] {
	return cloakroom.Key[any](r.FormValue(name))
}

func get(s *cloakroom.Session, r *http.Request) (string, error) {
	v, _, err := key(r, "name").Lookup(s)
	if err != nil {
		return "", err
	}
	return asJSON(v)
}

// asJSON is Python's json.dumps, but for spaces.
func asJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

func set(s *cloakroom.Session, r *http.Request) (string, error) {
	d := json.NewDecoder(strings.NewReader(r.FormValue("value")))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	v, err := withNumbers(v)
	key(r, "name").Set(s, v)
	return "", err
}

// withNumbers turns numbers that look like ints into ints, as Python does.
func withNumbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = withNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for _, k := range slices.Collect(maps.Keys(v)) {
			if v[k], err = withNumbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func count(s *cloakroom.Session, r *http.Request) (string, error) {
	n, err := cloakroom.Key[int](r.FormValue("name")).UpdateNow(s, func(n int) int { return n + 1 })
	return strconv.Itoa(n), err
}

func copyValue(s *cloakroom.Session, r *http.Request) (string, error) {
	v, ok, err := key(r, "name").Lookup(s)
	if err != nil || !ok {
		return "", fmt.Errorf("there: %v, %w", ok, err)
	}
	key(r, "to").Set(s, v)
	return "", nil
}

func addFlash(s *cloakroom.Session, r *http.Request) (string, error) {
	s.Flash(r.FormValue("category"), r.FormValue("message"))
	return "", nil
}

func flashes(s *cloakroom.Session, _ *http.Request) (string, error) {
	list := [][2]string{}
	for _, f := range s.Flashes() {
		list = append(list, [2]string{f.Category, f.Message})
	}
	return asJSON(list)
}

func permanent(s *cloakroom.Session, r *http.Request) (string, error) {
	s.SetPersistent(r.FormValue("on") == "true")
	return "", nil
}

func (s *goSite) at(name string) *gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.gates[name]
	if g == nil {
		g = &gate{make(chan struct{}), make(chan struct{})}
		s.gates[name] = g
	}
	return g
}

func (s *goSite) slow(x *cloakroom.Session, r *http.Request) (string, error) {
	if err := x.Load(); err != nil {
		return "", err
	}
	g := s.at(r.FormValue("gate"))
	close(g.waiting)
	select {
	case <-g.goOn:
	case <-r.Context().Done():
		return "", errors.New("the gate stayed closed")
	}
	return set(x, r)
}

func (s *goSite) gate(w http.ResponseWriter, r *http.Request) {
	g := s.at(r.FormValue("gate"))
	if r.Form.Has("open") {
		close(g.goOn)
	}
	select {
	case <-g.waiting:
		_, _ = io.WriteString(w, "waiting")
	default:
	}
}
