// Package redis tests redisstore on real servers: redis-server, and valkey-server where
// there is one.
package redis

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

var (
	cluster = []storetest.Ability{storetest.Owners, storetest.Lists}
	single  = append([]storetest.Ability{storetest.Moves}, cluster...)
)

// open opens a store by URL, with parameters added.
func open(t testing.TB, rawURL string, parameters ...string) *redisstore.Store {
	t.Helper()
	for _, p := range parameters {
		if strings.Contains(rawURL, "?") {
			rawURL += "&" + p
		} else {
			rawURL += "?" + p
		}
	}
	store, closer, err := redisstore.Open(t.Context(), rawURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return store
}

// conforms runs storetest with two clients, as of two processes.
func conforms(t *testing.T, abilities []storetest.Ability, rawURL string, parameters ...string) {
	t.Helper()
	opener := func(t testing.TB) store.Store { return open(t, rawURL, parameters...) }
	t.Run("contract", func(t *testing.T) { // returns when the parallel cases have ended
		storetest.Run(t, storetest.Config{Abilities: abilities, Open: opener, Peer: opener})
	})
}

// nearConforms runs storetest through a near cache, which promises what a process reads
// of its own writes.
func nearConforms(t *testing.T, abilities []storetest.Ability, rawURL string) {
	t.Helper()
	storetest.Run(t, storetest.Config{Abilities: abilities, Open: func(t testing.TB) store.Store {
		return open(t, rawURL, "near_cache=1m")
	}})
}

// programs are the servers to test with: Redis in any case, Valkey where it is.
func programs(t *testing.T, test func(t *testing.T, program string)) {
	for _, program := range []string{"redis-server", "valkey-server"} {
		t.Run(program, func(t *testing.T) {
			if program != "redis-server" {
				servers.Optional(t, program)
			}
			test(t, program)
		})
	}
}

func TestSingle(t *testing.T) {
	t.Parallel()
	programs(t, func(t *testing.T, program string) {
		r := servers.StartRedis(t, servers.RedisOptions{Program: program})
		conforms(t, single, r.URL())
	})
}

func TestDatabaseAndPrefix(t *testing.T) {
	t.Parallel()
	r := servers.StartRedis(t, servers.RedisOptions{})
	conforms(t, single, r.URL()+"/3", "prefix=a*[b]%3Fc:")
	if got := r.Info("db0"); got != "" {
		t.Errorf("database 0 has %s", got)
	}
}

func TestUnixSocket(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{})
	conforms(t, single, "redis+unix://"+r.Socket, "db=1")
}

func TestTLS(t *testing.T) {
	t.Parallel()
	r := servers.StartRedis(t, servers.RedisOptions{TLS: servers.NewTLS(t)})
	conforms(t, single, r.URL())
	if _, _, err := redisstore.Open(t.Context(), "rediss://"+r.Addr); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
}

// Rights are all that the store needs, beside those to sign in. A Cluster's client
// needs cluster|slots too, cluster|shards from Redis 8 on, and waiting for replicas
// needs wait.
const rights = "resetkeys ~session:* resetchannels -@all +ping +info +time +scan +get +set +del +exists +pexpireat +pexpiretime" +
	" +persist +hset +hget +hdel +hscan +hrandfield +eval +evalsha +eval_ro +evalsha_ro"

func TestACL(t *testing.T) {
	t.Parallel()
	programs(t, func(t *testing.T, program string) {
		r := servers.StartRedis(t, servers.RedisOptions{Program: program})
		const secret = "p@ss/w:rd"
		r.Do(t, append([]string{"ACL", "SETUSER", "app", "on", ">" + secret}, strings.Fields(rights)...)...)
		r.Do(t, "ACL", "SETUSER", "default", "off")
		as := func(user, password string) string {
			return (&url.URL{Scheme: "redis", User: url.UserPassword(user, password), Host: r.Addr}).String()
		}
		conforms(t, single, as("app", secret))
		_, _, err := redisstore.Open(t.Context(), as("app", "wr/ng"))
		if err == nil || strings.Contains(err.Error(), "wr/ng") || strings.Contains(err.Error(), "wr%2Fng") {
			t.Errorf("with a wrong password: %v", err)
		}
		if page, err := os.ReadFile("../../docs/stores/redis.md"); err != nil || !strings.Contains(string(page), rights) {
			t.Errorf("docs/stores/redis.md does not have these rights; %v", err)
		}
	})
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	programs(t, func(t *testing.T, program string) {
		s := servers.StartSentinel(t, servers.RedisOptions{Program: program})
		conforms(t, single, s.URL(), "wait_replicas=1")
	})
}

func TestCluster(t *testing.T) {
	t.Parallel()
	programs(t, func(t *testing.T, program string) {
		c := servers.StartCluster(t, servers.RedisOptions{Program: program})
		t.Run("plain", func(t *testing.T) { conforms(t, cluster, c.URL()) })
		t.Run("wait", func(t *testing.T) { conforms(t, cluster, c.URL(), "wait_replicas=1") })
		t.Run("near", func(t *testing.T) { nearConforms(t, cluster, c.URL()) })
	})
}

// TestOutside runs the suite on a server that was started by others.
func TestOutside(t *testing.T) {
	rawURL := os.Getenv("CLOAKROOM_TEST_REDIS_URL")
	if rawURL == "" {
		t.Skip("CLOAKROOM_TEST_REDIS_URL is not set")
	}
	abilities := single
	if strings.Contains(rawURL, "cluster=true") {
		abilities = cluster
	}
	conforms(t, abilities, rawURL, "prefix=cloakroom-test:")
}
