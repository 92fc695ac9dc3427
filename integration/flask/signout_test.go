package flask_test

import (
	"testing"
)

// A sign-out also clears Flask-Login's cookie, whatever its name, and so does a sign-in
// of another user: Flask does not sign the first one in again.
func TestSignOutForgets(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	pairs := start(t,
		settings,
		with(settings, map[string]any{
			"REMEMBER_COOKIE_NAME": "keep", "REMEMBER_COOKIE_PATH": "/",
			"REMEMBER_COOKIE_SECURE": true, "REMEMBER_COOKIE_SAMESITE": "Lax",
		}),
		with(settings, map[string]any{
			"SESSION_SERIALIZATION_FORMAT": "json", "SESSION_KEY_PREFIX": "j:",
		}),
	)
	for i, what := range []string{"by default", "under another name", "in JSON"} {
		t.Run(what, func(t *testing.T) {
			p := pairs[i]
			name := "remember_token"
			if what == "under another name" {
				name = "keep"
			}
			remembered := func(t *testing.T) *browser {
				t.Helper()
				b := &browser{t: t}
				b.do(p.python, "POST /login user=ada&remember=1")
				if b.others[name] == "" {
					t.Fatalf("Flask-Login sets no cookie %s", name)
				}
				return b
			}
			for _, s := range []side{p.python, p.golang} {
				t.Run("signed out by "+s.name, func(t *testing.T) { forgets(t, p, remembered(t), s, name) })
			}
			t.Run("another user signs in", func(t *testing.T) { anotherUser(t, p, remembered(t), name) })
			t.Run("the cookie alone", func(t *testing.T) { rememberedAlone(t, p, remembered(t)) })
			t.Run("signed out after being remembered", func(t *testing.T) {
				b := remembered(t)
				b.cookie = ""
				b.answers(p.python, "GET /whoami", "ada")
				b.answers(p.golang, "GET /whoami", "ada")
				forgets(t, p, b, p.golang, name)
			})
		})
	}
}

// forgets signs out on one side, and checks that both sides have forgotten the user.
func forgets(t *testing.T, p pair, b *browser, s side, name string) {
	t.Helper()
	b.do(s, "POST /logout")
	if _, ok := b.others[name]; ok {
		t.Errorf("%s's sign-out leaves the cookie %s", s.name, name)
	}
	for _, s := range []side{p.python, p.golang} {
		b.answers(s, "GET /whoami", "")
	}
}

// anotherUser signs in in Go, while Flask remembers the first user, and returns without a
// session.
func anotherUser(t *testing.T, p pair, b *browser, name string) {
	b.do(p.golang, "POST /login user=bob")
	b.answers(p.python, "GET /whoami", "bob")
	if _, ok := b.others[name]; ok {
		t.Errorf("a sign-in of another user leaves the cookie %s", name)
	}
	b.cookie = ""
	b.answers(p.python, "GET /whoami", "")
}

// rememberedAlone returns without a session: for Go the visitor is signed out until Flask
// has signed the user in again.
func rememberedAlone(t *testing.T, p pair, b *browser) {
	b.cookie = ""
	b.answers(p.golang, "GET /whoami", "")
	b.answers(p.python, "GET /whoami", "ada")
	b.answers(p.golang, "GET /whoami", "ada")
	b.holds(p.golang, "_fresh", "false")
}

// How Flask-Login's session_protection takes sessions that Go changed, moved or signed
// in. It compares the browser with the one that Flask-Login signed in, and has no such
// note after a sign-in of Go.
func TestSessionProtection(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	pairs := start(t,
		with(settings, map[string]any{"protection": "basic"}),
		with(settings, map[string]any{"protection": "strong"}),
		with(settings, map[string]any{
			"protection": "strong", "SESSION_PERMANENT": false, "SESSION_KEY_PREFIX": "brief:",
		}),
	)
	for i, mode := range []string{"basic", "strong", "strong, not permanent"} {
		t.Run(mode, func(t *testing.T) {
			for what, step := range map[string]struct {
				python, golang string // what each is asked to do, in this order
				user           string // whom Go signed in, if it did
			}{
				"a value that Go sets":           {"POST /login user=ada", "POST /set name=a&value=1", ""},
				"a ticket that Go renews":        {"POST /login user=ada", "POST /regenerate", ""},
				"the same user signs in in Go":   {"POST /login user=ada", "POST /login user=ada", ""},
				"another user signs in in Go":    {"POST /login user=ada", "POST /login user=bob", "bob"},
				"a user signs in in Go alone":    {"GET /ping", "POST /login user=bob", "bob"},
				"a user signs in in a basket":    {"POST /set name=a&value=1", "POST /login user=bob", "bob"},
				"a user signs in after sign-out": {"POST /logout", "POST /login user=bob", "bob"},
			} {
				t.Run(what, func(t *testing.T) {
					b := &browser{t: t}
					b.do(pairs[i].python, step.python)
					b.do(pairs[i].golang, step.golang)
					user, fresh := step.user, "false"
					switch {
					case user == "":
						user, fresh = "ada", "true"
					case mode == "strong, not permanent":
						user, fresh = "", "null" // Flask-Login signs out whom it does not know
					}
					b.answers(pairs[i].python, "GET /whoami", user)
					b.answers(pairs[i].golang, "GET /whoami", user)
					b.holds(pairs[i].python, "_fresh", fresh)
				})
			}
		})
	}
}
