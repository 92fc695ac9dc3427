package linear

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// bug is a deliberate bug of a store or of a site.
type bug struct {
	name  string
	store func(store.FullStore) store.Store
	site  func(http.Handler) http.Handler
	odds  int // how many store calls there are to an answer that is lost; zero is none
}

var bugs = []bug{
	{name: "the last write wins", store: func(s store.FullStore) store.Store { return lastWins{s} }},
	{name: "a save resurrects what was deleted", store: func(s store.FullStore) store.Store { return resurrecting{s} }},
	{name: "the old ticket survives a sign-in", store: func(s store.FullStore) store.Store { return copying{s} }},
	{name: "the index entry is dropped", store: func(s store.FullStore) store.Store { return unlisted{s} }},
	{name: "a deletion does nothing", store: func(s store.FullStore) store.Store { return undeleting{s} }},
	{name: "an unknown ticket is adopted", store: func(s store.FullStore) store.Store {
		return adopting{s, new(atomic.Pointer[store.Record])}
	}},
	{name: "an update is applied twice after an unknown outcome", odds: 8, store: func(s store.FullStore) store.Store { return forgetful{s} }},
	{name: "the commit comes after the response", site: lateCommit},
	{name: "the cookie of a slow request is cleared", site: clearing},
}

// findBugs fails the test for every deliberate bug that the checks miss, and returns the
// names of those that they caught.
func findBugs(t *testing.T) (caught []string) {
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			if by := b.find(t); by != "" {
				caught = append(caught, b.name+", "+by)
			} else {
				t.Error("the checks do not find it in ten runs")
			}
		})
	}
	t.Run("a near cache serves a session after its connection died", func(t *testing.T) {
		if stubbornness(t, false) {
			t.Error("the near cache served a session that had been revoked for longer than it may")
		}
		if stubbornness(t, true) {
			caught = append(caught, "a near cache serves a session after its connection died, by its readers")
		} else {
			t.Error("the check does not find it")
		}
	})
	return caught
}

// find returns what the checks found, or an empty string.
func (b *bug) find(t *testing.T) string {
	for try := range 10 {
		p := newPlan(t)
		p.atomicMoves, p.faults = true, b.odds > 0
		var st store.Store = memory(t)
		if b.store != nil {
			st = b.store(store.Complete(st))
		}
		var nodes []node
		for i := range 2 {
			site, err := newSite(faulty(st, p.seed+int64(i), b.odds), cloakroom.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if b.site != nil {
				site = b.site(site)
			}
			nodes = append(nodes, handled(site))
		}
		histories, err := p.histories(nodes)
		if err != nil {
			return fmt.Sprintf("by a client in run %d: %v", try+1, err)
		}
		if slices.ContainsFunc(histories, func(h *history) bool {
			return porcupine.CheckOperationsTimeout(model, h.ops, checkTime) == porcupine.Illegal
		}) {
			return fmt.Sprintf("by a history of run %d", try+1)
		}
	}
	return ""
}

// staleBound is how long a session that another process revoked may be served after the
// connection died that would have told of it, by [servers.Clock]: two seconds, and some more.
const staleBound = 2*time.Second + 500*time.Millisecond

// stubbornness reports whether a near cache serves a revoked session for too long after
// it was cut off. With the bug it keeps all that it saw.
func stubbornness(t *testing.T, buggy bool) bool {
	r := servers.StartRedis(t, servers.RedisOptions{})
	p := servers.StartProxy(t, r.Addr)
	open := func(rawURL string) store.FullStore {
		s, closer, err := redisstore.Open(t.Context(), rawURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closer.Close() })
		return store.Complete(s)
	}
	var cached store.Store = open("redis://" + p.Addr + "?near_cache=1m")
	if buggy {
		cached = stubborn{store.Complete(cached), new(sync.Map)}
	}
	here, there := manager(t, cached), manager(t, open("redis://"+r.Addr))
	run := (&plan{}).begin(nil)
	h := &history{number: 1}
	ask := func(to node, k kind, secret string) (output, string) {
		out, handed, err := run.send(to, input{kind: k}, h, secret, 0)
		if err != nil {
			t.Fatal(err)
		}
		return out, handed
	}
	_, secret := ask(there, create, "")
	_, secret = ask(there, login, secret)
	if out, _ := ask(here, get, secret); out.gone || out.unknown {
		t.Fatal("the session is not there")
	}
	clock := servers.StartClock(t)
	p.Stall() // the connection looks alive
	if out, _ := ask(there, revoke, ""); out.unknown {
		t.Fatal("not revoked")
	}
	revoked := clock.Now()
	for clock.Now()-revoked <= staleBound {
		if out, _ := ask(here, get, secret); out.gone || out.unknown {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}
