// Package adapters runs the demo's checks on programs in which each framework serves the
// demo's routes in its own way: one process on memory, and two on Redis.
package adapters

import (
	"os"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

func TestMain(m *testing.M) { os.Exit(demotest.Main(m)) }

// frameworks are the folders beside this file.
var frameworks = []string{"nethttp", "gin", "echo", "fiber", "gorilla"}

func TestMemory(t *testing.T) {
	for _, f := range frameworks {
		t.Run(f, func(t *testing.T) {
			demotest.Check(t, demotest.Store{
				Program: "integration/adapters/" + f,
				URL:     func(testing.TB) string { return "memory:" },
				Lists:   true,
			})
		})
	}
}

func TestRedis(t *testing.T) {
	for _, f := range frameworks {
		t.Run(f, func(t *testing.T) {
			demotest.Check(t, demotest.Store{
				Program: "integration/adapters/" + f,
				URL: func(t testing.TB) string {
					return servers.StartRedis(t, servers.RedisOptions{}).URL()
				},
				Shared: true, Durable: true, Lists: true,
			})
		})
	}
}
