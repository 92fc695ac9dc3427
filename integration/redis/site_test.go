package redis

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/stores/countstore"
)

const (
	name  = cloakroom.Key[string]("name")
	count = cloakroom.Key[int]("count")
)

// site is an application of one process.
type site struct {
	sessions *cloakroom.Manager
	handler  http.Handler
	calls    *countstore.Store
}

// newSite makes one: /start begins a session of that name, /add adds to its count and answers with
// both, /get answers with both.
func newSite(t testing.TB, store cloakroom.Store) *site {
	t.Helper()
	s, err := makeSite(store)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func makeSite(store cloakroom.Store) (*site, error) {
	s := &site{calls: countstore.New(store)}
	var err error
	if s.sessions, err = cloakroom.New(s.calls, cloakroom.Options{InsecureCookie: true, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/start", func(_ http.ResponseWriter, r *http.Request) { name.Set(s.sessions.Get(r), r.FormValue("name")) })
	mux.HandleFunc("/add", func(w http.ResponseWriter, r *http.Request) {
		session := s.sessions.Get(r)
		n, err := count.Apply(session, func(n int) int { return n + 1 })
		if err != nil {
			http.Error(w, "not stored", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, name.Get(session), n)
	})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		session := s.sessions.Get(r)
		fmt.Fprintln(w, name.Get(session), count.Get(session))
	})
	s.handler = s.sessions.Handler(mux)
	return s, nil
}

func (s *site) ask(path, cookie string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result()
}

// start begins a session and returns its cookie.
func (s *site) start(t testing.TB, who string) string {
	t.Helper()
	resp := s.ask("/start?name="+who, "")
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		t.Fatalf("starting a session: %s, %v", resp.Status, resp.Header)
	}
	c := resp.Cookies()[0]
	return c.Name + "=" + c.Value
}

// visitor is somebody who asks again and again.
type visitor struct {
	name, cookie string
	stored       atomic.Int64 // requests that were answered with success
	refused      atomic.Int64 // requests that were answered with 503
	highest      atomic.Int64 // the highest count that was answered
}

// ask adds one, and checks that the answer is the visitor's own or a clean 503.
func (v *visitor) ask(t testing.TB, s *site) {
	begin := time.Now()
	resp := s.ask("/add", v.cookie)
	took := time.Since(begin)
	if took > 2*time.Second {
		t.Errorf("an answer, %s, took %v, want at most 2s", resp.Status, took)
	}
	if c := resp.Header["Set-Cookie"]; c != nil {
		t.Errorf("%s: with a cookie", resp.Status)
	}
	body := make([]byte, 100)
	n, _ := resp.Body.Read(body)
	who, number, _ := strings.Cut(strings.TrimSpace(string(body[:n])), " ")
	switch resp.StatusCode {
	case http.StatusServiceUnavailable:
		v.refused.Add(1)
	case http.StatusOK:
		if who != v.name {
			t.Errorf("%s got the session of %q", v.name, who)
		}
		got, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Errorf("%s got %q", v.name, body[:n])
		}
		v.stored.Add(1)
		for h := v.highest.Load(); got > h && !v.highest.CompareAndSwap(h, got); h = v.highest.Load() {
		}
	default:
		t.Errorf("%s: %q", resp.Status, body[:n])
	}
}

// load is visitors at work.
type load struct {
	t        testing.TB
	site     *site
	visitors []*visitor
	stopped  atomic.Bool
	wg       sync.WaitGroup
}

// startLoad starts n visitors, each asking from two goroutines.
func startLoad(t testing.TB, s *site, n int) *load {
	t.Helper()
	l := &load{t: t, site: s}
	for i := range n {
		who := "visitor-" + strconv.Itoa(i)
		l.visitors = append(l.visitors, &visitor{name: who, cookie: s.start(t, who)})
	}
	for _, v := range l.visitors {
		for range 2 {
			l.wg.Go(func() {
				for !l.stopped.Load() {
					v.ask(t, s)
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) stop() {
	l.stopped.Store(true)
	l.wg.Wait()
}

// served waits until every visitor was answered with success so many times more.
func (l *load) served(more int64) {
	l.t.Helper()
	for _, v := range l.visitors {
		from := v.stored.Load()
		servers.Until(l.t, v.name+" is served", func() error {
			if got := v.stored.Load() - from; got < more {
				return fmt.Errorf("%d times of %d", got, more)
			}
			return nil
		})
	}
}

// refused waits until at least one visitor got a 503 more, or all of them did.
func (l *load) refused(all bool) {
	l.t.Helper()
	before := make([]int64, len(l.visitors))
	for i, v := range l.visitors {
		before[i] = v.refused.Load()
	}
	servers.Until(l.t, "requests are refused", func() error {
		n := 0
		for i, v := range l.visitors {
			if v.refused.Load() > before[i] {
				n++
			}
		}
		if n == 0 || all && n < len(l.visitors) {
			return fmt.Errorf("%d of %d", n, len(l.visitors))
		}
		return nil
	})
}

// check stops the visitors and returns how many acknowledged changes are not there. A change that was
// refused may be there.
func (l *load) check() int64 {
	l.t.Helper()
	l.stop()
	var lost, sum, refused int64
	for _, v := range l.visitors {
		resp := l.site.ask("/get", v.cookie)
		body := make([]byte, 100)
		n, _ := resp.Body.Read(body)
		who, number, _ := strings.Cut(strings.TrimSpace(string(body[:n])), " ")
		got, err := strconv.ParseInt(number, 10, 64)
		if who != v.name || err != nil || resp.StatusCode != http.StatusOK {
			l.t.Errorf("%s has %s %q", v.name, resp.Status, body[:n])
			continue
		}
		stored, maybe := v.stored.Load(), v.refused.Load()
		if got > stored+maybe {
			l.t.Errorf("%s has %d, more than the %d stored and the %d refused", v.name, got, stored, maybe)
		}
		lost += max(0, stored-got, v.highest.Load()-got)
		sum, refused = sum+stored, refused+maybe
	}
	l.t.Logf("%d changes were acknowledged, %d refused, %d lost", sum, refused, lost)
	return lost
}
