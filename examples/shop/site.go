package main

import (
	"bytes"
	"database/sql"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom"
)

//go:embed templates static
var files embed.FS

var pages = template.Must(template.ParseFS(files, "templates/*.html"))

// site is what the handlers need.
type site struct {
	sessions *cloakroom.Manager
	users    *sql.DB
	provider *provider       // nil for none
	stopping <-chan struct{} // closed when the server is to end: streams end then
}

// routes returns the whole site.
func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(files)) // touches no session: no call of the store
	mux.Handle("GET /{$}", s.answer(visitors, s.page("home.html", goods)))
	mux.Handle("POST /cart", s.answer(visitors, s.addToCart))
	mux.Handle("GET /events", s.answer(visitors, s.events))
	mux.Handle("GET /sign-in", s.answer(visitors, s.page("sign-in.html", nil)))
	mux.Handle("POST /sign-in", s.answer(visitors, s.signIn))
	mux.Handle("POST /sign-up", s.answer(visitors, s.signUp))
	mux.Handle("POST /sign-out", s.answer(visitors, s.signOut))
	if s.provider != nil {
		mux.Handle("POST /sign-in/provider", s.answer(visitors, s.toProvider))
		mux.Handle("GET /sign-in/provider/callback", s.answer(visitors, s.fromProvider))
	}
	mux.Handle("GET /account", s.answer(users, s.account))
	mux.Handle("POST /account/sign-out", s.answer(users, s.signOutDevice))
	mux.Handle("POST /account/sign-out-others", s.answer(users, s.signOutOthers))
	mux.Handle("GET /admin", s.answer(admins, s.admin))
	mux.Handle("POST /admin/sign-out", s.answer(admins, s.signOutUser))

	h := s.sessions.Handler(mux)
	h = http.NewCrossOriginProtection().Handler(h) // against cross-site request forgery
	h = http.MaxBytesHandler(h, 64<<10)
	return s.secured(h)
}

// secured adds the headers by which browsers defend the site (ASVS 5.0 3.4).
func (s *site) secured(next http.Handler) http.Handler {
	policy := "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if s.provider != nil {
		page, _, _ := strings.Cut(s.provider.Endpoint.AuthURL, "?")
		policy += " " + page // where the answer to a form redirects counts too
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		if !s.sessions.Options().InsecureCookie {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// handler answers a user, or a visitor if u is nil. It may fail before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request, u *user) error

// Who a handler is for, besides those that follow.
const (
	visitors = iota
	users
	admins
)

// answer calls a handler for those whom it is for, by their rights in the database: what is taken
// from a user is gone at once. If it fails, what it has changed in the session and not committed is
// dropped. Where the session itself has failed, the middleware puts its 503 in place of the answer.
func (s *site) answer(whom int, f handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := s.user(r)
		switch {
		case err != nil: // see below
		case u == nil && whom >= users:
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		case whom == admins && !u.Admin:
			http.Error(w, "This page is not for you.", http.StatusForbidden)
		default:
			err = f(w, r, u)
		}
		if err != nil {
			slog.ErrorContext(r.Context(), "request failed", "pattern", r.Pattern, "error", err)
			s.sessions.Get(r).Discard()
			http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		}
	})
}

// page is a handler that shows a page, once it is complete.
func (s *site) page(name string, data any) handler {
	return func(w http.ResponseWriter, r *http.Request, u *user) error {
		session := s.sessions.Get(r)
		var b bytes.Buffer
		err := pages.ExecuteTemplate(&b, name, map[string]any{
			"User": u, "ID": session.ID(), "Cart": cart.Get(session), "Flashes": session.Flashes(),
			"Provider": s.provider != nil, "Data": data,
		})
		if err == nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = b.WriteTo(w) // the browser may be gone
		}
		return err
	}
}

// next sends the browser to a page, which shows the message if there is one, unless err is set.
func (s *site) next(w http.ResponseWriter, r *http.Request, page, message string, err error) error {
	if err != nil {
		return err
	}
	if message != "" {
		s.sessions.Get(r).Flash("message", message)
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
	return nil
}

// cart is how many there are of each item. It stays through a sign-in.
const cart = cloakroom.Key[map[string]int]("cart")

var goods = []string{"coat", "hat", "scarf"}

func (s *site) addToCart(w http.ResponseWriter, r *http.Request, _ *user) error {
	item := r.PostFormValue("item")
	if !slices.Contains(goods, item) {
		return s.next(w, r, "/", "There is no such item.", nil)
	}
	// Exact, also where several tabs add something at once.
	cart.Update(s.sessions.Get(r), func(items map[string]int) map[string]int {
		if items == nil {
			items = map[string]int{}
		}
		items[item]++
		return items
	})
	return s.next(w, r, "/", "", nil)
}
