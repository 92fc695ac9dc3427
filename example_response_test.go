package cloakroom_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// A framework that is not net/http hands over what its request says, and sends all cookies.
func ExampleManager_OpenWith() {
	const visits = cloakroom.Key[int]("visits")
	sessions := newSessions()
	header := "theme=dark" // the request's Cookie header
	for range 2 {
		s := sessions.OpenWith(context.Background(), cloakroom.Visit{
			Cookies: header, IP: "192.0.2.7", UserAgent: "Mozilla/5.0",
		})
		visits.Update(s, func(n int) int { return n + 1 })
		if err := s.Save(); err != nil {
			log.Fatal(err) // or answer 503
		}
		for _, c := range s.Cookies() {
			header += "; " + c.Name + "=" + c.Value // or send c.String()
		}
		fmt.Println(visits.Get(s))
		s.Close()
	}
	// Output:
	// 1
	// 2
}

// Middleware within Handler that recovers from a panic discards what was changed before it.
func ExampleSession_Discard() {
	sessions := newSessions()
	recovery := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					sessions.Get(r).Discard()
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	h := sessions.Handler(recovery(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sessions.Get(r).Login("ann")
		panic("a bug")
	})))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", nil))
	fmt.Println(w.Code, len(w.Result().Cookies()))
	// Output: 500 0
}

// A page that says nothing about its visitor may be stored by caches that visitors share.
func ExampleSession_AllowSharedCache() {
	sessions := newSessions()
	h := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		s := sessions.Get(r)
		if r.URL.Path == "/terms" {
			s.AllowSharedCache()
		}
		if s.Owner() == "ann" {
			fmt.Println("ann reads", r.URL.Path)
		}
	}))
	for _, path := range []string{"/terms", "/account"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, w.Header().Get("Cache-Control"))
	}
	// Output:
	// /terms public, max-age=60
	// /account private, max-age=60
}

// Behind a proxy that sets X-Real-IP on every request, and alone can reach the application.
func ExampleOptions_clientIP() {
	options := cloakroom.Options{
		ClientIP: func(r *http.Request) string { return r.Header.Get("X-Real-IP") },
	}
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, options)
	if err != nil {
		log.Fatal(err)
	}
	h := sessions.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sessions.Get(r).Login("ann")
	}))
	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	r.Header.Set("X-Real-IP", "192.0.2.7") // which the proxy does
	h.ServeHTTP(httptest.NewRecorder(), r)
	for info, err := range sessions.Owned(context.Background(), "ann") {
		fmt.Println(info.IP, err)
	}
	// Output: 192.0.2.7 <nil>
}
