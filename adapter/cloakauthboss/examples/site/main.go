// Command site is the program of the README.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/aarondl/authboss/v3"
	_ "github.com/aarondl/authboss/v3/auth"
	"github.com/aarondl/authboss/v3/defaults"
	_ "github.com/aarondl/authboss/v3/logout"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakauthboss"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func main() {
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	ab := authboss.New()
	ab.Paths.Mount, ab.Paths.RootURL = "/auth", "http://127.0.0.1:8080"
	ab.Modules.LogoutMethod = http.MethodPost
	ab.Core.ViewRenderer = defaults.JSONRenderer{} // in place of your pages
	defaults.SetCore(&ab.Config, false, true)
	ab.Storage.Server = users{}
	ab.Storage.SessionState = cloakauthboss.New(sessions)
	if err := ab.Init("auth", "logout"); err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/auth/", http.StripPrefix("/auth", ab.Core.Router))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		pid, err := ab.CurrentUserID(r)
		if err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "hello %q\n", pid)
	})
	handler := sessions.Handler(ab.LoadClientStateMiddleware(mux))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

// users is in place of your table of users, and knows one: ada, with the password "password".
type users struct{}

func (users) Load(_ context.Context, pid string) (authboss.User, error) {
	if pid != "ada" {
		return nil, authboss.ErrUserNotFound
	}
	return &user{pid, "$2a$10$7ZwUQuPEdJrKB0KMFZE4Guh3KDnb.lsBBh0e/GgijxgTtN8vsmyTi"}, nil
}

func (users) Save(context.Context, authboss.User) error { return nil }

type user struct{ pid, hash string }

func (u *user) GetPID() string          { return u.pid }
func (u *user) PutPID(pid string)       { u.pid = pid }
func (u *user) GetPassword() string     { return u.hash }
func (u *user) PutPassword(hash string) { u.hash = hash }
