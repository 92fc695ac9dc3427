package sections

import (
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
)

// memcached has no peer: scs has no store for it.
func memcached(t testing.TB) (*Opened, error) {
	server := servers.StartMemcached(t, "-m", "256")
	var wire Wire
	store, err := memcachedstore.New(memcachedstore.Options{
		Servers: []string{server.Addr}, Dial: wire.dial,
	})
	if err != nil {
		return nil, err
	}
	closeLater(t, store)
	o := &Opened{Store: store, URL: server.URL(), Sites: []*measure.Site{sites.Bare("memcached")}}
	s, err := o.add(Cloakroom, "memcached", store)
	if err == nil {
		s.Wire = wire.n.Load
	}
	return o, err
}
