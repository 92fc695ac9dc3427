package flask_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// behaviour is what a migrating user relies on: requests of one browser, answered by
// Flask and by Go.
type behaviour struct {
	name     string
	variant  string   // see variants
	cookie   string   // the browser's first one
	requests []string // see send
}

var behaviours = []behaviour{
	{"no cookie gives a fresh id", "default", "", []string{"GET /ping", "GET /get?name=a", "POST /set name=a&value=1", "GET /get?name=a"}},
	{"an unknown id is never adopted", "default", strings.Repeat("A", 43), []string{"GET /get?name=a", "POST /set name=a&value=1", "GET /get?name=a"}},
	{"an unknown id alone changes nothing", "default", strings.Repeat("A", 43), []string{"GET /ping"}},
	{"a bad signature gives a fresh id", "signed", strings.Repeat("A", 43) + "." + strings.Repeat("A", 27), []string{"GET /get?name=a", "POST /set name=a&value=1", "GET /get?name=a"}},
	{"a cookie without a signature gives a fresh id", "signed", strings.Repeat("A", 43), []string{"POST /set name=a&value=1", "GET /get?name=a"}},
	{"a malformed id gives a fresh id", "default", "x.y", []string{"GET /get?name=a", "POST /set name=a&value=1"}},
	{"empty and unchanged is nothing at all", "default", "", []string{"GET /ping", "GET /get?name=a", "GET /flashes"}},
	{"a session with only _permanent is empty", "default", "", []string{"POST /permanent on=false", "GET /get?name=a"}},
	{"emptied by clear", "default", "", []string{"POST /set name=a&value=1", "POST /clear", "GET /get?name=a"}},
	{"emptied by removing the last value", "default", "", []string{"POST /set name=a&value=1", "POST /delete name=a", "GET /get?name=a"}},
	{"clear of a session that has no record", "default", "", []string{"POST /clear"}},
	{"removing what is not there", "default", "", []string{"POST /set name=a&value=1", "POST /delete name=b"}},
	{"clear keeps _permanent", "default", "", []string{"POST /set name=a&value=1", "POST /permanent on=false", "POST /clear", "POST /set name=a&value=1"}},
	{"a permanent cookie is set on every request", "default", "", []string{"POST /set name=a&value=1", "GET /ping", "GET /get?name=a"}},
	{"without refresh only a change sets it", "no refresh", "", []string{"POST /set name=a&value=1", "GET /ping", "GET /get?name=a", "POST /set name=a&value=1", "POST /set name=a&value=2"}},
	{"a cookie that is not permanent", "not permanent", "", []string{"POST /set name=a&value=1", "GET /ping", "GET /get?name=a", "POST /set name=a&value=2"}},
	{"a session made permanent", "not permanent", "", []string{"POST /set name=a&value=1", "POST /permanent on=true", "GET /ping"}},
	{"a session made not permanent", "default", "", []string{"POST /set name=a&value=1", "POST /permanent on=false", "GET /ping", "POST /set name=a&value=2"}},
	{"flash messages", "default", "", []string{"POST /flash category=message&message=x", "GET /flashes", "GET /flashes"}},
	{"every cookie attribute", "attributes", "", []string{"POST /set name=a&value=1", "GET /ping", "POST /clear"}},
	{"regenerate", "default", "", []string{"POST /set name=a&value=1", "POST /regenerate", "GET /get?name=a"}},
	{"regenerate of an empty session", "default", "", []string{"POST /regenerate"}},
	{"signing in and out", "login", "", []string{"POST /login user=ada", "GET /whoami", "POST /logout", "GET /whoami"}},
	{"a signed cookie", "signed", "", []string{"POST /set name=a&value=1", "GET /ping", "POST /clear"}},
}

// variants are the settings that the behaviours run with.
var variants = map[string]map[string]any{
	"default":       {"login": false},
	"login":         {},
	"signed":        {"login": false, "SESSION_USE_SIGNER": true},
	"no refresh":    {"login": false, "SESSION_REFRESH_EACH_REQUEST": false},
	"not permanent": {"login": false, "SESSION_PERMANENT": false},
	"attributes": {
		"login": false, "SESSION_COOKIE_HTTPONLY": false, "SESSION_COOKIE_SAMESITE": "Strict", "SESSION_COOKIE_SECURE": true,
		"SESSION_COOKIE_PATH": "/path", "SESSION_COOKIE_DOMAIN": "example.com", "PERMANENT_SESSION_LIFETIME": 600,
	},
}

// difference is a field in which Go's response differs on purpose.
type difference struct {
	field          string
	python, golang string
	only           string // the behaviour, or empty for all
	reason         string // which docs/from-flask.md gives, word by word
}

