package meta

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func read(text string, maxValue int) (Reply, error) {
	return readReply(bufio.NewReaderSize(strings.NewReader(text), 2*maxLine), maxValue)
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Reply
	}{
		{"HD\r\n", Reply{Code: Stored}},
		{"HD c18446744073709551615\r\n", Reply{Code: Stored, CAS: 1<<64 - 1, HasCAS: true}},
		{"EN\r\n", Reply{Code: Miss}},
		{"NS c0\r\n", Reply{Code: NotStored, HasCAS: true}},
		{"EX  \r\n", Reply{Code: Changed}},
		{"NF\n", Reply{Code: NotFound}},
		{"VA 5 ksession:a c7 t-1 f32 W Z\r\na\r\nb\xff\r\n", Reply{Code: Value, Key: "session:a", CAS: 7, HasCAS: true, TTL: -1, HasTTL: true, Data: []byte("a\r\nb\xff")}},
		{"VA 0 t9\r\n\r\n", Reply{Code: Value, TTL: 9, HasTTL: true, Data: []byte{}}},
	} {
		got, err := read(tt.text, 100)
		if err != nil || got.Code != tt.want.Code || got.CAS != tt.want.CAS || got.HasCAS != tt.want.HasCAS || got.TTL != tt.want.TTL ||
			got.HasTTL != tt.want.HasTTL || got.Key != tt.want.Key || !bytes.Equal(got.Data, tt.want.Data) {
			t.Errorf("%q: %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestBadReplies(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "EOF"},
		{"H", "unexpected EOF"},
		{"HD", "unexpected EOF"},
		{"hd\r\n", "not a reply"},
		{"\r\n", "not a reply"},
		{"HTTP/1.1 400 Bad Request\r\n", "not a reply"},
		{"VA\r\n", "not a reply"},
		{"VA x\r\n", "not a reply"},
		{"VA -1\r\n", "not a reply"},
		{"VA 99999999999999999999\r\n", "not a reply"},
		{"VA 4294967296\r\n", "not a reply"},
		{"VA 101\r\n", "announces a value of 101 bytes"},
		{"VA 3\r\nab", "unexpected EOF"},
		{"VA 3\r\n", "unexpected EOF"},
		{"VA 3\r\nabc", "unexpected EOF"},
		{"VA 3\r\nabcd\r\n", "does not end"},
		{"HD c\r\n", "not a reply"},
		{"HD c-1\r\n", "not a reply"},
		{"HD t1.5\r\n", "not a reply"},
		{strings.Repeat("H", 5000) + "\r\n", "too long"},
		{"HD " + strings.Repeat("x", 3000) + "\r\n", "too long"},
		{"ERROR\r\n", `server says "ERROR"`},
		{"SERVER_ERROR object too large for cache\r\n", "too large"},
		{"CLIENT_ERROR \x1b[31m\xff\r\n", `"CLIENT_ERROR ?[31m?"`},
	} {
		if got, err := read(tt.text, 100); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40q: %+v, %v, want an error with %q", tt.text, got, err, tt.want)
		}
	}
}

// A length that a reply claims is not allocated before the bytes are there.
func TestClaimedLengthAllocatesNothing(t *testing.T) {
	const claims = 1 << 30
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := read("VA 1073741824\r\nabc", claims)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("3 bytes that claim to be %d allocate %d", claims, n)
	}
}

func TestLargeValues(t *testing.T) {
	for _, n := range []int{1, 65535, 65536, 65537, 131072, 131073, 1_000_000} {
		data := strings.Repeat("0123456789", n/10+1)[:n]
		got, err := read("VA "+itoa(n)+"\r\n"+data+"\r\n", 1<<20)
		if err != nil || string(got.Data) != data {
			t.Errorf("%d bytes: %d came, %v", n, len(got.Data), err)
		}
	}
}

