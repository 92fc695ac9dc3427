package meta

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Info is what a connection learnt about its server when it was made.
type Info struct {
	// Incarnation tells one start of the server from another: it begins anew with its
	// tokens each time. It is empty where the server does not say.
	Incarnation string

	// MaxItem is the server's limit on one item in bytes, with key and overhead.
	MaxItem int
}

// defaultMaxItem is memcached's own default, for a server that does not say.
const defaultMaxItem = 1 << 20

// conn is a connection, used by one caller at a time.
type conn struct {
	net    net.Conn
	reader *bufio.Reader
	buf    []byte
	info   Info
	since  time.Time // when it became idle
}

// copyBelow is the size up to which a value is copied behind its command, to be sent
// with it in one piece.
const copyBelow = 16 << 10

// exchange sends one command and reads its reply. began reports whether a byte may have
// been sent, answered whether one came back.
func (c *conn) exchange(line string, data []byte) (reply Reply, began, answered bool, err error) {
	began, err = c.send(line, data)
	if err != nil {
		return Reply{}, began, false, err
	}
	if _, err := c.reader.Peek(1); err != nil {
		return Reply{}, true, false, err
	}
	reply, err = readReply(c.reader, c.info.MaxItem)
	return reply, true, true, err
}

func (c *conn) send(line string, data []byte) (began bool, err error) {
	c.buf = append(append(c.buf[:0], line...), '\r', '\n')
	if data == nil {
		n, err := c.net.Write(c.buf)
		return n > 0, err
	}
	if len(data) <= copyBelow {
		c.buf = append(append(c.buf, data...), '\r', '\n')
		n, err := c.net.Write(c.buf)
		return n > 0, err
	}
	parts := net.Buffers{c.buf, data, []byte("\r\n")}
	n, err := parts.WriteTo(c.net)
	return n > 0, err
}

// under makes the connection's reads and writes end with the context. The function
// returned undoes that, and reports whether the connection may be used again.
func (c *conn) under(ctx context.Context) (release func() bool) {
	deadline, _ := ctx.Deadline()
	_ = c.net.SetDeadline(deadline) // a connection that can't take it fails at once
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(time.Unix(1, 0)) })
	return stop
}

// greet learns what Info says, in one round trip.
func (c *conn) greet() error {
	if _, err := c.net.Write([]byte("mn\r\nstats\r\nstats settings\r\n")); err != nil {
		return err
	}
	reply, err := readReply(c.reader, 0)
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return fmt.Errorf("no memcached that speaks the meta protocol, version 1.6 or later: %w", err)
	}
	if err != nil {
		return err
	}
	if reply.Code != Alive {
		return errReply
	}
	c.info.MaxItem = defaultMaxItem
	var pid, uptime, now string
	if err := c.stats(func(name, value string) {
		switch name {
		case "pid":
			pid = value
		case "uptime":
			uptime = value
		case "time":
			now = value
		}
	}); err != nil {
		return err
	}
	at, err1 := strconv.ParseInt(now, 10, 64)
	up, err2 := strconv.ParseInt(uptime, 10, 64)
	if err1 == nil && err2 == nil && pid != "" {
		// both by one clock, so their difference is constant
		c.info.Incarnation = pid + "." + strconv.FormatInt(at-up, 10)
	}
	return c.stats(func(name, value string) {
		if name != "item_size_max" {
			return
		}
		if n, err := strconv.ParseUint(value, 10, 31); err == nil && n > 0 {
			c.info.MaxItem = int(n)
		}
	})
}

// stats reads one reply to a stats command. A server or a proxy that refuses it is left
// at that.
func (c *conn) stats(each func(name, value string)) error {
	const most = 5000
	for range most {
		line, err := readLine(c.reader)
		if err != nil {
			return err
		}
		word, rest := cut(line)
		switch string(word) {
		case "STAT":
			name, value := cut(rest)
			each(string(name), string(value))
		case "END", "RESET", "OK":
			return nil
		case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
			return nil
		default:
			return errReply
		}
	}
	return errors.New("protocol error: statistics without end")
}

// ended returns the error to report for a failure under ctx: the context's, where that
// was the reason.
func ended(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	if _, limited := ctx.Deadline(); limited && errors.Is(err, os.ErrDeadlineExceeded) {
		return context.DeadlineExceeded // the connection noticed first
	}
	return err
}

// validKey reports whether memcached takes a key as it is. Keys are checked where they are made,
// and here again, since any other could smuggle in a command.
func validKey(key string) bool {
	if len(key) == 0 || len(key) > MaxKey {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}
