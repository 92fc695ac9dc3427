package frameworks_test

import (
	"fmt"
	"net/http"

	chi "github.com/go-chi/chi/v5"
)

// chi takes the middleware as any other, for all routes or for a group of them.
func Example_chi() {
	sessions := newSessions()
	r := chi.NewRouter()
	r.Get("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	r.Group(func(r chi.Router) {
		r.Use(sessions.Handler)
		r.Get("/", func(w http.ResponseWriter, r *http.Request) {
			n, err := visits.UpdateNow(sessions.Get(r), increment)
			if err != nil {
				return // the client gets a 503
			}
			fmt.Fprint(w, "visit ", n)
		})
	})
	visit(r, "/", "/", "/health")
	// Output:
	// 200 visit 1
	// 200 visit 2
	// 200 fine
}
