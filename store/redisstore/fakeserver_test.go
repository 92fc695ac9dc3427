package redisstore

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/rueidis"
)

// fakeServer speaks Redis's protocol and answers each command as a test says.
type fakeServer struct {
	answer func(words []string) string

	mu       sync.Mutex
	commands []string
}

// Answers in RESP3.
const (
	answerNull = "_\r\n"
	answerOK   = "+OK\r\n"
)

func answerInt(n int64) string      { return fmt.Sprintf(":%d\r\n", n) }
func answerBulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }
func answerError(text string) string {
	return "-" + text + "\r\n"
}

// newFakeStore returns a store whose server answers so. A command that it has no answer to, "",
// fails the test.
func newFakeStore(t *testing.T, opts Options, answer func(words []string) string) (*Store, *fakeServer) {
	t.Helper()
	f := &fakeServer{answer: func(words []string) string {
		text := answer(words)
		if text == "" {
			t.Errorf("unexpected: %q", words)
			return answerError("ERR unexpected")
		}
		return text
	}}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress:       []string{"fake:6379"},
		DisableCache:      true,
		DisableRetry:      true,
		ForceSingleClient: true,
		DialCtxFn: func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go f.serve(ours)
			return theirs, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s, err := New(client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s, f
}

func (f *fakeServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		words, err := readCommand(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, f.respond(words)); err != nil {
			return
		}
	}
}

func (f *fakeServer) respond(words []string) string {
	switch words[0] {
	case "HELLO":
		return "%2\r\n+version\r\n+7.4.0\r\n+proto\r\n:3\r\n"
	case "CLIENT":
		return answerOK
	case "PING":
		return "+PONG\r\n"
	case "DISCARD": // this and the next are sent when a connection for one caller is given back
		return answerError("ERR DISCARD without MULTI")
	case "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE":
		return ">3\r\n" + answerBulk(strings.ToLower(words[0])) + answerNull + answerInt(0)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, strings.Join(words, " "))
	return f.answer(words)
}

func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readLength(r)
	if err != nil {
		return nil, err
	}
	words := make([]string, n)
	for i := range words {
		size, err := readLength(r)
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		words[i] = string(b[:size])
	}
	return words, nil
}

// readLength reads a line such as *3 or $12.
func readLength(r *bufio.Reader) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line)[1:])
}

// position returns where the first command that begins so is, -1 for none.
func (f *fakeServer) position(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.IndexFunc(f.commands, func(c string) bool { return strings.HasPrefix(c, prefix) })
}
