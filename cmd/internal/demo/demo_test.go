package demo

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// server is a demo with a store in memory.
type server struct {
	*httptest.Server
	counted *countstore.Store
	stop    chan struct{}
}

// serve starts a demo. wrap may put something around its store.
func serve(t *testing.T, wrap func(store.Store) store.Store) *server {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	var store store.Store = memory
	if wrap != nil {
		store = wrap(store)
	}
	counted := countstore.New(store)
	sessions, err := cloakroom.New(counted, cloakroom.Options{
		ErrorHandler: writeError, InsecureCookie: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{counted: counted, stop: make(chan struct{})}
	s.Server = httptest.NewServer(New(Config{Sessions: sessions, Stats: counted.Stats, Stopping: s.stop, Store: "memory"}))
	t.Cleanup(s.Close)
	return s
}

// browser is a client with cookies of its own.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (s *server) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s.URL, &http.Client{Jar: jar}}
}

// do sends a request such as "POST /set" with a form such as "value=V".
func (b *browser) do(request, form string) (int, string, http.Header) {
	b.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

// want sends a request and checks its answer.
func (b *browser) want(status int, text, request, form string) {
	b.t.Helper()
	if got, body, _ := b.do(request, form); got != status || body != text {
		b.t.Errorf("%s %.60s: got %d %q, want %d %q", request, form, got, body, status, text)
	}
}

func (b *browser) ticket() string {
	u, _ := url.Parse(b.base)
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) devices() []device {
	b.t.Helper()
	status, body, header := b.do("GET /sessions", "")
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
		b.t.Fatalf("GET /sessions: %d %s %q", status, header.Get("Content-Type"), body)
	}
	var list []device
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		b.t.Fatal(err)
	}
	return list
}

