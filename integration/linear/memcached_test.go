package linear

import (
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
)

// TestLinearizableMemcached is TestLinearizable on three memcached servers, or on one
// that is paused and whose connections are cut. memcached cannot list, so there are no
// revocations.
func TestLinearizableMemcached(t *testing.T) {
	open := func(t *testing.T, addresses ...string) *memcachedstore.Store {
		t.Helper()
		s, err := memcachedstore.New(memcachedstore.Options{Servers: addresses})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	for _, oneIn := range []int{0, 20} {
		t.Run(fmt.Sprintf("three servers/faults one in %d", oneIn), func(t *testing.T) {
			var addresses []string
			for range 3 {
				addresses = append(addresses, servers.StartMemcached(t).Addr)
			}
			for range *runsFlag {
				p := newPlan(t)
				p.faults, p.revokes = oneIn > 0, false
				check(t, p, []node{
					manager(t, faulty(open(t, addresses...), p.seed, oneIn)),
					manager(t, faulty(open(t, addresses...), p.seed+1, oneIn)),
				})
			}
		})
	}
	t.Run("cut and paused", func(t *testing.T) {
		m := servers.StartMemcached(t)
		proxy := servers.StartProxy(t, m.Addr)
		for range *runsFlag {
			p := newPlan(t)
			p.faults, p.revokes = true, false
			stop := cutAndPause(t, proxy, m.Process)
			check(t, p, []node{manager(t, open(t, proxy.Addr)), manager(t, open(t, m.Addr))})
			stop()
		}
	})
}
