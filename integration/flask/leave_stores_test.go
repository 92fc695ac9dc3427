package flask_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// leaving says, by type and store, where to copy to. The guide's row of the type shows
// it.
var leaving = map[string]struct {
	setting string // the setting that holds FROM-URL
	shown   string // what the guide shows of TO-URL
	to      func(from string) string
	slow    bool // only with -flask.full
}{
	"redis": {"SESSION_REDIS", "?prefix=shop:", func(from string) string { return from + "?prefix=shop:" }, false},
	"sqlalchemy with SQLite": {
		"SESSION_SQLALCHEMY", "?table=shop",
		func(from string) string { return "sqlite://" + strings.TrimPrefix(from, "sqlite:///") + "?table=shop" }, false,
	},
	"sqlalchemy with PostgreSQL": {"SESSION_SQLALCHEMY", "?table=shop", withTable, true},
	"sqlalchemy with MariaDB":    {"SESSION_SQLALCHEMY", "?table=shop", withTable, true},
	"postgresql":                 {"SESSION_POSTGRESQL", "?table=shop", withTable, true},
	"mongodb": {
		"SESSION_MONGODB", "/shop",
		func(from string) string { return strings.TrimSuffix(from, "/") + "/shop" }, true,
	},
	"dynamodb": {
		"SESSION_DYNAMODB", "dynamodb://Shop?create=true",
		func(from string) string {
			_, query, _ := strings.Cut(from, "?")
			return "dynamodb://Shop?" + query // create=true is in it
		}, true,
	},
}

func withTable(from string) string {
	base, query, has := strings.Cut(from, "?")
	if has {
		query = "&" + query
	}
	return base + "?table=shop" + query
}

// applicationAfterFlask returns the options that the guide shows.
func applicationAfterFlask() cloakroom.Options {
	// guide
	options := cloakroom.Options{
		AnonymousIdle: 31 * 24 * time.Hour, // the default is an hour before a sign-in
		CookieName:    "session",           // SESSION_COOKIE_NAME; also Domain and Path, if set
		Idle:          31 * 24 * time.Hour, // PERMANENT_SESSION_LIFETIME
		Lifetime:      31 * 24 * time.Hour, // as --lifetime
		Persistent:    true,                // SESSION_PERMANENT
	}
	// end
	return options
}

// From every store that can be listed, users who signed in with Flask stay signed in for
// as long as they would, with their values.
func TestLeaveStores(t *testing.T) {
	servers.Long(t)
	t.Parallel()
	guide, err := os.ReadFile(guideFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range leaving {
		kind, _, _ := strings.Cut(name, " ")
		if !showsIn(string(guide), "`"+kind+"`", tt.shown) {
			t.Errorf("the guide's row of %s does not show %s", kind, tt.shown)
		}
		if tt.slow && !*fullFlag {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := stores[name](t)
			leave(t, settings, settings[tt.setting].(string), tt.to(settings[tt.setting].(string)))
		})
	}
}

