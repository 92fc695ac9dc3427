package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// Connections knows the connections of a client, so that the store can close them when their server
// takes no writes any more: after a failover behind one address, such as a name, a Kubernetes
// service or a load balancer, the old primary keeps them open and refuses every write, while a new
// connection leads to the new primary. [Opener] uses it. With a client of your own:
//
//	var connections redisstore.Connections
//	option := rueidis.ClientOption{InitAddress: []string{"redis:6379"}}
//	connections.Track(&option)
//	client, err := rueidis.NewClient(option)
//	store, err := redisstore.New(client, redisstore.Options{Connections: &connections})
//
// The zero value is ready to use, for one client.
type Connections struct {
	mu   sync.Mutex
	open map[*tracked]bool
}

// Track makes clients of this option report their connections. Call it before rueidis.NewClient. A
// DialCtxFn that is set is still what dials.
func (c *Connections) Track(option *rueidis.ClientOption) {
	dial := option.DialCtxFn
	if dial == nil {
		dial = dialTCP
	}
	option.DialCtxFn = func(
		ctx context.Context, address string, d *net.Dialer, config *tls.Config,
	) (net.Conn, error) {
		conn, err := dial(ctx, address, d, config)
		if err != nil {
			return nil, err
		}
		return c.track(conn), nil
	}
}

func dialTCP(
	ctx context.Context, address string, d *net.Dialer, config *tls.Config,
) (net.Conn, error) {
	if config != nil {
		return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, "tcp", address)
	}
	return d.DialContext(ctx, "tcp", address)
}

func (c *Connections) track(conn net.Conn) net.Conn {
	t := &tracked{Conn: conn, of: c, closed: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*tracked]bool{}
	}
	c.open[t] = true
	return t
}

// close closes all connections, and waits a little until the client has noticed that and closed
// them too. It does not notice the loss of a connection on which nothing is sent.
func (c *Connections) close() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for t := range open {
		_ = t.Conn.Close()
	}
	enough := time.After(noticeTime)
	for t := range open {
		select {
		case <-t.closed:
		case <-enough:
			return
		}
	}
}

// noticeTime is how long close waits at most.
const noticeTime = 50 * time.Millisecond

type tracked struct {
	net.Conn

	of     *Connections
	once   sync.Once
	closed chan struct{} // closed by the client's Close
}

func (t *tracked) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	t.once.Do(func() { close(t.closed) })
	return t.Conn.Close()
}

const (
	// renewPause is how long connections are kept before they are closed for the same reason
	// again: the address may still lead to the wrong server, which serves reads meanwhile.
	renewPause = 100 * time.Millisecond

	// cutFor is for how long after closing them a failed read may have been cut off by that.
	cutFor = time.Second

	// reconnectTries is how often a new connection is tried, every few milliseconds: the client
	// notices a little late that its own was closed.
	reconnectTries = 20
	reconnectPause = 5 * time.Millisecond
)

// renewed closes the connections if an error says that another server should be asked, and reports
// whether the call may be repeated: nothing was done, and there is a new connection for the key.
func (s *Store) renewed(ctx context.Context, key string, err error) bool {
	if s.opts.Connections == nil || !otherServer(err) {
		return false
	}
	s.closeAll(ctx)
	for range reconnectTries {
		res := s.watch(ctx, func(ctx context.Context) rueidis.RedisResult {
			return s.reached(ctx, key)
		})
		if res.NonRedisError() == nil {
			return true
		}
		select {
		case <-time.After(reconnectPause):
		case <-ctx.Done():
			return false
		}
	}
	return false
}

// closeAll closes the connections. If another call is doing so, it waits for that instead.
func (s *Store) closeAll(ctx context.Context) {
	asked := time.Since(s.start)
	s.renewing.Lock()
	defer s.renewing.Unlock()
	last := time.Duration(s.renewedAt.Load())
	if last > asked {
		return
	}
	if rest := last + renewPause - time.Since(s.start); last > 0 && rest > 0 {
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
	}
	s.renewedAt.Store(int64(time.Since(s.start)))
	s.opts.Connections.close()
}

// reached makes a call on the connection that a write of the key would use, and closes that if it
// is dead.
func (s *Store) reached(ctx context.Context, key string) (res rueidis.RedisResult) {
	if s.unheld == nil {
		return s.client.Do(ctx, s.client.B().Exists().Key(key).Build())
	}
	for range mostDedicated {
		conn, release := s.client.Dedicate()
		res = conn.Do(ctx, conn.B().Exists().Key(key).Build())
		if res.NonRedisError() != nil {
			conn.Close()
		}
		release()
		if res.NonRedisError() == nil || ctx.Err() != nil {
			break
		}
	}
	return res
}

// mostDedicated is how many pooled connections reached tries.
const mostDedicated = 100

// cutOff reports whether a read may have failed because another call closed its connection. It may
// be repeated.
func (s *Store) cutOff(err error) bool {
	_, answered := rueidis.IsRedisErr(err)
	if err == nil || answered || errors.Is(err, store.ErrNotFound) {
		return false
	}
	last := s.renewedAt.Load()
	return last != 0 && int64(time.Since(s.start))-last < int64(cutFor)
}
