package frameworks_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

const visits = cloakroom.Key[int]("visits")

func increment(n int) int { return n + 1 }

// newSessions returns a manager of sessions in memory, for plain HTTP.
func newSessions() *cloakroom.Manager {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	return sessions
}

// serve starts a server, and returns its address, a client that keeps cookies as a
// browser does, and what stops it.
func serve(h http.Handler) (url string, client *http.Client, stop func()) {
	server := httptest.NewServer(h)
	client = server.Client()
	client.Jar, _ = cookiejar.New(nil) // it never fails
	return server.URL, client, server.Close
}

// visit prints the answers to requests of one browser.
func visit(h http.Handler, paths ...string) {
	url, client, stop := serve(h)
	defer stop()
	for _, path := range paths {
		resp, err := client.Get(url + path)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %s\n", resp.StatusCode, body)
	}
}
