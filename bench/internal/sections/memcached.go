package sections

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/stores/memcachedstore"
)

// memcached has no peer: scs has no store for it.
func memcached(t testing.TB) (*Opened, error) {
	server := servers.StartMemcached(t, "-m", "256")
	var wire wireCount
	store, err := memcachedstore.New(memcachedstore.Options{Servers: []string{server.Addr}, Dial: wire.dial})
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

// wireCount counts the bytes that connections take and give.
type wireCount struct{ n atomic.Int64 }

func (w *wireCount) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return countedConn{c, w}, nil
}

type countedConn struct {
	net.Conn
	wire *wireCount
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wire.n.Add(int64(n))
	return n, err
}

func (c countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wire.n.Add(int64(n))
	return n, err
}
