package rehearsal

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// The visitors notice faults of the shop.
func TestFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(next http.Handler) http.HandlerFunc{
		"a sign-out that clears the cookie alone": func(next http.Handler) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/leave" {
					http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
					return
				}
				next.ServeHTTP(w, r)
			}
		},
		"one change in fifty that is lost": func(next http.Handler) http.HandlerFunc {
			var n atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/put" || n.Add(1)%50 != 0 {
					next.ServeHTTP(w, r)
				}
			}
		},
		"a session lost now and then": func(next http.Handler) http.HandlerFunc {
			var n atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1)%500 == 0 {
					r.Header.Del("Cookie")
				}
				next.ServeHTTP(w, r)
			}
		},
		"the messages of another visitor": func(next http.Handler) http.HandlerFunc {
			var latest atomic.Value
			return func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/messages" {
					next.ServeHTTP(w, r)
					return
				}
				got := httptest.NewRecorder()
				next.ServeHTTP(got, r)
				if before, ok := latest.Swap(got.Body.String()).(string); ok {
					_, _ = w.Write([]byte(before))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := beginOn(t, fault)
			c.goesOnFor(t, 0, "a visitor notices", func() bool { return false })
			c.running.Wait()
			first, _, _ := strings.Cut(c.failed, "\n")
			t.Log(first)
		})
	}
	t.Run("none", func(t *testing.T) {
		c := beginOn(t, func(next http.Handler) http.HandlerFunc { return next.ServeHTTP })
		c.goesOnFor(t, 1000, "the visitors go on", func() bool { return true })
		c.pause(t)
	})
}

// beginOn lets a few visitors begin at a shop that is in Go only and has a fault.
func beginOn(t *testing.T, fault func(http.Handler) http.HandlerFunc) *crowd {
	t.Helper()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{CookieName: "session", InsecureCookie: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(fault(shop(m)))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowd(4, base)
	c.begin()
	return c
}
