package cloakroom_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

const (
	a     = cloakroom.Key[string]("a")
	b     = cloakroom.Key[string]("b")
	count = cloakroom.Key[int]("count")
)

func setting(k cloakroom.Key[string], v string) handlerFunc {
	return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { k.Set(s, v) }
}

func shout(s string) string { return s + "!" }

func getting(k cloakroom.Key[string]) handlerFunc {
	return func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { k.Get(s) }
}

// TestP1Calls: a request costs the store calls that it needs, and no other.
func TestP1Calls(t *testing.T) {
	for _, test := range []struct {
		name   string
		noMove bool
		h      handlerFunc
		want   map[string]int
	}{
		{"untouched", false, nothing, map[string]int{}},
		{"read", false, getting(a), map[string]int{"load": 1}},
		{"read twice", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Get(s); b.Get(s); s.ID() }, map[string]int{"load": 1}},
		{"change", false, setting(a, "2"), map[string]int{"load": 1, "replace": 1}},
		{"change two", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Set(s, "2"); b.Set(s, "3") }, map[string]int{"load": 1, "replace": 1}},
		{"delete what is absent", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { b.Delete(s) }, map[string]int{"load": 1}},
		{"update to the same", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Update(s, strings.ToLower) }, map[string]int{"load": 1}},
		{"no flashes", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Flashes() }, map[string]int{"load": 1}},
		{"clear", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Clear() }, map[string]int{"load": 1, "replace": 1}},
		{"sign in", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann") }, map[string]int{"load": 1, "move": 1}},
		{"sign in without moves", true, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Login("ann") }, map[string]int{"load": 1, "replace": 1, "create": 1}},
		{"sign out", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() }, map[string]int{"load": 1, "delete": 1}},
		{"apply", false, func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			count.UpdateNow(s, func(n int) int { return n + 1 })
		}, map[string]int{"load": 1, "replace": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{})
			if test.noMove {
				s.withoutMove()
			}
			tab := s.browser()
			tab.set(a, "1")
			got := s.store.count(func() { tab.do(test.h) })
			if !maps.Equal(got, test.want) {
				t.Errorf("calls %v, want %v", got, test.want)
			}
		})
	}
}

// TestP1Anonymous: without a ticket, reading costs nothing, and nothing stored sets no cookie.
func TestP1Anonymous(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	for name, h := range map[string]handlerFunc{
		"untouched": nothing,
		"read":      getting(a),
		"set and deleted": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Set(s, "1")
			a.Delete(s)
		},
		"cleared": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Clear(); s.Logout() },
	} {
		tab := s.browser()
		got := s.store.count(func() {
			if w := tab.do(h); w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s: sets a cookie", name)
			}
		})
		if len(got) > 0 {
			t.Errorf("%s: calls %v, want none", name, got)
		}
	}
}

// TestP1Touch: sliding expiry is written about once per tenth of the idle timeout.
func TestP1Touch(t *testing.T) {
	s := newSite(t, cloakroom.Options{Idle: 30 * time.Minute})
	tab := s.browser()
	tab.set(a, "1")
	got := s.store.count(func() {
		for range 180 { // an hour and a half, a request every half minute
			s.clock.advance(30 * time.Second)
			tab.do(getting(a))
		}
	})
	if got["load"] != 180 || got["touch"] < 25 || got["touch"] > 30 {
		t.Errorf("calls %v, want 180 loads and about 30 touches", got)
	}
	if v := tab.value(a); v != "1" {
		t.Errorf("value %q: a session in use has expired", v)
	}
}

// TestP1ChangesSlide: a change is a use like any other, so what a store knows of the
// expiry stays as it is most of the time.
func TestP1ChangesSlide(t *testing.T) {
	s := newSite(t, cloakroom.Options{Idle: 30 * time.Minute})
	tab := s.browser()
	tab.set(a, "0")
	var expires []time.Time
	for i := range 180 { // an hour and a half, a change every half minute
		s.clock.advance(30 * time.Second)
		tab.set(a, fmt.Sprint(i))
		tab.do(func(_ http.ResponseWriter, _ *http.Request, at *cloakroom.Session) {
			expires = append(expires, at.ExpiresAt())
		})
		if left := expires[i].Sub(s.clock.Now()); left <= 27*time.Minute || left > 30*time.Minute {
			t.Fatalf("change %d leaves %v", i, left)
		}
	}
	if n := len(slices.Compact(expires)); n < 25 || n > 31 {
		t.Errorf("%d expiries, want about 30", n)
	}
	tab.login("ann")
	tab.do(func(_ http.ResponseWriter, _ *http.Request, at *cloakroom.Session) {
		if left := at.ExpiresAt().Sub(s.clock.Now()); left != 30*time.Minute {
			t.Errorf("a sign-in leaves %v", left)
		}
	})
}

// TestP2TwoValues: requests that change different values both keep their change.
func TestP2TwoValues(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(name, "0")
	// this process, and another
	for _, m := range []*cloakroom.Manager{s.m, s.manager(cloakroom.Options{})} {
		slow := tab.other().begin(getting(a), setting(a, "slow"))
		quick := tab.other()
		quick.m = m
		quick.set(b, "quick")
		if w := slow(); w.Code != http.StatusOK {
			t.Fatal(w.Code, s.log)
		}
		if x, y := tab.value(a), tab.value(b); x != "slow" || y != "quick" {
			t.Errorf("a=%q b=%q: an update was lost", x, y)
		}
	}
}

