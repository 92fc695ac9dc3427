package memcachedstore

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// script is a server that answers as it is told, for what a real one is not easily
// brought to say.
type script struct {
	mu       sync.Mutex
	greeting string
	replies  map[string]string // by the first word of the command
	lines    []string
}

func (s *script) set(verb, reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies[verb] = reply
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

func (s *script) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[len(s.lines)-1]
}

func (s *script) start(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.greeting = fmt.Sprintf("MN\r\nSTAT pid %d\r\nSTAT uptime 5\r\nSTAT time 1005\r\nEND\r\nSTAT item_size_max 4096\r\nEND\r\n", pid)
}

// open returns a store on a scripted server.
func open(t *testing.T, opts Options) (*Store, *script) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{replies: map[string]string{}}
	s.start(1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.talk(c)
		}
	}()
	opts.Servers = []string{l.Addr().String()}
	store, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		store.Close()
		l.Close()
		<-done
	})
	return store, s
}

func (s *script) talk(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, _, _ := strings.Cut(line, " ")
		s.mu.Lock()
		reply := s.replies[verb]
		switch verb {
		case "mn":
			reply = s.greeting
		case "stats":
		default:
			s.lines = append(s.lines, line)
		}
		s.mu.Unlock()
		if verb == "ms" {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
		c.Write([]byte(reply))
	}
}

func soon() store.Record {
	return store.Record{Data: []byte("data"), Expires: time.Now().Add(time.Hour)}
}