// TestAnswers goes through the routes in one session, in order: each line builds on
// those before.
func TestAnswers(t *testing.T) {
	const badKey = "key must be 1 to 255 bytes of UTF-8, and not a reserved name"
	b := serve(t, nil).browser(t)
	for _, step := range []struct {
		request, form string
		status        int
		text          string
	}{
		{"GET /ping", "", 200, "pong"},
		{"GET /get", "", 200, "no value set"},
		{"GET /value?key=other", "", 200, ""},
		{"POST /delete", "", 200, "value deleted"},
		{"POST /logout", "", 200, "ok"},
		{"GET /sessions", "", 401, "signed out"},
		{"POST /revoke", "id=x", 401, "signed out"},
		{"POST /revoke", "others=1", 401, "signed out"},
		{"POST /revoke", "all=1", 401, "signed out"},
		{"POST /set", "value=red+umbrella", 200, "value set"},
		{"GET /get", "", 200, "red umbrella"},
		{"POST /modify", "value=blue", 200, "value set"},
		{"GET /value?key=value", "", 200, "blue"},
		{"POST /set", "value=", 200, "value set"},
		{"GET /get", "", 200, ""},
		{"POST /set", "value=%00%ff", 200, "value set"},
		{"GET /get", "", 200, "\x00\xff"},
		{"POST /delete", "", 200, "value deleted"},
		{"GET /get", "", 200, "no value set"},
		{"POST /incr", "key=n", 200, "1"},
		{"POST /incr", "key=n", 200, "2"},
		{"GET /value?key=n", "", 200, "2"},
		{"POST /slow", "ms=0&key=slow&value=done", 200, "ok"},
		{"GET /value?key=slow", "", 200, "done"},
		{"POST /incr", "key=slow", 409, "the value is not a number"},
		{"POST /slow", "ms=0&key=n&value=text", 200, "ok"},
		{"GET /value?key=n", "", 200, "text"},
		{"POST /incr", "key=value", 200, "1"},
		{"GET /get", "", 200, "1"},
		{"POST /login", "user=ada", 200, "ok"},
		{"GET /value?key=slow", "", 200, "done"},
		{"POST /revoke", "id=unknown", 404, "there is no such session of yours"},
		{"POST /revoke", "others=1", 200, "ok"},
		{"POST /login", "user=bob", 200, "ok"},
		{"GET /value?key=slow", "", 200, ""},
		{"POST /logout", "", 200, "ok"},
		{"GET /sessions", "", 401, "signed out"},

		// What is wrong with the request.
		{"POST /set", "", 400, "the form must have the field value"},
		{"POST /set?value=x", "", 400, "the form must have the field value"},
		{"POST /set", "value=%zz", 400, "the body must be a form (application/x-www-form-urlencoded)"},
		{"POST /incr", "", 400, badKey},
		{"POST /incr", "key=_flashes", 400, badKey},
		{"POST /incr", "key=" + strings.Repeat("k", 256), 400, badKey},
		{"POST /incr", "key=%ff", 400, badKey},
		{"GET /value", "", 400, badKey},
		{"GET /value?key=_cloakroom", "", 400, badKey},
		{"GET /value?key=_permanent", "", 400, badKey},
		{"POST /slow", "ms=0&key=_cloakroom.x&value=v", 400, badKey},
		{"POST /slow", "ms=0&key=k", 400, "the form must have the field value"},
		{"POST /slow", "key=k&value=v", 400, "ms must be a number from 0 to 60000"},
		{"POST /slow", "ms=-1&key=k&value=v", 400, "ms must be a number from 0 to 60000"},
		{"POST /slow", "ms=60001&key=k&value=v", 400, "ms must be a number from 0 to 60000"},
		{"POST /slow", "ms=18446744073710&key=k&value=v", 400, "ms must be a number from 0 to 60000"},
		{"POST /login", "", 400, "user must be 1 to 10240 bytes long"},
		{"POST /login", "user=" + strings.Repeat("u", 10241), 400, "user must be 1 to 10240 bytes long"},
		{"POST /revoke", "", 400, "the form must have one field: id=ID, others=1 or all=1"},
		{"POST /revoke", "id=x&all=1", 400, "the form must have one field: id=ID, others=1 or all=1"},
		{"POST /revoke", "id=x&others=1&all=1", 400, "the form must have one field: id=ID, others=1 or all=1"},
		{"POST /revoke", "all=yes", 400, "the form must have one field: id=ID, others=1 or all=1"},
		{"POST /set", "value=" + strings.Repeat("v", 1<<20), 413, "too large to store"},
		{"POST /set", "value=" + strings.Repeat("v", maxBody), 413, "the form is too long"},
		{"GET /get", "", 200, "no value set"},
	} {
		b.want(step.status, step.text, step.request, step.form)
	}
	for _, request := range []string{"GET /set", "GET /incr", "GET /login", "GET /logout", "POST /ping", "POST /get", "POST /stats", "DELETE /sessions", "POST /"} {
		if status, _, header := b.do(request, ""); status != http.StatusMethodNotAllowed || header.Get("Allow") == "" {
			t.Errorf("%s: got %d, Allow %q", request, status, header.Get("Allow"))
		}
	}
	if status, _, _ := b.do("GET /nowhere", ""); status != http.StatusNotFound {
		t.Errorf("GET /nowhere: got %d", status)
	}
}

func TestStoreFails(t *testing.T) {
	s := serve(t, func(s store.Store) store.Store {
		_ = s.(*memstore.Store).Close()
		return s
	})
	b := s.browser(t)
	u, _ := url.Parse(s.URL)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: strings.Repeat("A", 43)}})
	b.want(200, "pong", "GET /ping", "")
	for _, request := range []string{"GET /get", "GET /value?key=k", "GET /sessions", "GET /page.json", "POST /delete", "POST /logout"} {
		b.want(503, "the session could not be loaded or stored; try again", request, "")
	}
	for request, form := range map[string]string{
		"POST /set": "value=v", "POST /incr": "key=k", "POST /slow": "ms=60000&key=k&value=v", "POST /login": "user=u", "POST /revoke": "all=1",
	} {
		b.want(503, "the session could not be loaded or stored; try again", request, form)
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	s := serve(t, nil)
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/set", strings.NewReader("value=v"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) != 0 {
			t.Errorf("%s: %s: got %d", header[0], header[1], resp.StatusCode)
		}
	}
	if n := s.counted.Stats(); n != (countstore.Stats{}) {
		t.Errorf("refused requests cost store calls: %+v", n)
	}
}

func TestWriteErrorSaysNothingSecret(t *testing.T) {
	w := httptest.NewRecorder()
	writeError(w, nil, errors.New("password at /var/lib"))
	if w.Code != 503 || strings.Contains(w.Body.String(), "password") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