func itoa(n int) string {
	c := Command{Verb: "", Key: "", Data: make([]byte, n)}
	return strings.TrimSpace(c.line())
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"HD c1\r\n", "VA 3 k\xff t-1\r\nabc\r\n", "VA 99\r\nx", "EN\r\n", "SERVER_ERROR x\r\n", "VA  3\r\nabc\r\n", "STAT a b\r\nEND\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const maxValue = 1 << 20
		r := bufio.NewReaderSize(bytes.NewReader(data), 2*maxLine)
		for {
			reply, err := readReply(r, maxValue)
			if err != nil {
				break
			}
			if len(reply.Data) > len(data) || (reply.Code == Value) != (reply.Data != nil) {
				t.Fatalf("%+v from %d bytes", reply, len(data))
			}
		}
		c := conn{reader: bufio.NewReaderSize(bytes.NewReader(data), 2*maxLine)}
		_ = c.stats(func(name, value string) {
			if len(name)+len(value) > len(data) {
				t.Fatal("more than there is")
			}
		})
	})
}

func TestGreeting(t *testing.T) {
	f := serve(t, says("EN\r\n"))
	var info Info
	if _, err := f.Do(t.Context(), true, func(i Info) (Command, error) { info = i; return Command{Verb: "mg", Key: "k"}, nil }); err != nil {
		t.Fatal(err)
	}
	if want := (Info{Incarnation: "7.1000", MaxItem: 4096}); info != want {
		t.Errorf("%+v, want %+v", info, want)
	}

	f = serveGreeting(t, "MN\r\nERROR\r\nCLIENT_ERROR no\r\n", says("EN\r\n")) // a proxy
	if _, err := f.Do(t.Context(), true, func(i Info) (Command, error) { info = i; return Command{Verb: "mg", Key: "k"}, nil }); err != nil {
		t.Fatal(err)
	}
	if want := (Info{MaxItem: defaultMaxItem}); info != want {
		t.Errorf("%+v, want %+v", info, want)
	}

	for text, want := range map[string]string{
		"ERROR\r\n":                     "meta protocol",
		"HD\r\n":                        "not a reply",
		"-ERR unknown command 'mn'\r\n": "not a reply",
		"MN\r\nwhat\r\n":                "not a reply",
		strings.Repeat("x", 10000):      "too long",
		"MN\r\n" + strings.Repeat("STAT a b\r\n", 6000): "without end",
	} {
		f := serveGreeting(t, text, says("EN\r\n"))
		if _, err := f.get(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("greeting %.30q: %v, want an error with %q", text, err, want)
		}
	}
}

