// Command from-flask serves what has moved from Flask to Go: see the README beside it.
package main

import (
	"context"
	"html/template"
	"log"
	"net/http"
	"os"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

const cart = cloakroom.Key[[]string]("cart") // session["cart"] in shop.py

var page = template.Must(template.New("").Parse(`<h1>Your cart, by Go</h1>
<p>Signed in: {{.Owner}}</p>
<ul>{{range .Cart}}<li>{{.}}</li>{{end}}</ul>
<form method="post"><input name="item"><button>Put in cart</button></form>
<a href="/">Home, by Flask</a>
`))

func main() {
	config, err := flask.FromEnv("") // the settings that shop.py has
	if err != nil {
		log.Fatal(err)
	}
	sessions, _, err := flask.Open(context.Background(), config, cachelibstore.Opener())
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cart", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		// the client may be gone
		_ = page.Execute(w, map[string]any{"Owner": s.Owner(), "Cart": cart.Get(s)})
	})
	mux.HandleFunc("POST /cart", func(w http.ResponseWriter, r *http.Request) {
		s, item := sessions.Get(r), r.FormValue("item")
		cart.Update(s, func(items []string) []string { return append(items, item) })
		s.Flash("message", "Go put it in the cart: "+item) // for Flask to show
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], sessions.Handler(mux)))
}