// showsIn reports whether the row of a table that begins with kind contains a text.
func showsIn(guide, kind, text string) bool {
	for line := range strings.Lines(guide) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		if strings.HasPrefix(line, "| ") && strings.Contains(first, kind) && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

func leave(t *testing.T, settings map[string]any, from, to string) {
	p := start(t, settings)[0]
	b := &browser{t: t}
	b.do(p.python, "POST /login user=ada")
	b.set(p.python, "a", `{"b": [1]}`)
	b.do(p.python, "POST /flash category=info&message=hello")
	copyFromFlask(t, settings, from, to, "1 session copied, 0 skipped, 0 failed\n")

	store, closer, err := storeurl.Open(t.Context(), to, openers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	options := applicationAfterFlask()
	options.Timeout = 20 * time.Second
	m, err := cloakroom.New(store, options)
	if err != nil {
		t.Fatal(err)
	}
	s := typed{t, m.Open(t.Context(), b.cookie)}
	if s.Owner() != "ada" {
		t.Errorf("the owner is %q", s.Owner())
	}
	holds(s, "a", map[string][]int{"b": {1}})
	if f := s.Flashes(); len(f) != 1 || f[0].Message != "hello" {
		t.Errorf("flashes: %v", f)
	}
	put(s, "a", 2)
	s.saved(b)
	for e, err := range m.Owned(t.Context(), "ada") {
		if left := time.Until(e.ExpiresAt); err != nil || left < 30*24*time.Hour {
			t.Errorf("it ends in %v, %v", left, err)
		}
	}
}

func copyFromFlask(t *testing.T, settings map[string]any, from, to, want string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), demotest.Command(t), "copy", "--from-flask", from, to)
	if settings["SESSION_TYPE"] == "postgresql" { // its URL alone is one of sqlalchemy
		cmd.Env = append(os.Environ(), "FLASK_SESSION_TYPE=postgresql")
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	failed, said := err != nil, strings.Contains(out.String()+errs.String(), want)
	if failed != strings.Contains(want, "cannot") || !said {
		t.Fatalf("%s%s, %v", out.String(), errs.String(), err)
	}
}

// Copying reports that the sessions in files and in memcached cannot be listed.
func TestLeaveUnlisted(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"memcached": "SESSION_MEMCACHED", "cachelib": "SESSION_CACHELIB", "filesystem": "SESSION_FILE_DIR",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := stores[name](t)
			p := start(t, settings)[0]
			b := &browser{t: t}
			b.set(p.python, "a", "1")
			from := settings[setting].(string)
			if name == "filesystem" {
				from = "cachelib://" + strings.ReplaceAll(from, " ", "%20")
			}
			copyFromFlask(t, settings, from, "file://"+t.TempDir(), "this store cannot list its sessions")
			b.holds(p.golang, "a", "1")
		})
	}
}

// Pickles are copied too. A value that only Python can read stays unreadable; the others
// can be read.
func TestLeavePickles(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, with(settings, with(plainTypes, map[string]any{"serializer": "pickle"})))[0]
	b := fill(t, p, "Fraction", "OrderedDict", "text long")
	odd := &browser{t: t}
	odd.do(p.python, "POST /fill session=key int")
	from := settings["SESSION_REDIS"].(string)
	to := from + "?prefix=shop:"
	cmd := exec.CommandContext(t.Context(), demotest.Command(t), "copy", "--from-flask", from, to)
	out, err := cmd.CombinedOutput()
	for _, says := range []string{"1 session copied, 0 skipped, 1 failed", "a key that is no string"} {
		if err == nil || !strings.Contains(string(out), says) {
			t.Fatalf("%s, %v", out, err)
		}
	}
	store, closer, err := storeurl.Open(t.Context(), to, openers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	m, err := cloakroom.New(store, applicationAfterFlask())
	if err != nil {
		t.Fatal(err)
	}
	s := typed{t, m.Open(t.Context(), b.cookie)}
	defer s.Close()
	holds(s, "OrderedDict", map[string]int{"b": 1, "a": 2})
	isUnreadable(s, "Fraction")
	put(s, "a", 1)
	cloakroom.Key[any]("Fraction").Delete(s.Session)
	s.saved(b)
}

// With the cookie's default attributes, and those of the guide, a browser keeps the
// cookie for the rest of its time.
func TestCookieAfterFlask(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	p := start(t, settings)[0]
	b := &browser{t: t}
	b.set(p.python, "a", "1")
	from := settings["SESSION_REDIS"].(string)
	copyFromFlask(t, settings, from, from+"?prefix=shop:", "1 session copied")
	store, closer, err := storeurl.Open(t.Context(), from+"?prefix=shop:", openers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	m, err := cloakroom.New(store, applicationAfterFlask())
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "https://shop.example/", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: b.cookie})
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Get(r).Login("ada"); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || time.Until(cookies[0].Expires) < 30*24*time.Hour || !cookies[0].Secure {
		t.Errorf("%v", cookies)
	}
}