var differences = []difference{
	{"Expires", "1970", "never", "", sameAttributes},
	{"HttpOnly", "false", "true", "", sameAttributes},
	{"SameSite", "0", "3", "every cookie attribute", sameAttributes},
	{"Secure", "false", "true", "every cookie attribute", sameAttributes},
	{"Max-Age", "0", "beside Expires", "", maxAge},
	{"cookies", "1", "0", "a session with only _permanent is empty", noCookie},
	{"cookies", "1", "0", "clear of a session that has no record", noCookie},
}

// The reasons, word by word as in docs/from-flask.md.
const (
	sameAttributes = "A cookie is cleared with the attributes that it was set with, and Max-Age=0 instead of Expires: a browser would ignore the clearing of a `__Host-` cookie without Secure."
	maxAge         = "A persistent cookie has Max-Age beside Expires: it counts from when the cookie comes, so a wrong clock on either side does not end it."
	noCookie       = "A cookie that the browser does not have is not cleared: there is nothing to clear."
)

// Flask and Go answer the same requests, each with sessions of its own. Their responses
// are compared field by field.
func TestBehaviour(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	names := slices.Sorted(maps.Keys(variants))
	var all []map[string]any
	for _, name := range names {
		all = append(all, with(settings, variants[name]))
	}
	pairs := start(t, all...)
	used := map[int]bool{}
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) {
			p := pairs[slices.Index(names, b.variant)]
			python, golang := b.run(t, p.python), b.run(t, p.golang)
			for i := range python {
				if python[i]["cookies"] != golang[i]["cookies"] { // and so do all of its fields
					for _, f := range cookieFields {
						python[i][f], golang[i][f] = "-", "-"
					}
				}
				for _, field := range slices.Sorted(maps.Keys(python[i])) {
					if python[i][field] == golang[i][field] {
						continue
					}
					at := slices.IndexFunc(differences, func(d difference) bool {
						return d.field == field && d.python == python[i][field] && d.golang == golang[i][field] && (d.only == "" || d.only == b.name)
					})
					if at < 0 {
						t.Errorf("%d. %s: %s is %q in Python, %q in Go", i+1, b.requests[i], field, python[i][field], golang[i][field])
					} else {
						used[at] = true
					}
				}
			}
		})
	}
	guide, err := os.ReadFile("../../docs/from-flask.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(guide)), " ")
	for i, d := range differences {
		if !used[i] && !t.Failed() {
			t.Errorf("there is no such difference any more: %+v", d)
		}
		if !strings.Contains(text, d.reason) {
			t.Errorf("docs/from-flask.md does not say: %s", d.reason)
		}
	}
}

var cookieFields = []string{"name", "value", "Path", "Domain", "Expires", "Max-Age", "Secure", "HttpOnly", "SameSite", "Partitioned"}

// run returns the fields of each response.
func (b behaviour) run(t *testing.T, s side) []map[string]string {
	t.Helper()
	cookie := b.cookie
	var all []map[string]string
	for _, request := range b.requests {
		a, err := send(s, cookie, request)
		if err != nil {
			t.Fatal(err)
		}
		fields := map[string]string{
			"status": fmt.Sprint(a.status), "Vary": strings.Join(a.header.Values("Vary"), ", "), "cookies": fmt.Sprint(len(a.cookies)),
		}
		if a.status == http.StatusOK {
			fields["body"] = strings.ReplaceAll(a.body, " ", "")
		}
		for _, f := range cookieFields {
			fields[f] = "-"
		}
		for _, c := range a.cookies {
			describe(c, cookie, fields)
			cookie = c.Value
		}
		all = append(all, fields)
	}
	return all
}

// describe adds the fields of a cookie. Values that differ in each run are replaced by
// names.
func describe(c *http.Cookie, before string, fields map[string]string) {
	value := "another"
	switch c.Value {
	case "":
		value = "none"
	case before:
		value = "the same"
	}
	if id, signature, _ := strings.Cut(c.Value, "."); value == "another" {
		value = fmt.Sprintf("another, %d+%d", len(id), len(signature))
	}
	expires := "never"
	switch left := time.Until(c.Expires); {
	case c.Expires.IsZero():
	case c.Expires.Unix() == 0:
		expires = "1970"
	case left < 0:
		expires = "past"
	default:
		expires = "in " + (left + 30*time.Second).Round(time.Minute).String()
	}
	age := fmt.Sprint(c.MaxAge)
	if c.MaxAge > 0 && expires == "in "+(time.Duration(c.MaxAge)*time.Second).Round(time.Minute).String() {
		age = "beside Expires"
	}
	maps.Copy(fields, map[string]string{
		"name": c.Name, "value": value, "Path": c.Path, "Domain": c.Domain, "Expires": expires, "Max-Age": age,
		"Secure": fmt.Sprint(c.Secure), "HttpOnly": fmt.Sprint(c.HttpOnly), "SameSite": fmt.Sprint(c.SameSite), "Partitioned": fmt.Sprint(c.Partitioned),
	})
}
