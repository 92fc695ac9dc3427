package flask_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

// Prefixes with spaces and characters beyond ASCII lead to the same keys on both sides.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	for name, store := range stores {
		if name == "memcached" {
			continue // it has no such keys: the configuration refuses them
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := store(t)
			var all []map[string]any
			for _, prefix := range []string{"a b:", " ", "*?[x]%_'", "sesión:", "ключ:", "🧥"} {
				if name == "sqlalchemy with MariaDB" && prefix > "t" {
					continue // its tables are in Latin-1 by default, and Flask itself fails
				}
				all = append(all, with(settings, map[string]any{"SESSION_KEY_PREFIX": prefix}))
			}
			for i, p := range start(t, all...) {
				for _, first := range []side{p.python, p.golang} {
					b := &browser{t: t}
					b.do(first, "POST /login user=ada")
					b.set(first, "a", "1")
					b.set(p.other(first), "b", "2")
					b.holds(first, "b", "2")
					b.holds(p.other(first), "a", "1")
					if settings["SESSION_TYPE"] != "cachelib" && settings["SESSION_TYPE"] != "filesystem" {
						if n := listed(t, all[i]); n == 0 {
							t.Errorf("the prefix %q: no session is listed", all[i]["SESSION_KEY_PREFIX"])
						}
					}
					b.do(p.other(first), "POST /logout")
					b.answers(first, "GET /whoami", "")
				}
			}
		})
	}
}

// listed returns how many sessions the store of these settings lists.
func listed(t *testing.T, settings map[string]any) int {
	t.Helper()
	entries, _, err := store.Complete(openStore(t, settings)).All(t.Context(), "", 100)
	if err != nil {
		t.Error(err)
	}
	return len(entries)
}

// The store gets from a URL what SQLAlchemy would.
func TestSQLAlchemyURLs(t *testing.T) {
	t.Parallel()
	urls := []string{
		"postgresql+psycopg://u:p@h:5432/d", "postgresql://u:a%2Fb%40c@h/d", "postgresql://u:a/b?c#d:e@h/d", "postgresql://u:100%@h/d",
		"postgresql://u@x:p@h/d", "postgresql+psycopg://[::1]:5432/d", "postgresql://h", "postgresql://u@h/d?sslmode=require",
		"mysql+pymysql://u:p@h/d", "mysql+pymysql://h/a%20b", "mariadb+pymysql://u:%C3%A9@h/d", "sqlite:////var/app.db", "sqlite:///app.db", "sqlite:///a%20b/c d.db",
	}
	list, err := json.Marshal(urls)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), servers.Flask(t), "testdata/urls.py", string(list)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirs []map[string]string
	if err := json.Unmarshal(out, &theirs); err != nil || len(theirs) != len(urls) {
		t.Fatalf("%d of %d, %v", len(theirs), len(urls), err)
	}
	for i, u := range urls {
		c := flask.Default()
		c.SessionType, c.SessionSQLAlchemy = "sqlalchemy", u
		storeURL, err := c.StoreURL()
		if err != nil {
			t.Errorf("%s: %v", u, err)
			continue
		}
		if ours := partsOf(t, storeURL); !maps.Equal(ours, theirs[i]) {
			t.Errorf("%s: Go has %v, and SQLAlchemy %v", u, ours, theirs[i])
		}
	}
}

// partsOf returns the parts of a store's URL in the form of testdata/urls.py.
func partsOf(t *testing.T, storeURL string) map[string]string {
	t.Helper()
	u, err := url.Parse(storeURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	parts := map[string]string{
		"dialect": u.Scheme, "user": u.User.Username(), "password": password, "host": u.Hostname(), "port": u.Port(),
		"database": strings.TrimPrefix(u.Path, "/"),
	}
	if u.Scheme == "sqlite" {
		parts["database"] = u.Path
		if u.Opaque != "" {
			if parts["database"], err = url.PathUnescape(u.Opaque); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, values := range u.Query() {
		if name != "prefix" && name != "table" {
			parts[name] = values[0]
		}
	}
	maps.DeleteFunc(parts, func(_, v string) bool { return v == "" })
	return parts
}

// Go clears Flask-Login's cookie with the attributes that Flask-Login sets.
func TestRememberDefaults(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), servers.Flask(t), "testdata/remember.py").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := flask.Default()
	c.SessionType, c.SessionCookieDomain = "redis", "example.com"
	o, err := c.Options()
	if err != nil {
		t.Fatal(err)
	}
	cookie := *o.Profile.ClearCookies[0]
	cookie.MaxAge = 0
	want := strings.Split(strings.TrimPrefix(cookie.String(), "remember_token="), "; ")
	got := strings.Split(strings.TrimSpace(string(out)), "; ")
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.DeleteFunc(want, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
		t.Errorf("Flask-Login sets %v, and Go clears %v", got, want)
	}
}