func TestBuildErrorsSendNothing(t *testing.T) {
	f := serve(t, says("EN\r\n"))
	mine := errors.New("mine")
	if _, err := f.Do(t.Context(), true, func(Info) (Command, error) { return Command{}, mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
	for _, key := range []string{"", "a b", "a\r\nflush_all", "a\x00", "a\x7f", "ä", strings.Repeat("k", 251)} {
		if _, err := f.Do(t.Context(), true, func(Info) (Command, error) { return Command{Verb: "mg", Key: key}, nil }); err == nil {
			t.Errorf("key %q was sent", key)
		}
	}
	if n := f.seen(); n != 0 {
		t.Errorf("%d lines were sent", n)
	}
}

// A connection that died in the pool costs a read nothing, and is not used for a write.
func TestServerRestart(t *testing.T) {
	f := serve(t, says("EN\r\n"))
	for range 3 {
		if _, err := f.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.drop()
		if _, err := f.get(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// What the server answers late or not at all is the context's error, and is not
// mistaken for the next reply.
func TestSlowServer(t *testing.T) {
	release := make(chan struct{})
	var first atomic.Bool
	f := serve(t, func(_ string, c net.Conn) {
		if first.CompareAndSwap(false, true) {
			<-release
			c.Write([]byte("VA 5 c1 t1\r\nother\r\n"))
			return
		}
		c.Write([]byte("EN\r\n"))
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
	close(release)
	for range 20 {
		if reply, err := f.get(t.Context()); err != nil || reply.Code != Miss {
			t.Fatalf("%+v, %v, want a miss", reply, err)
		}
	}
}

func TestCancel(t *testing.T) {
	f := serve(t, func(string, net.Conn) {})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	start := time.Now()
	if _, err := f.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the cancellation", err)
	}
	if _, err := f.get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the cancellation", err)
	}
	if d := time.Since(start); d > patience {
		t.Errorf("took %v", d)
	}
	// While all connections are busy, a call waits no longer than its context.
	busy, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 4)
	for range 4 {
		go func() { _, err := f.get(busy); done <- err }()
	}
	for f.seen() < 5 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.get(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 connections") {
		t.Errorf("%v, want the deadline and why", err)
	}
	stop()
	for range 4 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A write is sent once, whatever happens to it; a read is repeated on a new connection
// when one from the pool gave no answer.
func TestWritesAreNotRepeated(t *testing.T) {
	var hangUp atomic.Bool
	f := serve(t, func(line string, c net.Conn) {
		if hangUp.CompareAndSwap(true, false) {
			c.Close()
			return
		}
		if strings.HasPrefix(line, "ms") {
			c.Write([]byte("HD c2\r\n"))
		} else if strings.HasPrefix(line, "mg") {
			c.Write([]byte("EN\r\n"))
		}
	})
	if _, err := f.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := f.seen()
	hangUp.Store(true)
	if _, err := f.get(t.Context()); err != nil || f.seen() != before+2 {
		t.Errorf("a read took %d lines, %v", f.seen()-before, err)
	}
	before = f.seen()
	hangUp.Store(true)
	if _, err := f.set(t.Context(), ""); err == nil {
		t.Error("a write whose answer was lost succeeded")
	}
	writes := 0
	f.mu.Lock()
	for _, line := range f.lines[before:] {
		if strings.HasPrefix(line, "ms") {
			writes++
		}
	}
	f.mu.Unlock()
	if writes != 1 {
		t.Errorf("the write was sent %d times", writes)
	}
}

// After a refusal, or a reply that makes no sense, the connection is not used again.
func TestRefusalsCloseTheConnection(t *testing.T) {
	for _, text := range []string{"CLIENT_ERROR bad data chunk\r\nERROR\r\n", "SERVER_ERROR out of memory storing object\r\n", "garbage\r\n", "VA 3\r\nabcdef\r\n"} {
		var first atomic.Bool
		f := serve(t, func(_ string, c net.Conn) {
			if first.CompareAndSwap(false, true) {
				c.Write([]byte(text))
				return
			}
			c.Write([]byte("EN\r\n"))
		})
		if _, err := f.get(t.Context()); err == nil {
			t.Errorf("%q: no error", text)
		}
		if reply, err := f.get(t.Context()); err != nil || reply.Code != Miss {
			t.Errorf("after %q: %+v, %v", text, reply, err)
		}
		if n := f.connections(); n != 2 {
			t.Errorf("after %q: %d connections were made, want 2", text, n)
		}
	}
}

// What a server says unasked ends the connection.
func TestUnaskedReplies(t *testing.T) {
	f := serve(t, says("EN\r\nVA 5 c1 t1\r\nother\r\n"))
	for range 20 {
		if reply, err := f.get(t.Context()); err != nil || reply.Code != Miss {
			t.Fatalf("%+v, %v, want a miss", reply, err)
		}
	}
}

func TestPoolIsBounded(t *testing.T) {
	f := serve(t, says("EN\r\n"))
	f.config.MaxIdle = 2
	errs := make(chan error)
	for range 40 {
		go func() { _, err := f.get(t.Context()); errs <- err }()
	}
	for range 40 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(f.idle); n > 2 {
		t.Errorf("%d idle connections", n)
	}
	f.config.IdleTimeout = time.Nanosecond
	before := f.connections()
	if _, err := f.get(t.Context()); err != nil {
		t.Error(err)
	}
	if n := f.connections() - before; n != 1 {
		t.Errorf("%d new connections, want 1: the idle ones were too old", n)
	}
	f.Close()
	if _, err := f.get(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestLargeWrites(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	got := make(chan int, 1)
	f := serve(t, func(line string, c net.Conn) {
		if strings.HasPrefix(line, "ms") {
			return
		}
		got <- len(line)
		c.Write([]byte("HD c5\r\n"))
	})
	if reply, err := f.set(t.Context(), big); err != nil || reply.CAS != 5 {
		t.Errorf("%+v, %v", reply, err)
	}
	if n := <-got; n != len(big) {
		t.Errorf("%d bytes came", n)
	}
}
