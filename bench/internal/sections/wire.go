package sections

import (
	"context"
	"net"
	"sync/atomic"
)

// Wire counts the bytes that connections take and give.
type Wire struct{ n atomic.Int64 }

func (w *Wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return countedConn{c, w}, nil
}

type countedConn struct {
	net.Conn
	wire *Wire
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
