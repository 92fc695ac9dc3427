package redis

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/site"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

const (
	childURL    = "CLOAKROOM_REDIS_CHILD_URL"
	childCookie = "CLOAKROOM_REDIS_CHILD_COOKIE"
)

// TestMain runs as the child process that a test started, when it is one.
func TestMain(m *testing.M) {
	if rawURL := os.Getenv(childURL); rawURL != "" {
		if err := child(rawURL, os.Getenv(childCookie)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(demotest.Main(m))
}

// child is one of four processes that count together.
func child(rawURL, cookie string) error {
	store, closer, err := redisstore.Open(context.Background(), rawURL)
	if err != nil {
		return err
	}
	defer closer.Close()
	s, err := site.Make(store)
	if err != nil {
		return err
	}
	return s.Add(cookie, 25, 10)
}

// counted fails unless the session counts to n.
func counted(t *testing.T, s *site.Site, cookie, want string) {
	t.Helper()
	body := make([]byte, 100)
	n, _ := s.Ask("/get", cookie).Body.Read(body)
	if got := strings.TrimSpace(string(body[:n])); got != want {
		t.Errorf("counted %q, want %q", got, want)
	}
}

// TestCountOneProcess: 1,000 increments of one value by 100 goroutines cost at most 2.2
// store calls each.
func TestCountOneProcess(t *testing.T) {
	onAll(t, func(t *testing.T, rawURL string) {
		s := site.Patient(t, open(t, rawURL))
		cookie := s.Start(t, "counter")
		before := s.Calls.Stats()
		if err := s.Add(cookie, 100, 10); err != nil {
			t.Error(err)
		}
		after := s.Calls.Stats()
		calls := float64(after.Loads-before.Loads+after.Replaces-before.Replaces+after.Touches-before.Touches+after.Creates-before.Creates) / 1000
		t.Logf("%.3f calls each; %+v", calls, after)
		if calls > 2.2 {
			t.Errorf("%.3f store calls each, want at most 2.2", calls)
		}
		counted(t, s, cookie, "counter 1000")
	})
}

// TestCountFourProcesses: the same in four processes, without a failure.
func TestCountFourProcesses(t *testing.T) {
	onAll(t, func(t *testing.T, rawURL string) {
		s := site.Patient(t, open(t, rawURL))
		cookie := s.Start(t, "counter")
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			cmd := exec.CommandContext(t.Context(), exe)
			cmd.Env = append(os.Environ(), childURL+"="+rawURL, childCookie+"="+cookie)
			wg.Go(func() {
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		wg.Wait()
		counted(t, s, cookie, "counter 1000")
	})
}

// onAll runs a test on a single server and on a Cluster.
func onAll(t *testing.T, test func(t *testing.T, rawURL string)) {
	t.Run("single", func(t *testing.T) { test(t, servers.StartRedis(t, servers.RedisOptions{}).URL()) })
	t.Run("near", func(t *testing.T) { test(t, servers.StartRedis(t, servers.RedisOptions{}).URL()+"/?near_cache=1m") })
	t.Run("cluster", func(t *testing.T) { test(t, servers.StartCluster(t, servers.RedisOptions{}).URL()) })
}
