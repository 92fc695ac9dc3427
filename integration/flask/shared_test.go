package flask_test

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// stores are Flask-Session's storage types, with settings for a new place each.
var stores = map[string]func(t *testing.T) map[string]any{
	"redis": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "redis", "SESSION_REDIS": servers.StartRedis(t, servers.RedisOptions{}).URL()}
	},
	"memcached": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": servers.StartMemcached(t).URL()}
	},
	"filesystem": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": filepath.Join(t.TempDir(), "flask session")}
	},
	"cachelib": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": "cachelib://" + filepath.Join(t.TempDir(), "cache")}
	},
	"mongodb": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "mongodb", "SESSION_MONGODB": servers.Mongo(t)}
	},
	"sqlalchemy with SQLite": func(t *testing.T) map[string]any {
		file := filepath.Join(t.TempDir(), "flask.db")
		return map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "sqlite:///" + file}
	},
	"sqlalchemy with PostgreSQL": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": servers.Postgres(t)}
	},
	"sqlalchemy with MariaDB": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": servers.MariaDB(t)}
	},
	"postgresql": func(t *testing.T) map[string]any {
		url := servers.Postgres(t)
		return map[string]any{"SESSION_TYPE": "postgresql", "SESSION_POSTGRESQL": url}
	},
	"dynamodb": func(t *testing.T) map[string]any {
		return map[string]any{"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": servers.StartDynamoDB(t, servers.DynamoDBOptions{}).URL("Sessions")}
	},
}

// with returns settings with more added.
func with(settings map[string]any, more map[string]any) map[string]any {
	all := maps.Clone(settings)
	maps.Copy(all, more)
	return all
}

// Each side sees what the other does to a session, in every store.
func TestShared(t *testing.T) {
	t.Parallel()
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := store(t)
			pairs := start(t, settings,
				with(settings, map[string]any{"SESSION_SERIALIZATION_FORMAT": "json"}),
				with(settings, map[string]any{"SESSION_USE_SIGNER": true}),
				with(settings, map[string]any{"SESSION_PERMANENT": false, "SESSION_REFRESH_EACH_REQUEST": false}),
				with(settings, map[string]any{"PERMANENT_SESSION_LIFETIME": 2, "SESSION_REFRESH_EACH_REQUEST": false}),
			)
			plain, inJSON, signed, browserOnly, brief := pairs[0], pairs[1], pairs[2], pairs[3], pairs[4]
			for what, p := range map[string]pair{"MessagePack": plain, "JSON": inJSON, "signed": signed, "not permanent": browserOnly} {
				t.Run(what, func(t *testing.T) {
					for _, first := range []side{p.python, p.golang} {
						t.Run(first.name+" first", func(t *testing.T) { shareValues(t, p, first) })
					}
				})
			}
			t.Run("format changed", func(t *testing.T) { changeFormat(t, plain, inJSON) })
			t.Run("permanent or not", func(t *testing.T) { switchPermanent(t, plain) })
			t.Run("signed only", func(t *testing.T) { refuseUnsigned(t, signed) })
			t.Run("expiry", func(t *testing.T) { expire(t, brief, settings["SESSION_TYPE"] == "mongodb") })
		})
	}
}

// values are the values to set, as JSON, by name.
var values = map[string]string{
	"text": `"gr\u00fcn \ud83e\udde5"`, "empty": `""`, "int": `-17`, "large": `9007199254740993`, "float": `0.5`, "yes": `true`, "none": `null`,
	"list": `[1, "two", [3.5, null], {"four": 5}]`, "map": `{"a": {"b": [false]}, "c": {}}`, "ключ": `"a key that is not ASCII"`,
}

