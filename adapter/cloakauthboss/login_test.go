package cloakauthboss_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/aarondl/authboss/v3"

	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestLogin: authboss's login gives a new ticket and an owner, and keeps what the session
// had; the old ticket is dead.
func TestLogin(t *testing.T) {
	tab := newSite(t).browser()
	tab.setCart(3)
	tab.put("theme", "dark")
	before := tab.other()
	w := tab.login("ada", "wrong")
	if w.Code != http.StatusOK || tab.user() != "" || tab.cookie != before.cookie {
		t.Fatalf("a wrong password: %d, %q", w.Code, tab.user())
	}
	w = tab.login("ada", "password")
	if w.Code != http.StatusFound || tab.user() != "ada" {
		t.Fatalf("%d, user %q", w.Code, tab.user())
	}
	if tab.cookie.Value == before.cookie.Value {
		t.Error("the ticket is the same")
	}
	if tab.cart() != 3 || tab.get("theme") != "dark" {
		t.Errorf("the cart has %d, the theme is %q", tab.cart(), tab.get("theme"))
	}
	tab.other().do(func(_ http.ResponseWriter, r *http.Request) {
		if got := tab.m.Get(r).Names(); !slices.Equal(got, []string{"authboss:theme", "cart"}) {
			t.Errorf("the session has %q: the owner is no value", got)
		}
	})
	if before.user() != "" || before.cart() != 0 {
		t.Errorf("the old ticket is of %q, with %d", before.user(), before.cart())
	}
	list := 0
	for _, err := range tab.m.Owned(t.Context(), "ada") {
		if list++; err != nil {
			t.Error(err)
		}
	}
	if list != 1 {
		t.Errorf("ada has %d sessions", list)
	}
	again := tab.other()
	again.login("ada", "password")
	if again.cookie.Value == tab.cookie.Value || again.user() != "ada" || again.cart() != 3 {
		t.Errorf("signed in again: %q, %d", again.user(), again.cart())
	}
}

// TestLogout: authboss's logout ends the session; what its whitelist names, and the message
// that it leaves, go to a new one.
func TestLogout(t *testing.T) {
	tab := newSite(t, "language", "absent").browser()
	tab.setCart(3)
	tab.put("theme", "dark")
	tab.put("language", "de")
	tab.login("ada", "password")
	stale := tab.other()
	// A request under way loads the session before the logout, and writes after it.
	w := stale.do(func(w http.ResponseWriter, r *http.Request) {
		if got, _ := authboss.GetSession(r, "theme"); got != "dark" {
			t.Errorf("the theme is %q", got)
		}
		if w := tab.logout(); w.Code != http.StatusFound {
			t.Errorf("logout: %d", w.Code)
		}
		authboss.PutSession(w, "theme", "light")
		w.WriteHeader(http.StatusNoContent)
	})
	if w.Code != http.StatusNoContent || len(w.Result().Cookies()) > 0 {
		t.Errorf("the other request: %d", w.Code)
	}
	for _, b := range []*browser{tab, stale} {
		if b.user() != "" || b.cart() != 0 || b.get("theme") != "-" {
			t.Errorf("user %q, cart %d, theme %q", b.user(), b.cart(), b.get("theme"))
		}
	}
	if tab.cookie == nil || tab.cookie.Value == stale.cookie.Value {
		t.Fatal("the ticket is the same, or there is none for what is left")
	}
	if tab.get("language") != "de" || stale.get("language") != "-" || tab.get("absent") != "-" {
		t.Errorf("the language is %q, of the old ticket %q",
			tab.get("language"), stale.get("language"))
	}
	if tab.get(authboss.FlashSuccessKey) == "-" {
		t.Error("the message is lost")
	}
	if tab.login("bob", "password"); tab.user() != "bob" || tab.get("language") != "de" {
		t.Errorf("user %q, language %q", tab.user(), tab.get("language"))
	}
}

