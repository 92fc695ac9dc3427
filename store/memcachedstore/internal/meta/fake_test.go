package meta

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds what a test waits for. It is no measure.
const patience = 10 * time.Second

const greeting = "MN\r\nSTAT pid 7\r\nSTAT uptime 5\r\nSTAT time 1005\r\nEND\r\nSTAT item_size_max 4096\r\nEND\r\n"

// fake is a server that answers each line with what its script says.
type fake struct {
	*Server
	t        *testing.T
	listener net.Listener
	greeting string
	answer   func(line string, c net.Conn) // called for each line but the greeting's

	mu    sync.Mutex
	lines []string
	conns []net.Conn
}

// serve starts a server that greets and answers every line in the same words.
func serve(t *testing.T, answer func(line string, c net.Conn)) *fake {
	return serveGreeting(t, greeting, answer)
}

func serveGreeting(t *testing.T, greeting string, answer func(line string, c net.Conn)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, listener: l, greeting: greeting, answer: answer}
	f.Server = NewServer(Config{
		Address: l.Addr().String(), Dial: new(net.Dialer).DialContext, IdleTimeout: time.Minute, MaxConns: 4, MaxIdle: 4, Network: "tcp",
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		defer wg.Wait()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, c)
			f.mu.Unlock()
			wg.Go(func() { f.talk(c) })
		}
	}()
	t.Cleanup(func() {
		f.Close()
		l.Close()
		f.drop()
		<-done
	})
	return f
}

func (f *fake) talk(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch line = strings.TrimRight(line, "\r\n"); line {
		case "mn":
			c.Write([]byte(f.greeting))
		case "stats", "stats settings":
		default:
			f.mu.Lock()
			f.lines = append(f.lines, line)
			f.mu.Unlock()
			f.answer(line, c)
		}
	}
}

// drop closes all connections from the server's side.
func (f *fake) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

// seen returns how many lines came that were no greeting.
func (f *fake) seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.lines)
}

// connections returns how many were made since the last drop.
func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

func (f *fake) get(ctx context.Context) (Reply, error) {
	return f.Do(ctx, true, func(Info) (Command, error) { return Command{Verb: "mg", Key: "k", Flags: " v c t"}, nil })
}

func (f *fake) set(ctx context.Context, data string) (Reply, error) {
	return f.Do(ctx, false, func(Info) (Command, error) {
		return Command{Verb: "ms", Key: "k", Data: []byte(data), Flags: " c"}, nil
	})
}

// says answers every line alike.
func says(text string) func(string, net.Conn) {
	return func(_ string, c net.Conn) { c.Write([]byte(text)) }
}
