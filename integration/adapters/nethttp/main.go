// Command nethttp serves the demo's routes by net/http alone, as what the frameworks are
// compared with.
package main

import (
	"io"
	"net/http"

	"github.com/cloakroom-go/cloakroom/integration/adapters/routes"
)

func main() { routes.Main(server) }

func server(site *routes.Site) routes.Server {
	mux := http.NewServeMux()
	for _, route := range site.Routes() {
		path := route.Path
		if path == "/" {
			path = "/{$}"
		}
		mux.HandleFunc(route.Method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			field := func(name string) (string, bool) { v := r.FormValue(name); return v, r.Form.Has(name) }
			a := route.Do(r.Context(), site.Sessions.Get(r), field)
			if a.Status == 0 {
				return // the middleware answers
			}
			w.Header().Set("Content-Type", a.Type)
			w.WriteHeader(a.Status)
			_, _ = io.WriteString(w, a.Body)
		})
	}
	return routes.HTTP(site.Sessions.Handler(mux))
}