// TestEvents: what sequences of authboss's calls come to.
func TestEvents(t *testing.T) {
	const uid = authboss.SessionKey
	for _, c := range []struct {
		what   string
		change func(w http.ResponseWriter)
		user   string
		values [3]string // of a, b and c
		cart   int
	}{
		{"a value deleted", func(w http.ResponseWriter) { authboss.DelSession(w, "a") },
			"ada", [3]string{"-", "2", "-"}, 3},
		{"put, deleted and put", func(w http.ResponseWriter) {
			authboss.PutSession(w, "c", "x")
			authboss.DelSession(w, "c")
			authboss.PutSession(w, "c", "3")
			authboss.PutSession(w, "a", "x")
			authboss.DelSession(w, "a")
		}, "ada", [3]string{"-", "2", "3"}, 3},
		{"uid deleted", func(w http.ResponseWriter) { authboss.DelKnownSession(w) },
			"", [3]string{"1", "2", "-"}, 0},
		{"all deleted", func(w http.ResponseWriter) {
			authboss.PutSession(w, "c", "3")
			authboss.DelAllSession(w, nil)
		}, "", [3]string{"-", "-", "-"}, 0},
		{"all but b and c", func(w http.ResponseWriter) {
			authboss.PutSession(w, "c", "3")
			authboss.DelAllSession(w, []string{"b", "c"})
		}, "", [3]string{"-", "2", "3"}, 0},
		{"all but uid", func(w http.ResponseWriter) { authboss.DelAllSession(w, []string{uid}) },
			"ada", [3]string{"-", "-", "-"}, 3},
		{"all, and another user", func(w http.ResponseWriter) {
			authboss.DelAllSession(w, []string{"b"})
			authboss.PutSession(w, "c", "3")
			authboss.PutSession(w, uid, "bob")
		}, "bob", [3]string{"-", "2", "3"}, 0},
		{"signed in and out", func(w http.ResponseWriter) {
			authboss.PutSession(w, uid, "bob")
			authboss.DelSession(w, uid)
		}, "", [3]string{"1", "2", "-"}, 0},
		// As Login has it: what was of another owner goes.
		{"another user at once", func(w http.ResponseWriter) {
			authboss.PutSession(w, "c", "3")
			authboss.PutSession(w, uid, "bob")
		}, "bob", [3]string{"-", "-", "3"}, 0},
	} {
		tab := newSite(t).browser()
		tab.setCart(3)
		tab.put("a", "1")
		tab.put("b", "2")
		tab.login("ada", "password")
		before := tab.other()
		w := tab.do(func(w http.ResponseWriter, _ *http.Request) {
			c.change(w)
			w.WriteHeader(http.StatusNoContent)
		})
		values := [3]string{tab.get("a"), tab.get("b"), tab.get("c")}
		if w.Code != http.StatusNoContent || tab.user() != c.user || values != c.values ||
			tab.cart() != c.cart {
			t.Errorf("%s: %d, user %q, values %q, cart %d",
				c.what, w.Code, tab.user(), values, tab.cart())
		}
		if c.user != "ada" && before.user() != "" {
			t.Errorf("%s: the old ticket is live", c.what)
		}
	}
}

// TestAnonymous: without a user, deleting uid changes nothing, and deleting all ends the session.
func TestAnonymous(t *testing.T) {
	tab := newSite(t, "b").browser()
	tab.setCart(3)
	tab.put("a", "1")
	tab.put("b", "2")
	before := tab.cookie
	tab.do(func(w http.ResponseWriter, _ *http.Request) {
		authboss.DelKnownSession(w)
		w.WriteHeader(http.StatusNoContent)
	})
	if tab.cookie != before || tab.cart() != 3 || tab.get("a") != "1" {
		t.Errorf("cart %d, a=%q", tab.cart(), tab.get("a"))
	}
	tab.logout()
	if tab.cookie.Value == before.Value || tab.cart() != 0 ||
		tab.get("a") != "-" || tab.get("b") != "2" {
		t.Errorf("cart %d, a=%q b=%q", tab.cart(), tab.get("a"), tab.get("b"))
	}
}

// TestRevoked: a session that was revoked is signed out for authboss.
func TestRevoked(t *testing.T) {
	tab := newSite(t).browser()
	tab.login("ada", "password")
	if n, err := tab.m.RevokeOwned(t.Context(), "ada"); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if tab.user() != "" {
		t.Errorf("user %q", tab.user())
	}
}

// TestFailedLogin: where the sign-in cannot be stored, the client gets a 503 and no cookie,
// and is not signed in, with the old ticket or another one.
func TestFailedLogin(t *testing.T) {
	for _, c := range []struct {
		op     storetest.Op
		before bool // there is a session
	}{{storetest.OpMove, true}, {storetest.OpLoad, true}, {storetest.OpCreate, false}} {
		tab := newSite(t).browser()
		if c.before {
			tab.setCart(3)
		}
		before := tab.other()
		tab.failing.Store(c.op)
		w := tab.login("ada", "password")
		tab.failing.Store(storetest.Op(""))
		h := w.Header()
		if w.Code != http.StatusServiceUnavailable ||
			h["Set-Cookie"] != nil || h["Location"] != nil {
			t.Errorf("%s: %d %v", c.op, w.Code, h)
		}
		if before.user() != "" || tab.user() != "" || c.before && before.cart() != 3 {
			t.Errorf("%s: signed in as %q, cart %d", c.op, before.user(), before.cart())
		}
		for _, err := range tab.m.Owned(t.Context(), "ada") {
			t.Errorf("%s: ada has a session: %v", c.op, err)
		}
	}
}

// TestFailedLogout: where the session cannot be ended, the client is not told that it was.
func TestFailedLogout(t *testing.T) {
	tab := newSite(t).browser()
	tab.login("ada", "password")
	tab.failing.Store(storetest.OpDelete)
	w := tab.logout()
	tab.failing.Store(storetest.Op(""))
	if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil ||
		tab.user() != "ada" {
		t.Errorf("%d, user %q", w.Code, tab.user())
	}
}
