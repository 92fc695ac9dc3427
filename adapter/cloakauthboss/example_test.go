package cloakauthboss_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/aarondl/authboss/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakauthboss"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// authboss signs a user in and out; the application keeps its values by Cloakroom's API.
func ExampleNew() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	ab, err := newAuthboss(sessions) // its modules, its pages and your users
	if err != nil {
		fmt.Println(err)
		return
	}
	ab.Storage.SessionState = cloakauthboss.New(sessions)

	const visits = cloakroom.Key[int]("visits")
	mux := http.NewServeMux()
	mux.Handle("/auth/", http.StripPrefix("/auth", ab.Core.Router))
	mux.HandleFunc("GET /{$}", func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		n, _ := visits.UpdateNow(s, func(n int) int { return n + 1 })
		pid, _ := authboss.GetSession(r, authboss.SessionKey)
		fmt.Printf("visit %d of %q, the owner is %q\n", n, pid, s.Owner())
	})
	site := sessions.Handler(ab.LoadClientStateMiddleware(mux))

	var cookie *http.Cookie
	send := func(method, path string, form url.Values) {
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookie = c
		}
	}
	send(http.MethodGet, "/", nil)
	send(http.MethodPost, "/auth/login", url.Values{"username": {"ada"}, "password": {"password"}})
	send(http.MethodGet, "/", nil)
	send(http.MethodPost, "/auth/logout", nil)
	send(http.MethodGet, "/", nil)
	// Output:
	// visit 1 of "", the owner is ""
	// visit 2 of "ada", the owner is "ada"
	// visit 1 of "", the owner is ""
}
