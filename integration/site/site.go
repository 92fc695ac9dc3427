// Package site is an application whose sessions count, in the process of a test, and the
// load of visitors while the test disturbs the servers behind it.
package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// The values of its sessions.
const (
	Name  = cloakroom.Key[string]("name")
	Count = cloakroom.Key[int]("count")
)

// Site is an application of one process.
type Site struct {
	Calls    *countstore.Store // to the store
	Sessions *cloakroom.Manager
	handler  http.Handler
}

// New makes a site: /start begins a session of that name, /add adds to its count and
// answers with both, /get answers with both.
func New(t testing.TB, store store.Store) *Site {
	t.Helper()
	s, err := newSite(store, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Patient is [New] with a time limit that a busy machine keeps too.
func Patient(t testing.TB, store store.Store) *Site {
	t.Helper()
	s, err := Make(store)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Make is [Patient] where there is no test.
func Make(store store.Store) (*Site, error) { return newSite(store, 20*time.Second) }

func newSite(store store.Store, timeout time.Duration) (*Site, error) {
	s := &Site{Calls: countstore.New(store)}
	var err error
	s.Sessions, err = cloakroom.New(s.Calls, cloakroom.Options{
		InsecureCookie: true, Logger: slog.New(slog.DiscardHandler), Timeout: timeout,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/start", func(_ http.ResponseWriter, r *http.Request) {
		Name.Set(s.Sessions.Get(r), r.FormValue("name"))
	})
	mux.HandleFunc("/add", func(w http.ResponseWriter, r *http.Request) {
		session := s.Sessions.Get(r)
		n, err := Count.UpdateNow(session, func(n int) int { return n + 1 })
		if err != nil {
			http.Error(w, "not stored", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "%s %d\n", Name.Get(session), n)
	})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		session := s.Sessions.Get(r)
		fmt.Fprintf(w, "%s %d\n", Name.Get(session), Count.Get(session))
	})
	s.handler = s.Sessions.Handler(mux)
	return s, nil
}

// Ask makes a request. cookie is one of [Site.Start], or empty.
func (s *Site) Ask(path, cookie string) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result()
}

// Start begins a session and returns its cookie.
func (s *Site) Start(t testing.TB, who string) string {
	t.Helper()
	var resp *http.Response
	servers.Until(t, who+" has an answer", func() error { // a busy machine takes its time
		resp = s.Ask("/start?name="+who, "") //nolint:bodyclose // it is in memory
		if resp.StatusCode == http.StatusServiceUnavailable {
			return errors.New(resp.Status)
		}
		return nil
	})
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Fatalf("starting a session: %s, %v", resp.Status, resp.Header)
	}
	c := resp.Cookies()[0]
	return c.Name + "=" + c.Value
}

// Add requests /add from so many goroutines, so many times each, and fails unless all
// succeed.
func (s *Site) Add(cookie string, goroutines, each int) error {
	errs := make(chan error, goroutines)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				resp := s.Ask("/add", cookie)
				_ = resp.Body.Close() // it is in memory
				if resp.StatusCode != http.StatusOK {
					errs <- fmt.Errorf("a request got %s", resp.Status)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
