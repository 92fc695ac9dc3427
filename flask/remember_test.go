package flask_test

import (
	"net/http"
	"testing"

	"github.com/cloakroom-go/cloakroom/flask"
)

// The cookie is cleared with the attributes that Flask-Login set it with.
func TestRememberCookie(t *testing.T) {
	for _, tt := range []struct {
		settings map[string]any
		want     *http.Cookie
	}{
		{nil, &http.Cookie{Name: "remember_token", Path: "/", HttpOnly: true}},
		{map[string]any{"SESSION_COOKIE_DOMAIN": "example.com"}, &http.Cookie{Name: "remember_token", Path: "/", HttpOnly: true}},
		{map[string]any{
			"REMEMBER_COOKIE_DOMAIN": ".example.com", "REMEMBER_COOKIE_HTTPONLY": false, "REMEMBER_COOKIE_NAME": "__Secure-me",
			"REMEMBER_COOKIE_PATH": "/app", "REMEMBER_COOKIE_SAMESITE": "strict", "REMEMBER_COOKIE_SECURE": true,
		}, &http.Cookie{Name: "__Secure-me", Path: "/app", Domain: ".example.com", SameSite: http.SameSiteStrictMode, Secure: true}},
		{map[string]any{"REMEMBER_COOKIE_NAME": ""}, nil},
	} {
		settings := map[string]any{"SESSION_TYPE": "redis"}
		for name, v := range tt.settings {
			settings[name] = v
		}
		c, err := flask.FromMap(settings)
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.Options()
		if err != nil {
			t.Fatal(err)
		}
		p := o.Profile
		if tt.want == nil {
			if p.ClearName != "" || len(p.ClearCookies) != 0 {
				t.Errorf("%v: %q, %v", tt.settings, p.ClearName, p.ClearCookies)
			}
			continue
		}
		tt.want.MaxAge = -1
		if p.ClearName != "_remember" || len(p.ClearCookies) != 1 || p.ClearCookies[0].String() != tt.want.String() {
			t.Errorf("%v: %q, %v, want %v", tt.settings, p.ClearName, p.ClearCookies, tt.want)
		}
	}
}
