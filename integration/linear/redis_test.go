package linear

import (
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

// TestLinearizableRedis is TestLinearizable on one Redis server and on a Cluster, where
// a sign-in takes two steps.
func TestLinearizableRedis(t *testing.T) {
	open := func(t *testing.T, rawURL string) *redisstore.Store {
		t.Helper()
		s, closer, err := redisstore.Open(t.Context(), rawURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closer.Close() })
		return s
	}
	for _, place := range []struct {
		name  string
		start func(testing.TB) string
	}{
		{"single", func(t testing.TB) string { return servers.StartRedis(t, servers.RedisOptions{}).URL() }},
		{"cluster", func(t testing.TB) string { return servers.StartCluster(t, servers.RedisOptions{}).URL() }},
	} {
		t.Run(place.name, func(t *testing.T) {
			rawURL := place.start(t)
			for _, oneIn := range []int{0, 20} {
				t.Run(fmt.Sprintf("faults one in %d", oneIn), func(t *testing.T) {
					for range *runsFlag {
						p := newPlan(t)
						p.faults = oneIn > 0
						check(t, p, []node{
							manager(t, faulty(open(t, rawURL), p.seed, oneIn)),
							manager(t, faulty(open(t, rawURL), p.seed+1, oneIn)),
						})
					}
				})
			}
		})
	}
}
