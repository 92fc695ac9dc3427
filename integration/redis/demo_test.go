package redis

import (
	"fmt"
	"os"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// TestDemo runs the checks of the demo's promises on one node and on a Cluster.
func TestDemo(t *testing.T) {
	check := func(name string, start func(testing.TB) string) {
		t.Run(name, func(t *testing.T) {
			demotest.Check(t, demotest.Store{URL: start, Shared: true, Durable: true, Lists: true})
		})
	}
	if rawURL := os.Getenv("CLOAKROOM_TEST_REDIS_URL"); rawURL != "" {
		check("Outside", func(testing.TB) string { return rawURL })
		return
	}
	check("Single", func(t testing.TB) string { return servers.StartRedis(t, servers.RedisOptions{}).URL() })
	cluster := servers.StartCluster(t, servers.RedisOptions{})
	places := 0
	check("Cluster", func(testing.TB) string {
		places++
		return fmt.Sprintf("%s&prefix=demo%d:", cluster.URL(), places)
	})
}
