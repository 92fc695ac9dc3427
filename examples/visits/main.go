// Command visits counts visits. It is the first program of the README.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

const visits = cloakroom.Key[int]("visits")

func main() {
	// About once in 1000 requests, what has expired is removed.
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		// Exact, even with a hundred tabs.
		n, err := visits.UpdateNow(sessions.Get(r), func(n int) int { return n + 1 })
		if err != nil {
			http.Error(w, "not counted", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "visit %d\n", n)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", sessions.Handler(mux)))
}
