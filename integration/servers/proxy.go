package servers

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a server, and disturbs them on demand. Otherwise it
// is transparent. It is safe for concurrent use.
type Proxy struct {
	Addr string // 127.0.0.1:PORT

	network, target string
	listener        net.Listener
	serialize       Splitter
	one             sync.Mutex // held while a request is in flight, if they are serialised

	mu      sync.Mutex
	changed *sync.Cond
	conns   map[net.Conn]bool // and whether a cut closes it
	closed  bool
	cut     bool
	delay   time.Duration
	stalled bool
	budget  int // bytes of answers until it stalls by itself; negative for no end
	wg      sync.WaitGroup

	left atomic.Int64 // clients that are known to have gone, if requests are serialised
}

// StartProxy passes connections on to target, a TCP address or the path of a Unix socket,
// until the test ends.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	return startProxy(t, target, nil)
}

// StartSerializer is StartProxy with one request in flight at a time, over all
// connections: the next goes when the response to the one before has passed. A request
// that reads and writes nothing does not wait, see [Splitter]. A request whose client has
// gone before its turn is dropped.
func StartSerializer(t testing.TB, target string, s Splitter) *Proxy {
	t.Helper()
	return startProxy(t, target, s)
}

func startProxy(t testing.TB, target string, s Splitter) *Proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		Addr: l.Addr().String(), network: "tcp", target: target, listener: l,
		serialize: s, conns: map[net.Conn]bool{}, budget: -1,
	}
	if target[0] == '/' {
		p.network = "unix"
	}
	p.changed = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Cut closes all connections, and refuses new ones until [Proxy.Mend].
func (p *Proxy) Cut() {
	p.change(func() {
		p.cut = true
		for c, cuts := range p.conns {
			if cuts {
				_ = c.Close()
			}
		}
	})
}

// Stall lets nothing pass in either direction until [Proxy.Mend], and keeps connections
// open, as a pulled cable does. New connections are accepted and stall too.
func (p *Proxy) Stall() { p.change(func() { p.stalled = true }) }

// StallAfter stalls after n more bytes of responses, so that the client has half a
// message.
func (p *Proxy) StallAfter(n int) { p.change(func() { p.budget = n }) }

// Lead makes new connections lead to another TCP address and keeps those that are there,
// like a name that now means another server.
func (p *Proxy) Lead(target string) { p.change(func() { p.target = target }) }

// Delay delays everything by d in either direction. Zero ends it.
func (p *Proxy) Delay(d time.Duration) { p.change(func() { p.delay = d }) }

// Mend ends cuts and stalls. What was stalled passes.
func (p *Proxy) Mend() { p.change(func() { p.cut, p.stalled, p.budget = false, false, -1 }) }

// Stalled reports whether the proxy stalls now.
func (p *Proxy) Stalled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stalled
}

func (p *Proxy) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.changed.Broadcast()
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	p.change(func() {
		p.closed = true
		for c := range p.conns {
			_ = c.Close()
		}
	})
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.track(c, true) {
			p.wg.Go(func() { p.serve(c) })
		}
	}
}

// track adds a connection, and whether a cut closes it. If there must be none, it closes
// the connection.
func (p *Proxy) track(c net.Conn, cuts bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.cut {
		_ = c.Close()
		return false
	}
	p.conns[c] = cuts
	return true
}

func (p *Proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := (&net.Dialer{}).DialContext(context.Background(), p.network, target)
	if err != nil || !p.track(server, p.serialize == nil) {
		return
	}
	defer p.forget(server)
	if p.serialize != nil {
		p.serveOneByOne(client, server)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.pump(server, client, false) })
	p.pump(client, server, true)
	wg.Wait()
}

// pump copies until one side ends, and then ends the other.
func (p *Proxy) pump(to, from net.Conn, answers bool) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if werr := p.pass(to, buf[:n], answers); err != nil || werr != nil {
			return
		}
	}
}

// pass writes b when it may.
func (p *Proxy) pass(to net.Conn, b []byte, answer bool) error {
	for len(b) > 0 {
		n, delay, err := p.admit(len(b), answer)
		if err != nil {
			return err
		}
		time.Sleep(delay)
		if _, err := to.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// admit waits until something may pass, and returns how many bytes.
func (p *Proxy) admit(n int, answer bool) (int, time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed || p.cut:
			return 0, 0, errors.New("the proxy is cut")
		case p.stalled:
		case !answer || p.budget < 0:
			return n, p.delay, nil
		case p.budget == 0:
			p.stalled = true
		default:
			n = min(n, p.budget)
			p.budget -= n
			return n, p.delay, nil
		}
		p.changed.Wait()
	}
}
