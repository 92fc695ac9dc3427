package frameworks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/a-h/templ"

	"github.com/cloakroom-go/cloakroom"
)

// greeting is what `templ generate` makes of
//
//	templ greeting(name string) { <p>Hello, { name }</p> }
func greeting(name string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := fmt.Fprintf(w, "<p>Hello, %s</p>", templ.EscapeString(name))
		return err
	})
}

// A component of templ is rendered with what a handler has read, or with the request's
// context, in which the session is.
func Example_templ() {
	const name = cloakroom.Key[string]("name")
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /as/{name}", func(w http.ResponseWriter, r *http.Request) {
		name.Set(sessions.Get(r), r.PathValue("name"))
		fmt.Fprint(w, "noted")
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		templ.Handler(greeting(name.Get(sessions.Get(r)))).ServeHTTP(w, r)
	})
	page := templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return greeting(name.Get(sessions.FromContext(ctx))).Render(ctx, w)
	})
	mux.Handle("GET /streamed", templ.Handler(page, templ.WithStreaming()))
	visit(sessions.Handler(mux), "/as/Ann&Co", "/", "/streamed")
	// Output:
	// 200 noted
	// 200 <p>Hello, Ann&amp;Co</p>
	// 200 <p>Hello, Ann&amp;Co</p>
}
