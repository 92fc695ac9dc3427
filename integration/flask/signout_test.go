package flask_test

import (
	"testing"
)

// A sign-out ends what Flask-Login remembers too, under whichever name it keeps that, and so does a sign-in of another
// user: Flask does not sign the first one in again.
func TestSignOutForgets(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	pairs := start(t,
		settings,
		with(settings, map[string]any{
			"REMEMBER_COOKIE_NAME": "keep", "REMEMBER_COOKIE_PATH": "/", "REMEMBER_COOKIE_SECURE": true, "REMEMBER_COOKIE_SAMESITE": "Lax",
		}),
		with(settings, map[string]any{"SESSION_SERIALIZATION_FORMAT": "json", "SESSION_KEY_PREFIX": "j:"}),
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

// forgets signs out on one side, and checks that neither side knows the user any more.
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

// anotherUser signs in in Go where Flask remembers the first, and comes back without a session.
func anotherUser(t *testing.T, p pair, b *browser, name string) {
	b.do(p.golang, "POST /login user=bob")
	b.answers(p.python, "GET /whoami", "bob")
	if _, ok := b.others[name]; ok {
		t.Errorf("a sign-in of another user leaves the cookie %s", name)
	}
	b.cookie = ""
	b.answers(p.python, "GET /whoami", "")
}

// rememberedAlone comes back without a session: Go has nobody until Flask has signed the user in again.
func rememberedAlone(t *testing.T, p pair, b *browser) {
	b.cookie = ""
	b.answers(p.golang, "GET /whoami", "")
	b.answers(p.python, "GET /whoami", "ada")
	b.answers(p.golang, "GET /whoami", "ada")
	b.holds(p.golang, "_fresh", "false")
}

// What Flask-Login's session_protection makes of sessions that Go signed in or changed.
func TestSessionProtection(t *testing.T) {
	t.Parallel()
	settings := stores["redis"](t)
	for i, p := range start(t, with(settings, map[string]any{"protection": "basic"}), with(settings, map[string]any{"protection": "strong"})) {
		t.Run([]string{"basic", "strong"}[i], func(t *testing.T) {
			for what, step := range map[string]struct {
				requests []string // the first by Python, the others by Go
				user     string   // whom Python finds then
			}{
				"a value that Go sets":    {[]string{"POST /login user=ada", "POST /set name=a&value=1"}, "ada"},
				"a ticket that Go renews": {[]string{"POST /login user=ada", "POST /regenerate"}, "ada"},
				"another user in Go":      {[]string{"POST /login user=ada", "POST /login user=bob"}, "bob"},
				"the same user in Go":     {[]string{"POST /login user=ada", "POST /login user=ada"}, "ada"},
				"a sign-in of Go alone":   {[]string{"GET /ping", "POST /login user=ada"}, "ada"},
			} {
				t.Run(what, func(t *testing.T) {
					b := &browser{t: t}
					for i, request := range step.requests {
						if i == 0 {
							b.do(p.python, request)
						} else {
							b.do(p.golang, request)
						}
					}
					fresh := b.do(p.python, "GET /get?name=_fresh").body
					t.Logf("_fresh is %s", fresh)
					b.answers(p.python, "GET /whoami", step.user)
					b.answers(p.golang, "GET /whoami", step.user)
				})
			}
		})
	}
}
