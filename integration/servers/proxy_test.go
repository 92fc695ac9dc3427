package servers

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// echo answers each line with itself, and counts the most requests that it had at once.
func echo(t *testing.T, atOnce *atomic.Int32) string {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var now atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if n := now.Add(1); n > atOnce.Load() {
						atOnce.Store(n)
					}
					time.Sleep(time.Millisecond)
					now.Add(-1)
					io.WriteString(c, line)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, bufio.NewReader(c)
}

func TestProxy(t *testing.T) {
	p := StartProxy(t, echo(t, new(atomic.Int32)))
	c, r := dial(t, p.Addr)
	ask := func(text string) error {
		if _, err := io.WriteString(c, text+"\n"); err != nil {
			return err
		}
		got, err := r.ReadString('\n')
		if err == nil && got != text+"\n" {
			t.Fatalf("got %q, want %q", got, text)
		}
		return err
	}
	if err := ask("passes"); err != nil {
		t.Fatal(err)
	}

	p.StallAfter(3)
	io.WriteString(c, "half\n")
	three := make([]byte, 3)
	if _, err := io.ReadFull(r, three); err != nil || string(three) != "hal" {
		t.Fatalf("%q, %v", three, err)
	}
	Until(t, "it stalls", func() error {
		if !p.Stalled() {
			return fmt.Errorf("it does not")
		}
		return nil
	})
	p.Mend()
	if rest, err := r.ReadString('\n'); err != nil || rest != "f\n" {
		t.Fatalf("%q, %v", rest, err)
	}

	p.Stall()
	answered := make(chan error, 1)
	go func() { answered <- ask("stalled") }()
	select {
	case err := <-answered:
		t.Fatalf("an answer came through: %v", err)
	case <-time.After(30 * time.Millisecond):
	}
	p.Mend()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}

	p.Delay(20 * time.Millisecond)
	begin := time.Now()
	if err := ask("delayed"); err != nil || time.Since(begin) < 40*time.Millisecond {
		t.Fatalf("%v, after %v", err, time.Since(begin))
	}
	p.Delay(0)

	p.Cut()
	if err := ask("cut"); err == nil {
		t.Fatal("a cut connection answered")
	}
	p.Mend()
	c, r = dial(t, p.Addr)
	if err := ask("again"); err != nil {
		t.Fatal(err)
	}
}

type lines struct{}

func (lines) Request(r *bufio.Reader) ([]byte, bool, error) {
	line, err := r.ReadBytes('\n')
	return line, true, err
}

func (lines) Answer(r *bufio.Reader) ([]byte, bool, error) {
	line, err := r.ReadBytes('\n')
	return line, false, err
}

func (lines) Idle(frame []byte) bool { return string(frame) == "hello\n" }

func TestSerializer(t *testing.T) {
	var most atomic.Int32
	p := StartSerializer(t, echo(t, &most), lines{})
	var wg sync.WaitGroup
	for i := range 8 {
		c, r := dial(t, p.Addr)
		wg.Go(func() {
			for n := range 10 {
				text := fmt.Sprintf("%d of %d\n", n, i)
				io.WriteString(c, text)
				if got, err := r.ReadString('\n'); got != text {
					t.Errorf("got %q, want %q; %v", got, text, err)
				}
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n != 1 {
		t.Errorf("%d requests at once, want 1", n)
	}
}

func TestMongoDBMessages(t *testing.T) {
	message := func(code, flags uint32, body string) string {
		b := make([]byte, 20, 20+len(body))
		binary.LittleEndian.PutUint32(b, uint32(20+len(body)))
		binary.LittleEndian.PutUint32(b[12:], code)
		binary.LittleEndian.PutUint32(b[16:], flags)
		return string(append(b, body...))
	}
	in, out := net.Pipe()
	go func() {
		io.WriteString(out, message(2013, 0, "one")+message(2013, 2, "two")+message(2004, 2, "three")+"\x01\x00\x00\x00xxxxxxxxxxxx")
		out.Close()
	}()
	r := bufio.NewReader(in)
	for _, want := range []struct {
		body     string
		answered bool
	}{{"one", true}, {"two", false}, {"three", true}} {
		frame, answered, err := MongoDB{}.Request(r)
		if err != nil || string(frame[20:]) != want.body || answered != want.answered {
			t.Errorf("%q, %v, %v; want %q, %v", frame, answered, err, want.body, want.answered)
		}
	}
	if _, _, err := (MongoDB{}).Request(r); err == nil {
		t.Error("a length of 1 is taken")
	}
}

func TestNeed(t *testing.T) {
	t.Setenv("CI", "")
	skipped := false
	t.Run("missing", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		Need(t, "no-such-program")
	})
	if !skipped {
		t.Error("a missing program did not skip the test")
	}
}
