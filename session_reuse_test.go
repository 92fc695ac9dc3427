package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// deriving is a store that derives a context from the load's, which something goes on
// waiting for after the load.
type deriving struct {
	store.FullStore
	wrap bool // it adds a value, as tracing does
	left *sync.WaitGroup
}

func (d deriving) Load(ctx context.Context, id string) (store.Record, error) {
	if d.wrap {
		ctx = context.WithValue(ctx, deriving{}, true)
	}
	child, cancel := context.WithCancel(ctx)
	d.left.Go(func() {
		<-child.Done()
		cancel()
	})
	return d.FullStore.Load(ctx, id)
}

// TestContextAfterLoad: a context of a load ends with it, also for who looks later,
// while the commit has its own time.
func TestContextAfterLoad(t *testing.T) {
	for _, wrap := range []bool{false, true} {
		mem, err := memstore.New(memstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer mem.Close()
		var left sync.WaitGroup
		m, err := cloakroom.New(deriving{mem, wrap, &left}, cloakroom.Options{Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		s := m.Open(t.Context(), "")
		name.Set(s, "ann")
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		ticket := s.Cookie().Value
		s.Close()
		for range 2000 {
			s := m.Open(t.Context(), ticket)
			name.Update(s, func(v string) string { return v })
			if err := s.Save(); err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
		left.Wait()
	}
}

// TestAbandonedLoad: a load that a store gave up and left running gets in the way of no
// second one.
func TestAbandonedLoad(t *testing.T) {
	mem, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	abandoned := abandoning{FullStore: mem}
	m, err := cloakroom.New(&abandoned, cloakroom.Options{
		InsecureCookie: true,
		Logger:         slog.New(slog.DiscardHandler),
		Profile: &cloakroom.Profile{
			ID: func(s string) (string, bool) { return s, true }, Ticket: func(s string) string { return s },
			NewID: func() string { return "new" }, OwnerName: "owner", RefreshEachRequest: true,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := benchRequest(t, &http.Cookie{Name: m.Options().CookieName, Value: "ticket"})
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK) // the refresh is what loads first
		if err := m.Get(r).Load(); err != nil {
			t.Errorf("second load: %v", err)
		}
	})).ServeHTTP(newRecorder(), r)
	abandoned.left.Wait()
}

// abandoning is a store whose first load fails, and goes on.
type abandoning struct {
	store.FullStore
	once sync.Once
	left sync.WaitGroup
}

func (a *abandoning) Load(ctx context.Context, id string) (store.Record, error) {
	first := false
	a.once.Do(func() { first = true })
	if first {
		a.left.Go(func() {
			for range 500 {
				_, _ = a.FullStore.Load(ctx, id)
			}
		})
		return store.Record{}, errLost
	}
	return a.FullStore.Load(ctx, id)
}

// TestPanics: a panic of a store or of a function of the caller's leaves a session that
// can be closed.
func TestPanics(t *testing.T) {
	for what, use := range map[string]func(s *site, tab *browser, x *cloakroom.Session){
		"Renew, load": func(s *site, _ *browser, x *cloakroom.Session) {
			s.store.once("load", func(func() error) error { panic("load") })
			_ = x.Renew()
		},
		"Save, touch": func(s *site, _ *browser, x *cloakroom.Session) {
			s.clock.advance(20 * time.Minute)
			s.store.once("touch", func(func() error) error { panic("touch") })
			_ = errors.Join(x.Load(), x.Save())
		},
		"Save after the end, function": func(_ *site, tab *browser, x *cloakroom.Session) {
			_ = errors.Join(x.Load(), x.Login("ann"))
			calls := 0
			name.Update(x, func(v string) string {
				if calls++; calls > 1 {
					panic("function")
				}
				return v
			})
			tab.other().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { x.Logout() })
			_ = x.Save()
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			tab := s.browser()
			tab.set(name, "1")
			x := s.m.Open(t.Context(), tab.cookie)
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				use(s, tab, x)
			}()
			x.Close() // not for ever
			if err := x.Err(); !errors.Is(err, cloakroom.ErrFinished) {
				t.Error(err)
			}
		})
	}
}

// TestReuse: with everything that can be done to a session, during its request and
// after, no session sees what is another's.
func TestReuse(t *testing.T) {
	for _, format := range []cloakroom.Format{cloakroom.MessagePack, cloakroom.JSON} {
		s := newSite(t, cloakroom.Options{Format: format})
		s.store.intercept(func(_, _ string, do func() error) error {
			switch rand.IntN(60) {
			case 0:
				return errLost
			case 1:
				_ = do()
				return errLost
			case 2:
				time.Sleep(time.Duration(rand.IntN(200)) * time.Microsecond)
			}
			return do()
		})
		var requests, left sync.WaitGroup
		var jars [3]jar
		for i := range 9 {
			requests.Go(func() {
				who := fmt.Sprint("user ", i%len(jars))
				for range 150 {
					tab := jars[i%len(jars)].tab(s)
					tab.do(func(w http.ResponseWriter, _ *http.Request, x *cloakroom.Session) {
						left.Go(func() {
							for range 8 {
								useSomehow(t, x, who)
							}
						})
						for range rand.IntN(5) {
							useSomehow(t, x, who)
						}
						if rand.IntN(3) == 0 {
							w.WriteHeader(http.StatusOK)
							useSomehow(t, x, who)
						}
					})
					jars[i%len(jars)].keep(tab)
				}
			})
		}
		requests.Wait()
		left.Wait()
		s.store.intercept(nil)
		for range 100 {
			if w := s.browser().do(func(_ http.ResponseWriter, _ *http.Request, x *cloakroom.Session) { name.Get(x) }); w.Code != http.StatusOK {
				t.Fatalf("%v: a request without a session: status %d", format, w.Code)
			}
		}
	}
}

// jar is the cookie of a browser with several requests at once.
type jar struct {
	mu     sync.Mutex
	cookie string
}

func (j *jar) tab(s *site) *browser {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &browser{site: s, m: s.m, cookie: j.cookie}
}

func (j *jar) keep(b *browser) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cookie = b.cookie
}

func useSomehow(t *testing.T, x *cloakroom.Session, who string) {
	keys := [...]cloakroom.Key[string]{"a", "b", "c"}
	k := keys[rand.IntN(len(keys))]
	check := func(got string) string {
		if got != "" && !strings.HasPrefix(got, who) {
			t.Errorf("%s sees %q", who, got)
		}
		return who + strings.Repeat("!", rand.IntN(40))
	}
	switch rand.IntN(16) {
	case 0:
		k.Set(x, check(k.Get(x)))
	case 1:
		k.Update(x, check)
	case 2:
		got, _ := k.UpdateNow(x, check)
		check(got)
	case 3:
		_ = x.Transact(func(tx *cloakroom.Tx) error {
			for _, k := range keys {
				k.Set(tx, check(k.Get(tx)))
			}
			return nil
		})
	case 4:
		_ = x.Save()
	case 5:
		_ = x.Reload()
	case 6:
		_ = x.KeepAlive()
	case 7:
		k.Delete(x)
	case 8:
		if rand.IntN(4) == 0 {
			_ = x.Logout()
		}
	case 9:
		if rand.IntN(4) == 0 {
			_ = x.Login(who)
		}
	case 10:
		_ = x.Renew()
	case 11:
		check(x.Owner())
	case 12:
		x.Flash("note", who)
	case 13:
		for _, f := range x.Flashes() {
			check(f.Message)
		}
	case 14:
		x.SetPersistent(rand.IntN(2) == 0)
	default:
		check(k.Get(x))
	}
}
