package mongostore

import (
	"context"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
)

// connections are those of a client that was opened by URL. If one address leads to the primary, as
// with directConnection behind a name or a proxy, a demoted primary keeps them open and refuses
// every write, while a new connection leads to the new primary.
type connections struct {
	net.Dialer

	mu     sync.Mutex
	open   map[*tracked]bool
	latest time.Time // when they were last closed
}

const (
	// renewPause is how long connections are kept before they are closed for the same reason
	// again: the client takes up to a second to find the server anew. What is refused meanwhile is
	// an error at once.
	renewPause = 2 * time.Second

	// reconnectTries is how often the new server is tried.
	reconnectTries = 20
	reconnectPause = 5 * time.Millisecond
)

// DialContext implements options.ContextDialer.
func (c *connections) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t := &tracked{Conn: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*tracked]bool{}
	}
	c.open[t] = true
	return t, nil
}

// close closes all connections, and reports false if another call has just done so.
func (c *connections) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.latest) < renewPause {
		return false
	}
	c.latest = time.Now()
	for t := range c.open {
		_ = t.Conn.Close()
	}
	clear(c.open)
	return true
}

type tracked struct {
	net.Conn

	of *connections
}

func (t *tracked) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	return t.Conn.Close()
}

// again calls do, and once more on a new connection if the server says that it is not the primary
// any more: it has done nothing then.
func (s *Store) again(ctx context.Context, do func() error) error {
	err := do()
	if s.conns == nil || !notPrimary(err) || !s.conns.close() {
		return err
	}
	for range reconnectTries {
		// The first call lets the client notice that its connections are closed.
		if s.coll.Database().Client().Ping(ctx, readpref.Primary()) == nil {
			return do()
		}
		select {
		case <-time.After(reconnectPause):
		case <-ctx.Done():
			return err
		}
	}
	return err
}
