package cloakroom_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// An app has no cookies: it sends its ticket in a header, and takes a new one from each response
// that has one. Pages of the same site can have their cookies from another manager of the store.
func ExampleOptions_requestHeader() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{RequestHeader: "Authorization"})
	if err != nil {
		panic(err)
	}
	api := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		if r.URL.Path == "/sign-in" && s.Login("ann") != nil {
			return // the middleware answers
		}
		fmt.Fprintf(w, "hello %s", s.Owner())
	}))

	w := httptest.NewRecorder()
	api.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/sign-in", nil))
	ticket := w.Header().Get("Session-Ticket")

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+ticket)
	w = httptest.NewRecorder()
	api.ServeHTTP(w, r)
	fmt.Println(w.Body)
	// Output: hello ann
}

// A site whose tenants have domains of their own gives each visitor a cookie for that domain, which
// is good for its subdomains too.
func ExampleOptions_cookie() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	domains := map[string]string{"shop.one.example": "one.example", "two.example": "two.example"}
	sessions, err := cloakroom.New(store, cloakroom.Options{
		CookieName: "__Secure-session",
		Cookie:     func(r *http.Request, c *http.Cookie) { c.Domain = domains[r.Host] },
	})
	if err != nil {
		panic(err)
	}
	site := sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = sessions.Get(r).Login("ann")
	}))
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://shop.one.example/sign-in", nil))
	cookie := w.Result().Cookies()[0]
	fmt.Println(cookie.Name, "for", cookie.Domain)
	// Output: __Secure-session for one.example
}
