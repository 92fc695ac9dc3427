package sections

import (
	"strconv"
	"testing"

	"github.com/alexedwards/scs/goredisstore"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
)

func redis(t testing.TB) (*Opened, error) { return onRedis(t, "redis", "redis-server") }

// Valkey is the section of a Valkey beside the Redis that must be there.
const Valkey = "valkey"

// HasValkey reports whether there is one.
func HasValkey() bool {
	_, err := servers.Find("valkey-server")
	return err == nil
}

func valkey(t testing.TB) (*Opened, error) { return onRedis(t, Valkey, "valkey-server") }

// onRedis counts bytes on the wire by the server's own counters.
func onRedis(t testing.TB, name, program string) (*Opened, error) {
	server := servers.StartRedis(t, servers.RedisOptions{Program: program})
	wire := func() int64 {
		in, _ := strconv.ParseInt(server.Info("total_net_input_bytes"), 10, 64)
		out, _ := strconv.ParseInt(server.Info("total_net_output_bytes"), 10, 64)
		return in + out
	}
	o := &Opened{URL: server.URL()}
	o.Sites = append(o.Sites, sites.Bare(name))

	store, closer, err := redisstore.Open(t.Context(), server.URL())
	if err != nil {
		return nil, err
	}
	closeLater(t, closer)
	o.Store = store
	if _, err := o.add(Cloakroom, name, store); err != nil {
		return nil, err
	}

	near, closer, err := redisstore.Open(t.Context(), server.URL()+"/?near_cache=10m&prefix=near:")
	if err != nil {
		return nil, err
	}
	closeLater(t, closer)
	if _, err := o.add(Near, name, near); err != nil {
		return nil, err
	}

	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}})
	if err != nil {
		return nil, err
	}
	t.Cleanup(client.Close)
	byDefault, err := redisstore.New(client, redisstore.Options{Prefix: "default:"})
	if err != nil {
		return nil, err
	}
	if _, err := o.add(DefaultClient, name, byDefault); err != nil {
		return nil, err
	}

	peer := goredis.NewClient(&goredis.Options{Addr: server.Addr, PoolSize: sites.GoRedisPool})
	closeLater(t, peer)
	o.Sites = append(o.Sites, sites.SCS(name, goredisstore.New(peer))...)
	for _, s := range o.Sites {
		s.Wire = wire
	}
	return o, nil
}
