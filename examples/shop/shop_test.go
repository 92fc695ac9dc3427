package main

import (
	"bytes"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

// shop is the site under test: its sessions in memory, its users in a file of the test.
type shop struct {
	http.Handler
	t     *testing.T
	site  *site
	store *cloakroomtest.Store
	audit *bytes.Buffer
}

func newShop(t *testing.T, p *provider) *shop {
	t.Helper()
	s := &shop{t: t, store: cloakroomtest.NewStore(), audit: new(bytes.Buffer)}
	log := slog.NewTextHandler(io.MultiWriter(s.audit, t.Output()), nil)
	sessions, _, err := observe(s.store, cloakroom.Options{Logger: slog.New(log), Now: s.store.Now})
	if err != nil {
		t.Fatal(err)
	}
	db, err := openUsers(t.Context(), filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s.site = &site{sessions: sessions, users: db, provider: p, stopping: t.Context().Done()}
	s.Handler = s.site.routes()
	return s
}

// add returns the id of a new user.
func (s *shop) add(name string) (id string) {
	s.t.Helper()
	id, err := s.site.changeUser(s.t.Context(), `INSERT INTO users (name) VALUES (?)`, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// client returns a browser in which the owner is signed in.
func (s *shop) client(owner string, set ...func(*cloakroom.Session)) *cloakroomtest.Client {
	s.t.Helper()
	return cloakroomtest.NewClient(s.t, s.site.sessions, owner, set...)
}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

// post returns a request with a form of these names and values.
func post(path string, fields ...string) *http.Request {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// do fails unless the answer has this status, and for a page or a redirect this text or place.
func (s *shop) do(c *cloakroomtest.Client, r *http.Request, status int, want string) {
	s.t.Helper()
	w := c.Do(s, r)
	if got := w.Header().Get("Location") + w.Body.String(); w.Code != status ||
		!strings.Contains(got, want) {
		s.t.Errorf("%s %s: %d, want %d with %q:\n%s", r.Method, r.URL.Path, w.Code, status, want, got)
	}
}

// TestSignUp: a visitor's cart stays through the sign-up, and through a sign-in elsewhere it is
// another's.
func TestSignUp(t *testing.T) {
	s := newShop(t, nil)
	ann := s.client("")
	s.do(ann, post("/cart", "item", "hat"), http.StatusSeeOther, "/")
	ann.TicketChanged(t, func() {
		s.do(ann, post("/sign-up", "login", "ann", "password", "correct horse"), http.StatusSeeOther, "/")
	})
	s.do(ann, get("/"), http.StatusOK, "1 × hat")
	s.do(ann, get("/"), http.StatusOK, `<a href="/account">ann</a>`)
	s.do(ann, post("/sign-out"), http.StatusSeeOther, "/")
	ann.SignedOut(t)

	ann.TicketChanged(t, func() {
		s.do(ann, post("/sign-in", "login", "ann", "password", "correct horse"), http.StatusSeeOther, "/")
	})
	s.do(ann, get("/"), http.StatusOK, "nothing yet")
}

// TestRefused: who is refused is told why, and is not signed in.
func TestRefused(t *testing.T) {
	s := newShop(t, nil)
	s.do(s.client(""), post("/sign-up", "login", "ann", "password", "correct horse"),
		http.StatusSeeOther, "/")
	for _, c := range []struct{ path, login, password, why string }{
		{"/sign-in", "ann", "wrong horse", "is wrong"},
		{"/sign-in", "bob", "correct horse", "is wrong"},
		{"/sign-up", "ann", "another horse", "is taken"},
		{"/sign-up", "", "correct horse", "1 to 64"},
		{"/sign-up", "bob", "short", "8 to 72"},
	} {
		visitor := s.client("")
		s.do(visitor, post(c.path, "login", c.login, "password", c.password),
			http.StatusSeeOther, "/sign-in")
		visitor.SignedOut(t)
		s.do(visitor, get("/sign-in"), http.StatusOK, c.why)
	}
	visitor := s.client("")
	s.do(visitor, post("/cart", "item", "car"), http.StatusSeeOther, "/")
	s.do(visitor, get("/"), http.StatusOK, "no such item")
	s.do(visitor, get("/account"), http.StatusSeeOther, "/sign-in")
}

// TestDevices: a user signs out one device, this one, or all others, and no other user's.
func TestDevices(t *testing.T) {
	s := newShop(t, nil)
	ann, bob := s.add("ann"), s.client(s.add("bob"))
	here, phone, tablet := s.client(ann), s.client(ann), s.client(ann)
	s.do(here, get("/account"), http.StatusOK, phone.Session(t).ID())

	s.do(here, post("/account/sign-out", "id", phone.Session(t).ID()), http.StatusSeeOther, "/account")
	phone.SignedOut(t)
	s.do(here, post("/account/sign-out", "id", bob.Session(t).ID()), http.StatusSeeOther, "/account")
	s.do(bob, get("/account"), http.StatusOK, "Sign out here")
	s.do(here, get("/account"), http.StatusOK, "not signed in there any more")

	s.do(here, post("/account/sign-out-others"), http.StatusSeeOther, "/account")
	tablet.SignedOut(t)
	s.do(bob, get("/account"), http.StatusOK, "Sign out here")
	s.do(here, get("/account"), http.StatusOK, "Sign out here")
	s.do(here, post("/account/sign-out", "id", here.Session(t).ID()), http.StatusSeeOther, "/account")
	here.SignedOut(t)
}

// TestAdmin: only admins see the page, for as long as they are. What they do is in the audit log.
func TestAdmin(t *testing.T) {
	s := newShop(t, nil)
	root := s.client("")
	s.do(root, post("/sign-up", "login", "root", "password", "correct horse"),
		http.StatusSeeOther, "/")
	owner := root.Session(t).Owner()
	if err := s.site.makeAdmin(t.Context(), "root"); err != nil {
		t.Fatal(err)
	}
	root.SignedOut(t)
	if err := s.site.makeAdmin(t.Context(), "none"); err == nil {
		t.Error("a user who is not there became an admin")
	}
	admin, bobsID := s.client(owner), s.add("bob")
	bob := s.client(bobsID)
	s.do(bob, get("/admin"), http.StatusForbidden, "not for you")
	s.do(bob, post("/admin/sign-out", "owner", owner), http.StatusForbidden, "not for you")
	s.do(s.client(""), get("/admin"), http.StatusSeeOther, "/sign-in")
	s.do(admin, get("/admin"), http.StatusOK, bob.Session(t).ID())

	s.do(admin, post("/admin/sign-out", "owner", bobsID), http.StatusSeeOther, "/admin")
	bob.SignedOut(t)
	want := "owner=" + bobsID + " actor=" + owner + " reason=revoked"
	if log := s.audit.String(); !strings.Contains(log, want) {
		t.Error(log)
	}
	const demote = `UPDATE users SET admin = FALSE`
	if _, err := s.site.users.ExecContext(t.Context(), demote); err != nil {
		t.Fatal(err)
	}
	s.do(admin, get("/admin"), http.StatusForbidden, "not for you")
}

// TestFailure: what a request has changed before it failed is not stored.
func TestFailure(t *testing.T) {
	s := newShop(t, nil)
	ann := s.client(s.add("ann"), func(s *cloakroom.Session) { s.Flash("info", "hello") })
	defer func(p *template.Template) { pages = p }(pages)
	pages = template.Must(template.New("home.html").Parse("{{.Data.None}}"))
	s.do(ann, get("/"), http.StatusInternalServerError, "went wrong")
	if f := ann.Session(t).Flashes(); len(f) != 1 {
		t.Error("the message is lost:", f)
	}
	s.site.users.Close()
	s.do(ann, get("/account"), http.StatusInternalServerError, "went wrong")
}

// TestCosts: files, and requests from other sites, cost no call of the store.
func TestCosts(t *testing.T) {
	s := newShop(t, nil)
	ann := s.client(s.add("ann"))
	s.store.NoCalls(t, func() {
		s.do(ann, get("/static/shop.js"), http.StatusOK, "EventSource")
		r := post("/cart", "item", "hat")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		s.do(ann, r, http.StatusForbidden, "")
	})
}

// TestHeaders: each answer has the headers by which browsers defend the site, also one that a
// handler has no part in.
func TestHeaders(t *testing.T) {
	s := newShop(t, nil)
	for _, path := range []string{"/", "/static/shop.css", "/none"} {
		h := s.client("").Do(s, get(path)).Header()
		for _, name := range []string{"Content-Security-Policy", "Cross-Origin-Opener-Policy",
			"Referrer-Policy", "X-Content-Type-Options", "Strict-Transport-Security"} {
			if h.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
	}
}
