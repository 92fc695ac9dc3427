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

// Connections knows the connections of a client, so that the store can close them when the server
// at their other end takes no writes any more: after a failover behind one address, such as a name,
// a Kubernetes service or a load balancer, the old primary keeps them open and refuses every write.
// A new connection leads to the new one. [Opener] uses it; a client of your own does like this:
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

// Track makes clients of this option report their connections. Call it before
// rueidis.NewClient. A DialCtxFn that is set goes on making them.
func (c *Connections) Track(option *rueidis.ClientOption) {
	dial := option.DialCtxFn
	if dial == nil {
		dial = dialTCP
	}
	option.DialCtxFn = func(ctx context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
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

// close closes those that are there, and waits a little until the client has noticed,
// which is when it closes them too. It does not look at those that nothing is sent on.
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

// noticeTime is how long that is at most.
const noticeTime = 50 * time.Millisecond

type tracked struct {
	net.Conn

	of     *Connections
	once   sync.Once
	closed chan struct{} // by the client
}

func (t *tracked) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	t.once.Do(func() { close(t.closed) })
	return t.Conn.Close()
}

const (
	// renewPause is how long connections are kept at least before they are closed for the same
	// reason again, since the address may lead to the wrong server still, which serves reads
	// meanwhile.
	renewPause = 100 * time.Millisecond

	// cutFor is for how long after that a read that fails may have been cut off by it.
	cutFor = time.Second

	// reconnectTries is how often a new connection is looked for, every few milliseconds: the
	// client notices a little later that its own was closed.
	reconnectTries = 20
	reconnectPause = 5 * time.Millisecond
)

// renewed closes the connections if an error says that another server should be asked
// by now, and reports whether that may be tried: nothing was done, and there is a new
// connection for the key.
func (s *Store) renewed(ctx context.Context, key string, err error) bool {
	if s.opts.Connections == nil || !otherServer(err) {
		return false
	}
	s.closeAll(ctx)
	for range reconnectTries {
		if s.watch(ctx, func(ctx context.Context) rueidis.RedisResult { return s.reached(ctx, key) }).NonRedisError() == nil {
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

// closeAll closes the connections, unless another call does so meanwhile, for which it waits.
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

// reached asks the server something by the connection that a write of the key would
// have. One that is dead is closed.
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

// mostDedicated is how many connections that writes had for themselves are looked through.
const mostDedicated = 100

// cutOff reports whether a read failed because its connection was closed for another
// call's sake. It may be made again.
func (s *Store) cutOff(err error) bool {
	if _, answered := rueidis.IsRedisErr(err); err == nil || answered || errors.Is(err, store.ErrNotFound) {
		return false
	}
	last := s.renewedAt.Load()
	return last != 0 && int64(time.Since(s.start))-last < int64(cutFor)
}
