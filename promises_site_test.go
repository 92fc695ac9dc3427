package cloakroom_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// site is a web site under test: a manager on a store in memory, a clock to turn, and its log.
type site struct {
	t     testing.TB
	m     *cloakroom.Manager
	store *spy
	clock *clock
	log   *syncBuffer
	tab   *browser // for tests that need but one
}

func newSite(t testing.TB, options cloakroom.Options) *site {
	t.Helper()
	s := &site{t: t, clock: &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)}, log: &syncBuffer{}}
	mem, err := memstore.New(memstore.Options{Now: s.clock.Now, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	s.store = &spy{FullStore: mem, calls: map[string]int{}}
	s.m = s.manager(options)
	return s
}

// manager returns another manager of the same store, as another process would have.
func (s *site) manager(options cloakroom.Options) *cloakroom.Manager {
	s.t.Helper()
	options.InsecureCookie = true
	options.Now = s.clock.Now
	options.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	m, err := cloakroom.New(s.store, options)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

type handlerFunc func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session)

// browser keeps the site's cookie from one request to the next.
type browser struct {
	site   *site
	m      *cloakroom.Manager
	cookie string
}

func (s *site) browser() *browser { return &browser{site: s, m: s.m} }

// other returns a tab of the same browser: it has the cookie of now.
func (b *browser) other() *browser { c := *b; return &c }

// do performs one request with this handler and takes over the cookie that it sets.
func (b *browser) do(h handlerFunc) *httptest.ResponseRecorder {
	b.site.t.Helper()
	w := httptest.NewRecorder()
	b.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(w, r, b.m.Get(r))
	})).ServeHTTP(w, b.request())
	b.takeCookies(w)
	return w
}

func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if b.cookie != "" {
		r.Header.Set("Cookie", "session="+b.cookie)
	}
	return r
}

func (b *browser) takeCookies(w *httptest.ResponseRecorder) {
	for _, c := range w.Result().Cookies() {
		if c.Name == "session" {
			b.cookie = c.Value
			if c.MaxAge < 0 {
				b.cookie = ""
			}
		}
	}
}

// begin starts a request that runs before, then waits until the returned function is
// called, which runs after and returns the response.
func (b *browser) begin(before, after handlerFunc) func() *httptest.ResponseRecorder {
	started, resume := make(chan struct{}), make(chan struct{})
	done := make(chan *httptest.ResponseRecorder)
	go func() {
		done <- b.do(func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
			before(w, r, s)
			close(started)
			<-resume
			after(w, r, s)
		})
	}()
	<-started
	return func() *httptest.ResponseRecorder {
		close(resume)
		return <-done
	}
}

const name = cloakroom.Key[string]("name")

// value returns what a fresh request reads.
func (b *browser) value(k cloakroom.Key[string]) (v string) {
	b.site.t.Helper()
	b.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { v = k.Get(s) })
	return v
}

func (b *browser) set(k cloakroom.Key[string], v string) {
	b.site.t.Helper()
	w := b.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { k.Set(s, v) })
	if w.Code != http.StatusOK {
		b.site.t.Fatalf("setting %s: status %d\n%s", k, w.Code, b.site.log)
	}
}

func (b *browser) login(owner string) {
	b.site.t.Helper()
	w := b.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if err := s.Login(owner); err != nil {
			b.site.t.Error(err)
		}
	})
	if w.Code != http.StatusOK {
		b.site.t.Fatalf("signing in: status %d\n%s", w.Code, b.site.log)
	}
}

func (b *browser) owner() (owner string) {
	b.other().do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { owner = s.Owner() })
	return owner
}

// spy counts the calls of a store, and can stand between the core and the store.
type spy struct {
	store.FullStore

	mu    sync.Mutex
	calls map[string]int
	// around, if set, is called in place of each operation; do performs it.
	around func(op, id string, do func() error) error
	noMove bool
	// unreadable, if set, is the id of a record that the store cannot read.
	unreadable string
}

func (s *spy) call(op, id string, do func() error) error {
	s.mu.Lock()
	s.calls[op]++
	around := s.around
	s.mu.Unlock()
	if around == nil {
		return do()
	}
	return around(op, id, do)
}

func (s *spy) intercept(around func(op, id string, do func() error) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.around = around
}

// count runs f and returns the calls that it made, such as "load replace".
func (s *spy) count(f func()) map[string]int {
	s.mu.Lock()
	s.calls = map[string]int{}
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	counted := s.calls
	s.calls = map[string]int{}
	return counted
}

func (s *spy) Load(ctx context.Context, id string) (r store.Record, err error) {
	err = s.call("load", id, func() (err error) {
		if r, err = s.FullStore.Load(ctx, id); err == nil && id == s.unreadable {
			r, err = store.Record{}, cloakroom.ErrUnreadable
		}
		return err
	})
	return r, err
}

func (s *spy) Create(ctx context.Context, id string, r store.Record) (v store.Version, err error) {
	err = s.call("create", id, func() (err error) { v, err = s.FullStore.Create(ctx, id, r); return err })
	return v, err
}

func (s *spy) Replace(ctx context.Context, id string, old, next store.Record) (v store.Version, err error) {
	err = s.call("replace", id, func() (err error) { v, err = s.FullStore.Replace(ctx, id, old, next); return err })
	return v, err
}

func (s *spy) Touch(ctx context.Context, id string, r store.Record, expires time.Time) error {
	return s.call("touch", id, func() error { return s.FullStore.Touch(ctx, id, r, expires) })
}

func (s *spy) Delete(ctx context.Context, id string, r store.Record) error {
	return s.call("delete", id, func() error { return s.FullStore.Delete(ctx, id, r) })
}

func (s *spy) Move(ctx context.Context, id string, old, seal store.Record, newID string, next store.Record) (v store.Version, err error) {
	if s.noMove {
		return s.FullStore.(moveless).Move(ctx, id, old, seal, newID, next)
	}
	err = s.call("move", id, func() (err error) { v, err = s.FullStore.Move(ctx, id, old, seal, newID, next); return err })
	return v, err
}

// moveless is a store without atomic moves.
type moveless struct{ store.FullStore }

func (m moveless) Move(ctx context.Context, id string, old, seal store.Record, newID string, next store.Record) (store.Version, error) {
	return store.Complete(struct{ store.Store }{m.FullStore}).(store.Mover).Move(ctx, id, old, seal, newID, next)
}

// withoutMove makes the site's store one that cannot move records atomically.
func (s *site) withoutMove() *site {
	s.store.FullStore, s.store.noMove = moveless{s.store.FullStore}, true
	return s
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *syncBuffer) count(text string) int { return strings.Count(b.String(), text) }

func nothing(http.ResponseWriter, *http.Request, *cloakroom.Session) {}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }
