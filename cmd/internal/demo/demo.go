// Package demo is the site that cmd/demo and `cloakroom demo` serve: a page for people, and plain
// routes that the page and the tests of every store use.
package demo

import (
	"errors"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// Config is what the site needs.
type Config struct {
	Sessions *cloakroom.Manager
	Stats    func() countstore.Stats // the store's calls so far
	Stopping <-chan struct{}         // closed when the server is about to stop; nil for never
	Store    string                  // what kind of store it is, for the page: a URL scheme
	Hosts    []string                // the host names that it answers to; nil for any
}

const (
	// MaxSlow is how long POST /slow waits at most.
	MaxSlow = time.Minute

	maxBody    = 2 << 20  // bytes of a form
	maxOwner   = 10 << 10 // bytes of an owner's name
	maxDevices = 100      // in what the page shows; GET /sessions lists all
)

// The two values that the page works with.
const (
	keyValue   = cloakroom.Key[string]("value")
	keyCounter = cloakroom.Key[int]("counter")
)

type site struct{ Config }

// New returns the handler of the whole site. It refuses requests that change something
// and come from a page of another site: see [http.CrossOriginProtection].
func New(c Config) http.Handler {
	s := &site{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", ping)
	mux.HandleFunc("POST /set", s.set)
	mux.HandleFunc("POST /modify", s.set)
	mux.HandleFunc("GET /get", s.get)
	mux.HandleFunc("POST /delete", s.delete)
	mux.HandleFunc("POST /incr", s.incr)
	mux.HandleFunc("POST /slow", s.slow)
	mux.HandleFunc("GET /value", s.value)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /sessions", s.sessions)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("GET /stats", s.stats)
	mux.HandleFunc("GET /page.json", s.page)
	addFiles(mux)
	protected := http.NewCrossOriginProtection().Handler(c.Sessions.Handler(mux))
	return withHeaders(ownHosts(c.Hosts, protected))
}

// withHeaders sets the headers of every response, errors included.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; "+
			"style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "+
			"frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

// answer writes plain text.
func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// it fails if the client hung up or the commit failed: both are reported elsewhere
	_, _ = w.Write([]byte(text))
}

// form reads the body of a POST and reports whether it could. If not, it has answered.
// Parameters in the URL do not count.
func form(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	err := r.ParseForm()
	switch tooLong := (*http.MaxBytesError)(nil); {
	case err == nil:
		return true
	case errors.As(err, &tooLong):
		answer(w, http.StatusRequestEntityTooLarge, "the form is too long")
	default:
		answer(w, http.StatusBadRequest,
			"the body must be a form (application/x-www-form-urlencoded)")
	}
	return false
}

// field returns a parameter of the form, which may be empty but not missing. If it is
// missing, field has answered.
func field(w http.ResponseWriter, r *http.Request, name string) (string, bool) {
	if !r.PostForm.Has(name) {
		answer(w, http.StatusBadRequest, "the form must have the field "+name)
		return "", false
	}
	return r.PostForm.Get(name), true
}

// writeError answers a request whose session could not be loaded or committed.
func writeError(w http.ResponseWriter, _ *http.Request, err error) {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		answer(w, http.StatusNotImplemented, "this store cannot list sessions")
	case errors.Is(err, cloakroom.ErrTooLarge):
		answer(w, http.StatusRequestEntityTooLarge, "too large to store")
	case errors.Is(err, cloakroom.ErrFull):
		answer(w, http.StatusServiceUnavailable, "the store is full; try again later")
	default:
		answer(w, http.StatusServiceUnavailable,
			"the session could not be loaded or stored; try again")
	}
}
