package storetest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestFresh: with Config.Fresh every rule has a store of its own, which its subtest
// opened, and a peer of the same.
func TestFresh(t *testing.T) {
	var mu sync.Mutex
	stores := map[string]*memstore.Store{} // by the name of the subtest
	peers := 0
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, storetest.Config{
			Fresh: true,
			Open: func(t testing.TB) store.Store {
				s, err := memstore.New(memstore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				mu.Lock()
				defer mu.Unlock()
				if stores[t.Name()] != nil {
					t.Error("opened twice for one rule")
				}
				stores[t.Name()] = s
				return s
			},
			Peer: func(t testing.TB) store.Store {
				mu.Lock()
				defer mu.Unlock()
				peers++
				return stores[t.Name()]
			},
			Precision: time.Nanosecond,
		})
	})
	if len(stores) < 20 || peers != len(stores) {
		t.Errorf("%d stores and %d peers were opened, want one of each for every rule", len(stores), peers)
	}
}
