package servers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// slow is a server that records lines, and echoes those that begin with "slow" when told
// to.
type slow struct {
	addr    string
	release chan struct{}

	mu   sync.Mutex
	came []string
}

func startSlow(t *testing.T) *slow {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &slow{addr: l.Addr().String(), release: make(chan struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *slow) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		s.mu.Lock()
		s.came = append(s.came, line)
		s.mu.Unlock()
		if line == "slow\n" {
			<-s.release
		}
		if _, err := io.WriteString(c, line); err != nil {
			return
		}
	}
}

func (s *slow) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.came)
}

// begins sends a line that is answered late, and waits until the server has it.
func (s *slow) begins(t *testing.T, c net.Conn) {
	io.WriteString(c, "slow\n")
	Until(t, "the request is there", func() error {
		if !slices.Contains(s.lines(), "slow\n") {
			return errors.New("it is not")
		}
		return nil
	})
}

func TestSerializerLetsGreetingsPass(t *testing.T) {
	s := startSlow(t)
	p := StartSerializer(t, s.addr, lines{})
	c, r := dial(t, p.Addr)
	s.begins(t, c)
	other, greeted := dial(t, p.Addr)
	io.WriteString(other, "hello\n")
	if got, err := greeted.ReadString('\n'); got != "hello\n" {
		t.Fatalf("%q, %v", got, err)
	}
	close(s.release)
	if got, err := r.ReadString('\n'); got != "slow\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestSerializerDropsWhatNobodyWaitsFor(t *testing.T) {
	s := startSlow(t)
	p := StartSerializer(t, s.addr, lines{})
	c, r := dial(t, p.Addr)
	s.begins(t, c)
	gone, _ := dial(t, p.Addr)
	io.WriteString(gone, "gone\n")
	gone.Close()
	last, answer := dial(t, p.Addr)
	io.WriteString(last, "last\n")
	Until(t, "the proxy knows that one has gone", func() error {
		if p.left.Load() == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	close(s.release)
	for _, want := range []struct {
		r    *bufio.Reader
		line string
	}{{r, "slow\n"}, {answer, "last\n"}} {
		if got, err := want.r.ReadString('\n'); got != want.line {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if came := s.lines(); slices.Contains(came, "gone\n") {
		t.Errorf("the server got %q", came)
	}
}

// TestSerializerWaitsAfterCut: the server still works on a request whose connection was
// cut.
func TestSerializerWaitsAfterCut(t *testing.T) {
	s := startSlow(t)
	p := StartSerializer(t, s.addr, lines{})
	c, r := dial(t, p.Addr)
	s.begins(t, c)
	p.Cut()
	if _, err := r.ReadByte(); err == nil {
		t.Fatal("the connection is not cut")
	}
	p.Mend()
	next, answer := dial(t, p.Addr)
	io.WriteString(next, "next\n")
	time.Sleep(50 * time.Millisecond)
	if came := s.lines(); len(came) != 1 {
		t.Fatalf("the server got %q at once", came)
	}
	close(s.release)
	if got, err := answer.ReadString('\n'); got != "next\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestMongoDBIdle(t *testing.T) {
	document := func(command string) string { return "\x20\x00\x00\x00\x10" + command + "\x00\x01\x00\x00\x00\x00" }
	message := func(code uint32, body string) []byte {
		b := make([]byte, 20, 20+len(body))
		binary.LittleEndian.PutUint32(b, uint32(20+len(body)))
		binary.LittleEndian.PutUint32(b[12:], code)
		return append(b, body...)
	}
	for _, tt := range []struct {
		frame []byte
		want  bool
	}{
		{message(2013, "\x00"+document("hello")), true},
		{message(2013, "\x00"+document("ping")), true},
		{message(2004, "admin.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff"+document("isMaster")), true},
		{message(2013, "\x00"+document("find")), false},
		{message(2013, "\x00"+document("hello2")), false},
		{message(2013, "\x01"+document("hello")), false},
		{message(2004, "flask_session.sessions\x00\x00\x00\x00\x00\xff\xff\xff\xff"+document("find")), false},
		{message(2004, "admin.$cmd"), false},
		{message(2004, "admin.$cmd\x00\x00"), false},
		{message(2013, "\x00\x05"), false},
		{message(2013, ""), false},
		{message(1, "\x00"+document("hello")), false},
		{[]byte("short"), false},
	} {
		if got := (MongoDB{}).Idle(tt.frame); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.frame, got, tt.want)
		}
	}
}
