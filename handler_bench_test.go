package cloakroom_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// benchSite is a manager on a store in memory, with nothing in between, and a session
// in it. Compare with peers in bench/.
func benchSite(b *testing.B) (*cloakroom.Manager, *http.Request) {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := m.Open(context.Background(), "")
	defer s.Close()
	name.Set(s, benchValues[0])
	if err := s.Save(); err != nil {
		b.Fatal(err)
	}
	return m, benchRequest(b, s.Cookie())
}

func benchRequest(b testing.TB, c *http.Cookie) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Cookie", c.Name+"="+c.Value)
	return r
}

var benchValues = [2]string{strings.Repeat("a", 100), strings.Repeat("b", 100)}

// discard is a response writer that costs nothing.
type discard struct {
	header http.Header
	status int
}

func newDiscard() *discard { return &discard{header: make(http.Header)} }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// benchHandler measures one request after the other to a handler within the middleware.
func benchHandler(b *testing.B, m *cloakroom.Manager, r *http.Request, h http.HandlerFunc) {
	w, served := newDiscard(), m.Handler(h)
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		served.ServeHTTP(w, r)
	}
	if w.status != 0 {
		b.Fatalf("status %d", w.status)
	}
}

// What does the middleware cost a request that does not use its session?
func BenchmarkUntouched(b *testing.B) {
	m, r := benchSite(b)
	n := 0
	benchHandler(b, m, r, func(http.ResponseWriter, *http.Request) { n++ })
	if n == 0 {
		b.Fatal("the handler did not run")
	}
}

// What does it cost to load a session and read one string of 100 bytes?
func BenchmarkRead(b *testing.B) {
	m, r := benchSite(b)
	benchHandler(b, m, r, func(_ http.ResponseWriter, r *http.Request) {
		if name.Get(m.Get(r)) != benchValues[0] {
			b.Error("wrong value")
		}
	})
}

// What does it cost to change one string of 100 bytes: a load and a replacement?
func BenchmarkWrite(b *testing.B) {
	m, r := benchSite(b)
	n := 0
	benchHandler(b, m, r, func(_ http.ResponseWriter, r *http.Request) {
		n++
		name.Set(m.Get(r), benchValues[n%2])
	})
	benchHolds(b, m, r, benchValues[n%2])
}

func benchHolds(b *testing.B, m *cloakroom.Manager, r *http.Request, want string) {
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := name.Get(m.Get(r)); got != want {
			b.Errorf("the session holds %.10q", got)
		}
	})).ServeHTTP(newDiscard(), r)
}

// What does a sign-in cost, new ticket included, when there is a session already?
func BenchmarkSignIn(b *testing.B) {
	m, r := benchSite(b)
	signIn := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Get(r).Login("ann"); err != nil {
			b.Error(err)
		}
	}))
	w := newDiscard()
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		signIn.ServeHTTP(w, r)
		cookie, _, _ := strings.Cut(w.header.Get("Set-Cookie"), ";")
		if cookie == "" {
			b.Fatalf("status %d, no new ticket", w.status)
		}
		r.Header.Set("Cookie", cookie)
	}
	benchHolds(b, m, r, benchValues[0])
}

// What does one exact increment cost when 100 goroutines make them on one session?
func BenchmarkOneSession(b *testing.B) {
	m, r := benchSite(b)
	const count = cloakroom.Key[int]("count")
	increment := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := count.UpdateNow(m.Get(r), func(n int) int { return n + 1 }); err != nil {
			b.Error(err)
		}
	}))
	const goroutines = 100
	b.ReportAllocs()
	done := 0
	for b.Loop() { // one loop is 100 increments
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() { increment.ServeHTTP(newDiscard(), r) })
		}
		all.Wait()
		done += goroutines
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/increment")
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got := count.Get(m.Get(r)); got != done {
			b.Errorf("%d of %d increments are stored", got, done)
		}
	})).ServeHTTP(newDiscard(), r)
}
