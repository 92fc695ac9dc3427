// Command shop is the program of the README.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// visits is a value of gorilla's session "user-session" for Cloakroom's API.
const visits = cloakroom.Key[int]("user-session:visits")

func main() {
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	manager, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	sessions := cloakgorilla.New(manager, cloakgorilla.Options{SignIn: "user-session"})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		session, err := sessions.Get(r, "user-session")
		if err != nil {
			return // the client gets a 503
		}
		flashes := session.Flashes()
		n, err := visits.UpdateNow(manager.Get(r), func(n int) int { return n + 1 }) // exact
		if err == nil {
			err = session.Save(r, w)
		}
		if err != nil {
			http.Error(w, "not saved", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "visit %d of %q %q\n", n, manager.Get(r).Owner(), flashes)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		session, err := sessions.Get(r, "user-session")
		if err != nil {
			return
		}
		session.AddFlash("welcome")
		if err := session.Save(r, w); err != nil {
			http.Error(w, "not saved", http.StatusInternalServerError)
			return
		}
		if manager.Get(r).Login("ada") != nil { // a new ticket; the values stay
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		session, err := sessions.Get(r, "user-session")
		if err != nil {
			return
		}
		session.Options.MaxAge = -1 // the session that Options.SignIn names: a sign-out
		if session.Save(r, w) != nil {
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", manager.Handler(mux)))
}