// TestP2LaterCommitStands: of two plain sets of one value, the later commit stands,
// also when it sets what the value was before.
func TestP2LaterCommitStands(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "dark")
	slow := tab.other().begin(getting(a), setting(a, "dark"))
	tab.other().set(a, "light")
	slow()
	if v := tab.value(a); v != "dark" {
		t.Errorf("a=%q, want what was committed last", v)
	}
}

// TestP2Exact: read-modify-writes are exact, in one process and across several, and
// what UpdateNow returns is what it committed.
func TestP2Exact(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 20 * time.Second})
	tab := s.browser()
	tab.set(name, "0")
	managers := []*cloakroom.Manager{s.m, s.manager(cloakroom.Options{Timeout: 20 * time.Second}), s.manager(cloakroom.Options{Timeout: 20 * time.Second})}
	const each, workers = 20, 24
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[int]bool{}
	)
	for i := range workers {
		tab := tab.other()
		tab.m = managers[i%len(managers)]
		wg.Go(func() {
			for range each {
				var n int
				var err error
				w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
					switch i % 3 {
					case 0:
						n, err = count.UpdateNow(s, func(n int) int { return n + 1 })
					case 1:
						err = s.Transact(func(tx *cloakroom.Tx) error {
							n = count.Get(tx) + 1
							count.Set(tx, n)
							name.Set(tx, fmt.Sprint(n))
							return nil
						})
					default:
						count.Update(s, func(n int) int { return n + 1 })
					}
				})
				if err != nil || w.Code != http.StatusOK {
					t.Error(w.Code, err)
					return
				}
				if i%3 == 2 {
					continue
				}
				mu.Lock()
				if seen[n] {
					t.Errorf("%d was returned twice", n)
				}
				seen[n] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if n := count.Get(s); n != workers*each {
			t.Errorf("count is %d, want %d", n, workers*each)
		}
	})
}

// TestP2Calls: increments of one value at once in one process cost about two calls each.
func TestP2Calls(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(name, "0")
	const n = 1000
	got := s.store.count(func() {
		var wg sync.WaitGroup
		for range 100 {
			tab := tab.other()
			wg.Go(func() {
				for range n / 100 {
					if w := tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
						count.Update(s, func(n int) int { return n + 1 })
					}); w.Code != http.StatusOK {
						t.Error(w.Code)
					}
				}
			})
		}
		wg.Wait()
	})
	calls := 0
	for _, c := range got {
		calls += c
	}
	if calls > n*22/10 {
		t.Errorf("%d calls for %d increments: %v", calls, n, got)
	}
}

// TestP3DeletionWins: a request in flight can't bring a session back that was ended meanwhile,
// nor write into it; its response goes out without a cookie.
func TestP3DeletionWins(t *testing.T) {
	ends := map[string]func(*site, *browser){
		"sign out": func(_ *site, tab *browser) {
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Logout() })
		},
		"revoke": func(s *site, tab *browser) {
			var id string
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { id = s.ID() })
			if err := s.m.Revoke(t.Context(), "ann", id); err != nil {
				t.Error(err)
			}
		},
		"revoke all": func(s *site, _ *browser) {
			if n, err := s.m.RevokeOwned(t.Context(), "ann"); n != 1 || err != nil {
				t.Errorf("RevokeOwned: %d, %v", n, err)
			}
		},
		"expire": func(s *site, _ *browser) { s.clock.advance(31 * time.Minute) },
		"new ticket": func(_ *site, tab *browser) {
			tab.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.Renew() })
		},
		"sign in":     func(_ *site, tab *browser) { tab.login("bob") },
		"other place": func(s *site, tab *browser) { tab.m = s.manager(cloakroom.Options{}); tab.login("bob") },
	}
	changes := map[string]handlerFunc{
		"set":        setting(a, "slow"),
		"update":     func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { a.Update(s, shout) },
		"persistent": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { s.SetPersistent(true) },
		"apply": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			if _, err := a.UpdateNow(s, shout); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("UpdateNow: %v, want ErrEnded", err)
			}
		},
		"save": func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
			a.Set(s, "slow")
			if err := s.Save(); !errors.Is(err, cloakroom.ErrEnded) {
				t.Errorf("Save: %v, want ErrEnded", err)
			}
		},
		"nothing": nothing,
	}
	for end, do := range ends {
		for change, h := range changes {
			t.Run(end+"/"+change, func(t *testing.T) {
				s := newSite(t, cloakroom.Options{})
				tab := s.browser()
				tab.set(a, "1")
				tab.login("ann")
				old := tab.other()
				slow := tab.other().begin(getting(a), h)
				do(s, tab)
				w := slow()
				if w.Code != http.StatusOK || w.Header().Get("Set-Cookie") != "" {
					t.Errorf("slow request: status %d, Set-Cookie %q; want 200 and none", w.Code, w.Header().Get("Set-Cookie"))
				}
				if v, owner := old.value(a), old.owner(); v != "" || owner != "" {
					t.Errorf("the old ticket reads %q of %q", v, owner)
				}
				if change != "nothing" && s.log.count("changes were dropped") == 0 && change != "apply" && change != "save" {
					t.Errorf("dropped changes were not reported:\n%s", s.log)
				}
				if tab.cookie != old.cookie && tab.cookie != "" {
					if v := tab.value(a); v == "slow" {
						t.Error("the slow request wrote into the new session")
					}
				}
			})
		}
	}
}
