package cloakgorilla_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A sign-in: gorilla's API sets values, and Login beside it gives the session an owner and a
// new ticket.
func Example() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	manager, err := cloakroom.New(store, cloakroom.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sessions := cloakgorilla.New(manager, cloakgorilla.Options{})

	login := func(w http.ResponseWriter, r *http.Request) {
		session, err := sessions.Get(r, "user-session")
		if err != nil {
			return
		}
		session.Values["name"] = "Ada"
		session.AddFlash("welcome")
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = manager.Get(r).Login("ada@example.com") // its error keeps the response from being sent
	}
	home := func(w http.ResponseWriter, r *http.Request) {
		session, err := sessions.Get(r, "user-session")
		if err != nil {
			return
		}
		owner := manager.Get(r).Owner()
		fmt.Println(session.IsNew, session.Values["name"], session.Flashes(), owner)
		if err := session.Save(r, w); err != nil { // the flash message was taken
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
	var cookies []*http.Cookie
	for _, handler := range []http.HandlerFunc{login, home, home} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		for _, c := range cookies {
			r.AddCookie(c)
		}
		manager.Handler(handler).ServeHTTP(w, r)
		cookies = append(cookies, w.Result().Cookies()...)
	}
	// Output:
	// false Ada [welcome] ada@example.com
	// false Ada [] ada@example.com
}
