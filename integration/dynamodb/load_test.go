package dynamodb

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
	"github.com/cloakroom-go/cloakroom/store"
)

const (
	name  = cloakroom.Key[string]("name")
	count = cloakroom.Key[int]("count")
)

// site is an application of one process.
type site struct {
	sessions *cloakroom.Manager
	handler  http.Handler
}

// newSite makes one: /start begins a session of that name, /add adds to its count and
// answers with both, /get answers with both.
func newSite(t testing.TB, store store.Store) *site {
	t.Helper()
	m, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/start", func(_ http.ResponseWriter, r *http.Request) { name.Set(m.Get(r), r.FormValue("name")) })
	mux.HandleFunc("/add", func(w http.ResponseWriter, r *http.Request) {
		session := m.Get(r)
		n, err := count.UpdateNow(session, func(n int) int { return n + 1 })
		if err != nil {
			http.Error(w, "not stored", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, name.Get(session), n)
	})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, name.Get(m.Get(r)), count.Get(m.Get(r)))
	})
	return &site{m, m.Handler(mux)}
}

// answer is what came of a request.
type answer struct {
	code    int
	cookies []*http.Cookie
	name    string
	count   int64
}

func (s *site) ask(t testing.TB, path, cookie string) answer {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	a := answer{code: w.Code, cookies: w.Result().Cookies()}
	if who, number, ok := strings.Cut(strings.TrimSpace(w.Body.String()), " "); ok && w.Code == http.StatusOK {
		var err error
		if a.count, err = strconv.ParseInt(number, 10, 64); err != nil {
			t.Errorf("%s: %q", path, w.Body)
		}
		a.name = who
	}
	return a
}

// visitor makes requests again and again.
type visitor struct {
	name, cookie string
	stored       atomic.Int64 // requests that were answered with success
	refused      atomic.Int64 // requests that were answered with 503
	highest      atomic.Int64 // the highest count that was answered
}

// load is visitors at work.
type load struct {
	t        testing.TB
	site     *site
	visitors []*visitor
	stopped  atomic.Bool
	wg       sync.WaitGroup

	clock   *servers.Clock
	slowest atomic.Int64 // nanoseconds, of the answers
}

// startLoad starts n visitors, each asking from two goroutines.
func startLoad(t testing.TB, s *site, n int) *load {
	t.Helper()
	l := &load{t: t, site: s, clock: servers.StartClock(t)}
	for i := range n {
		who := "visitor-" + strconv.Itoa(i)
		var a answer
		// the emulator is slow while it is new
		servers.Until(t, who+" has a session", func() error {
			if a = s.ask(t, "/start?name="+who, ""); a.code != http.StatusOK || len(a.cookies) != 1 {
				return fmt.Errorf("%d", a.code)
			}
			return nil
		})
		l.visitors = append(l.visitors, &visitor{name: who, cookie: a.cookies[0].Name + "=" + a.cookies[0].Value})
	}
	for _, v := range l.visitors {
		for range 2 {
			l.wg.Go(func() {
				for !l.stopped.Load() {
					l.ask(v)
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
	}
	t.Cleanup(l.stop)
	return l
}

// ask adds one for a visitor, and checks that the answer is the visitor's own or a clean 503.
func (l *load) ask(v *visitor) {
	begin := l.clock.Now()
	a := l.site.ask(l.t, "/add", v.cookie)
	raise(&l.slowest, int64(l.clock.Now()-begin))
	if len(a.cookies) > 0 {
		l.t.Errorf("%d: with a cookie", a.code)
	}
	switch {
	case a.code == http.StatusServiceUnavailable:
		v.refused.Add(1)
	case a.code != http.StatusOK || a.name != v.name:
		l.t.Errorf("%s got %d and the session of %q", v.name, a.code, a.name)
	default:
		v.stored.Add(1)
		raise(&v.highest, a.count)
	}
}

func raise(to *atomic.Int64, n int64) {
	for was := to.Load(); n > was && !to.CompareAndSwap(was, n); was = to.Load() {
	}
}

func (l *load) stop() {
	l.stopped.Store(true)
	l.wg.Wait()
}

// served waits until every visitor was answered with success so many times more.
func (l *load) served(more int64) {
	l.t.Helper()
	l.wait("is served", more, func(v *visitor) *atomic.Int64 { return &v.stored })
}

// refused waits until every visitor got a 503 more.
func (l *load) refused() {
	l.t.Helper()
	l.wait("is refused", 1, func(v *visitor) *atomic.Int64 { return &v.refused })
}

func (l *load) wait(what string, more int64, counter func(*visitor) *atomic.Int64) {
	l.t.Helper()
	before := make([]int64, len(l.visitors))
	for i, v := range l.visitors {
		before[i] = counter(v).Load()
	}
	for i, v := range l.visitors {
		servers.Until(l.t, v.name+" "+what, func() error {
			if got := counter(v).Load() - before[i]; got < more {
				return fmt.Errorf("%d times of %d", got, more)
			}
			return nil
		})
	}
}

// check stops the visitors, and fails if an acknowledged change is not there, or an
// answer took too long. A change that was refused may be there.
func (l *load) check() {
	l.t.Helper()
	l.stop()
	var sum, refused int64
	for _, v := range l.visitors {
		var a answer
		servers.Until(l.t, v.name+" has an answer", func() error {
			if a = l.site.ask(l.t, "/get", v.cookie); a.code != http.StatusOK {
				return fmt.Errorf("%d", a.code)
			}
			return nil
		})
		if a.name != v.name {
			l.t.Errorf("%s has the session of %q", v.name, a.name)
			continue
		}
		stored, maybe := v.stored.Load(), v.refused.Load()
		if a.count > stored+maybe || a.count < stored || a.count < v.highest.Load() {
			l.t.Errorf("%s has %d: %d were stored, %d refused, the highest was %d", v.name, a.count, stored, maybe, v.highest.Load())
		}
		sum, refused = sum+stored, refused+maybe
	}
	slowest := time.Duration(l.slowest.Load())
	l.t.Logf("%d changes were acknowledged, %d refused; the slowest answer took %v",
		sum, refused, slowest)
	if slowest > servers.AnswerLimit {
		l.t.Errorf("an answer took %v; the limit is %v", slowest, servers.AnswerLimit)
	}
}
