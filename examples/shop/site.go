package main

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"slices"

	"github.com/cloakroom-go/cloakroom"
)

//go:embed templates static
var files embed.FS

// site is what the handlers need.
type site struct {
	sessions *cloakroom.Manager
	users    users
	provider *provider       // nil for none
	stopping <-chan struct{} // closed when the server is to end: streams end then
	pages    map[string]*template.Template
}

func newSite(m *cloakroom.Manager, u users, p *provider, stopping <-chan struct{}) *site {
	s := &site{sessions: m, users: u, provider: p, stopping: stopping,
		pages: map[string]*template.Template{}}
	for _, name := range []string{"home", "sign-in", "account", "admin"} {
		s.pages[name] = template.Must(template.ParseFS(files,
			"templates/layout.html", "templates/"+name+".html"))
	}
	return s
}

// routes returns the whole site; overTLS says whether browsers reach it by HTTPS.
func (s *site) routes(overTLS bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.FileServerFS(files)) // touches no session: no call of the store
	mux.Handle("GET /{$}", s.answer(s.page("home", goods)))
	mux.Handle("POST /cart", s.answer(s.addToCart))
	mux.Handle("GET /events", s.answer(s.events))
	mux.Handle("GET /sign-in", s.answer(s.page("sign-in", nil)))
	mux.Handle("POST /sign-in", s.answer(s.signIn))
	mux.Handle("POST /sign-up", s.answer(s.signUp))
	mux.Handle("POST /sign-out", s.answer(s.signOut))
	if s.provider != nil {
		mux.Handle("POST /sign-in/provider", s.answer(s.toProvider))
		mux.Handle("GET "+callback, s.answer(s.fromProvider))
	}
	mux.Handle("GET /account", s.only(signedIn, s.account))
	mux.Handle("POST /account/sign-out", s.only(signedIn, s.signOutDevice))
	mux.Handle("POST /account/sign-out-others", s.only(signedIn, s.signOutOthers))
	mux.Handle("GET /admin", s.only(admins, s.admin))
	mux.Handle("POST /admin/sign-out", s.only(admins, s.signOutUser))

	h := s.sessions.Handler(mux)
	h = http.NewCrossOriginProtection().Handler(h) // against cross-site request forgery
	h = http.MaxBytesHandler(h, 64<<10)
	return s.secured(h, overTLS)
}

// secured adds the headers by which browsers defend the site (ASVS 5.0 3.4).
func (s *site) secured(next http.Handler, overTLS bool) http.Handler {
	policy := "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if s.provider != nil {
		policy += " " + s.provider.origin() // where the answer to a form redirects counts too
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		if overTLS {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// handler is a handler that may fail before it has written anything.
type handler func(http.ResponseWriter, *http.Request) error

// answer answers for a handler that fails. What the request has changed in its session, and not
// committed, is dropped. Where the session itself has failed, the middleware puts its 503 in place
// of this answer.
func (s *site) answer(f handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			slog.ErrorContext(r.Context(), "request failed", "pattern", r.Pattern, "error", err)
			s.sessions.Get(r).Discard()
			http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		}
	})
}

// Who may see a page.
var (
	signedIn = func(*user) bool { return true }
	admins   = func(u *user) bool { return u.Admin }
)

// only lets users through who are signed in and allowed. Their rights are read from the database
// and not kept in the session: what is taken from a user is gone at once.
func (s *site) only(allowed func(*user) bool, f handler) http.Handler {
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		switch u, err := s.user(r); {
		case err != nil:
			return err
		case u == nil:
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		case !allowed(u):
			http.Error(w, "This page is not for you.", http.StatusForbidden)
		default:
			return f(w, r)
		}
		return nil
	})
}

// user returns who is signed in, or nil.
func (s *site) user(r *http.Request) (*user, error) {
	owner := s.sessions.Get(r).Owner()
	if owner == "" {
		return nil, nil
	}
	return s.users.get(r.Context(), owner)
}

// page is a handler that shows a page.
func (s *site) page(name string, data any) handler {
	return func(w http.ResponseWriter, r *http.Request) error { return s.show(w, r, name, data) }
}

// show writes a page, once it is complete.
func (s *site) show(w http.ResponseWriter, r *http.Request, page string, data any) error {
	u, err := s.user(r)
	if err != nil {
		return err
	}
	session := s.sessions.Get(r)
	var b bytes.Buffer
	if err := s.pages[page].Execute(&b, map[string]any{
		"User": u, "Cart": cart.Get(session), "Flashes": session.Flashes(),
		"Provider": s.provider != nil, "Data": data,
	}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w) // the browser may be gone
	return nil
}

// next sends the browser to a page that shows a message.
func (s *site) next(w http.ResponseWriter, r *http.Request, page, category, message string) error {
	s.sessions.Get(r).Flash(category, message)
	http.Redirect(w, r, page, http.StatusSeeOther)
	return nil
}

// cart is how many there are of each item. It stays through a sign-in.
const cart = cloakroom.Key[map[string]int]("cart")

var goods = []string{"coat", "hat", "scarf"}

func (s *site) addToCart(w http.ResponseWriter, r *http.Request) error {
	item := r.PostFormValue("item")
	if !slices.Contains(goods, item) {
		return s.next(w, r, "/", "error", "There is no such item.")
	}
	// Exact, also where several tabs add something at once.
	cart.Update(s.sessions.Get(r), func(items map[string]int) map[string]int {
		if items == nil {
			items = map[string]int{}
		}
		items[item]++
		return items
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}
