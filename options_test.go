package cloakroom_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// TestOptionsRefused: what is inconsistent is an error that names the field and the value.
func TestOptionsRefused(t *testing.T) {
	store, err := memstore.New(memstore.Options{SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, test := range []struct {
		options cloakroom.Options
		want    []string
	}{
		{cloakroom.Options{Idle: 2 * time.Hour, Lifetime: time.Hour}, []string{"Idle", "2h0m0s", "Lifetime", "1h0m0s"}},
		{cloakroom.Options{Idle: -1}, []string{"Idle", "-1ns"}},
		{cloakroom.Options{AnonymousIdle: time.Hour}, []string{"AnonymousIdle", "1h0m0s", "30m0s"}},
		{cloakroom.Options{AnonymousIdle: 1}, []string{"AnonymousIdle", "1ns"}},
		{cloakroom.Options{Application: "käse"}, []string{"Application", "käse"}},
		{cloakroom.Options{Application: strings.Repeat("a", 65)}, []string{"Application", "64"}},
		{cloakroom.Options{Application: "shop", Profile: shared()}, []string{"Application", "Profile"}},
		{cloakroom.Options{Lifetime: time.Millisecond}, []string{"Lifetime", "1ms"}},
		{cloakroom.Options{Timeout: time.Minute}, []string{"Timeout", "1m0s"}},
		{cloakroom.Options{MaxBytes: -5}, []string{"MaxBytes", "-5"}},
		{cloakroom.Options{MaxValues: -5}, []string{"MaxValues", "-5"}},
		{cloakroom.Options{Format: 7}, []string{"Format(7)"}},
		{cloakroom.Options{CookieName: "__Host-x", Domain: "example.com"}, []string{"CookieName", "__Host-x", "Domain"}},
		{cloakroom.Options{CookieName: "__Host-x", Path: "/app"}, []string{"CookieName", "Path"}},
		{cloakroom.Options{CookieName: "__host-x", InsecureCookie: true}, []string{"CookieName", "Secure"}},
		{cloakroom.Options{CookieName: "__Secure-x", InsecureCookie: true}, []string{"CookieName", "Secure"}},
		{cloakroom.Options{CookieName: strings.Repeat("x", 4096-42)}, []string{"CookieName", "xxx", "4097 bytes"}},
		{cloakroom.Options{CookieName: "x", ClearDomains: []string{""}}, []string{"ClearDomains", `""`}},
		{cloakroom.Options{CookieName: "x", ClearDomains: []string{"a.test", "a b"}}, []string{"ClearDomains", "a b"}},
		{cloakroom.Options{CookieName: "__Host-x", ClearDomains: []string{"a.test"}}, []string{"ClearDomains", "__Host-x", "a.test"}},
		{cloakroom.Options{Path: "/" + strings.Repeat("p", 1024)}, []string{"Path", "1025 bytes"}},
		{cloakroom.Options{CookieName: "a b"}, []string{"CookieName", "a b"}},
		{cloakroom.Options{CookieName: "a=b"}, []string{"CookieName", "a=b"}},
		{cloakroom.Options{Domain: "exa mple"}, []string{"Domain", "exa mple"}},
		{cloakroom.Options{Path: "app"}, []string{"Path", "app"}},
		{cloakroom.Options{Path: "/a;b"}, []string{"Path", "/a;b"}},
		{cloakroom.Options{SameSite: http.SameSiteNoneMode, InsecureCookie: true}, []string{"SameSite", "InsecureCookie"}},
		{cloakroom.Options{SameSite: 9}, []string{"SameSite", "9"}},
		{cloakroom.Options{Partitioned: true, InsecureCookie: true}, []string{"Partitioned", "InsecureCookie"}},
	} {
		_, err := cloakroom.New(store, test.options)
		if err == nil {
			t.Errorf("%+v: no error", test.options)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not name %q", err, want)
			}
		}
	}
	if _, err := cloakroom.New(nil, cloakroom.Options{}); err == nil {
		t.Error("New without a store: no error")
	}
}

// TestCookieAttributes: the defaults are the safe ones, and options change what they say.
func TestCookieAttributes(t *testing.T) {
	store, err := memstore.New(memstore.Options{SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for _, test := range []struct {
		options cloakroom.Options
		name    string
		want    string
	}{
		{cloakroom.Options{}, "__Host-session", "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{cloakroom.Options{InsecureCookie: true}, "session", "; Path=/; HttpOnly; SameSite=Lax"},
		{cloakroom.Options{Domain: "example.com"}, "__Secure-session", "; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax"},
		{cloakroom.Options{Path: "/app"}, "__Secure-session", "; Path=/app; HttpOnly; Secure; SameSite=Lax"},
		{cloakroom.Options{CookieName: "__Secure-id", Domain: "example.com"}, "__Secure-id", "; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax"},
		{cloakroom.Options{SameSite: http.SameSiteNoneMode, Partitioned: true}, "__Host-session", "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"},
		{cloakroom.Options{SameSite: http.SameSiteStrictMode}, "__Host-session", "; Path=/; HttpOnly; Secure; SameSite=Strict"},
	} {
		m, err := cloakroom.New(store, test.options)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Open(t.Context(), "")
		a.Set(s, "1")
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		c := s.Cookie()
		if got := strings.Replace(c.String(), c.Value, "", 1); got != test.name+"="+test.want {
			t.Errorf("%s", got)
		}
		s.Close()
		s = m.Open(t.Context(), c.Value)
		if err := s.Logout(); err != nil {
			t.Error(err)
		}
		if got, want := s.Cookie().String(), test.name+"="+strings.Replace(test.want, "; HttpOnly", "; Max-Age=0; HttpOnly", 1); got != want {
			t.Errorf("cleared by %s, want %s", got, want)
		}
	}
}