func shareValues(t *testing.T, p pair, first side) {
	second := p.other(first)
	b := &browser{t: t}
	for name, value := range values {
		b.set(first, name, value)
	}
	cookie := b.cookie
	for name, value := range values {
		b.holds(second, name, value)
		b.set(second, "their "+name, value)
	}
	for name, value := range values {
		b.holds(first, "their "+name, value)
		b.holds(first, name, value)
	}
	for name := range values {
		b.do(first, "POST /copy "+url.Values{"name": {"their " + name}, "to": {"my " + name}}.Encode())
	}
	b.set(first, "text", `"blue"`)
	b.holds(second, "text", `"blue"`)
	b.do(second, "POST /delete name=text")
	b.holds(first, "text", "null")
	for name, value := range values {
		b.holds(second, "my "+name, value)
	}

	b.do(first, "POST /flash category=message&message=one")
	b.do(second, "POST /flash category=error&message=two")
	b.answers(first, "GET /flashes", `[["message","one"],["error","two"]]`)
	b.answers(second, "GET /flashes", `[]`)
	b.do(second, "POST /flash category=message&message=three")
	b.answers(first, "GET /flashes", `[["message","three"]]`)
	if b.cookie != cookie {
		t.Error("the cookie changed")
	}

	former := *b
	b.do(second, "POST /regenerate")
	if b.cookie == cookie {
		t.Error("the cookie is the former one after regenerate")
	}
	for _, s := range []side{first, second} {
		former.holds(s, "int", "null")
		b.holds(s, "int", "-17")
	}
	former = *b
	b.do(first, "POST /login user=ada")
	for _, s := range []side{second, first, second} {
		b.answers(s, "GET /whoami", "ada")
		b.holds(s, "int", "-17")
	}
	former.answers(first, "GET /whoami", "")
	former.answers(second, "GET /whoami", "")
	b.do(second, "POST /login user=bob")
	b.answers(first, "GET /whoami", "bob")
	b.answers(second, "GET /whoami", "bob")
	former = *b
	b.do(second, "POST /logout")
	former.answers(first, "GET /whoami", "")
	former.holds(first, "int", "null")
	if b.cookie != "" {
		t.Error("a sign-out left the cookie")
	}

	b.set(first, "a", "1")
	former = *b
	b.do(first, "POST /clear")
	former.holds(second, "a", "null")
	if b.cookie != "" {
		t.Error("clear left the cookie")
	}
}

// changeFormat goes on in one format with sessions that began in the other.
func changeFormat(t *testing.T, before, after pair) {
	for _, turn := range []struct {
		name    string
		now, to pair
	}{{"to JSON", before, after}, {"to MessagePack", after, before}} {
		for _, first := range []side{turn.now.python, turn.now.golang} {
			t.Run(fmt.Sprint(turn.name, " from ", first.name), func(t *testing.T) {
				b := &browser{t: t}
				for name, value := range values {
					b.set(first, name, value)
				}
				b.do(turn.now.golang, "POST /login user=ada") // our notes are in the record
				b.do(first, "POST /flash category=message&message=one")
				for _, s := range []side{turn.to.golang, turn.to.python, turn.now.golang, turn.to.golang, turn.now.python} {
					for name, value := range values {
						b.holds(s, name, value)
					}
					b.answers(s, "GET /whoami", "ada")
					b.set(s, "by", `"`+s.name+`"`)
					b.holds(before.other(s), "by", `"`+s.name+`"`)
				}
				b.answers(turn.to.python, "GET /flashes", `[["message","one"]]`)
			})
		}
	}
}

// switchPermanent checks that the cookie of each side follows what the other set.
func switchPermanent(t *testing.T, p pair) {
	for _, first := range []side{p.python, p.golang} {
		second := p.other(first)
		b := &browser{t: t}
		persists := func(s side, want bool) {
			t.Helper()
			a := b.do(s, "POST /set name=a&value=1")
			if len(a.cookies) != 1 && want || len(a.cookies) == 1 && a.cookies[0].Expires.IsZero() == want {
				t.Errorf("%s after %s: %v, want it to persist: %v", s.name, first.name, a.cookies, want)
			}
		}
		persists(first, true)
		persists(second, true)
		b.do(first, "POST /permanent on=false")
		persists(second, false)
		persists(first, false)
		b.do(second, "POST /permanent on=true")
		persists(first, true)
	}
}

// refuseUnsigned checks that only signed cookies count.
func refuseUnsigned(t *testing.T, p pair) {
	for _, first := range []side{p.python, p.golang} {
		b := &browser{t: t}
		b.set(first, "a", "1")
		id, signature, ok := strings.Cut(b.cookie, ".")
		if !ok || len(id) != 43 || len(signature) != 27 {
			t.Errorf("%s signs %d and %d characters", first.name, len(id), len(signature))
		}
		other := "A"
		if id[:1] == other {
			other = "B"
		}
		for _, cookie := range []string{id, id + "." + strings.Repeat("A", 27), other + b.cookie[1:]} {
			for _, s := range []side{p.python, p.golang} {
				(&browser{t: t, cookie: cookie}).holds(s, "a", "null")
			}
		}
	}
}

// expire waits for sessions to expire. Flask-Session leaves that to MongoDB, and FerretDB
// does not do it.
func expire(t *testing.T, p pair, notInPython bool) {
	browsers := map[side]*browser{}
	for _, first := range []side{p.python, p.golang} {
		browsers[first] = &browser{t: t}
		browsers[first].set(first, "a", "1")
	}
	for first, b := range browsers {
		for _, s := range []side{p.python, p.golang} {
			if s == p.python && notInPython {
				continue
			}
			servers.Until(t, "a session of "+first.name+" ends for "+s.name, func() error {
				if a, err := send(s, b.cookie, "GET /get?name=a"); err != nil || a.body != "null" {
					return errors.Join(err, errors.New(a.body))
				}
				return nil
			})
		}
	}
}
