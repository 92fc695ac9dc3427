package overhttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// client is a browser of one visitor, as cheap as it can be made, since it shares the
// machine with the servers: one connection, kept as long as the server does, and one
// cookie.
type client struct {
	addr   string
	conn   net.Conn
	r      *bufio.Reader
	cookie string
	buf    []byte
}

// patience is how long an answer may take.
const patience = 30 * time.Second

// get asks for a page and reports whether the answer is "ok" with status 200.
func (c *client) get(path string) error {
	if c.conn == nil {
		dialer := net.Dialer{Timeout: patience}
		conn, err := dialer.DialContext(context.Background(), "tcp", c.addr)
		if err != nil {
			return err
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	}
	err := c.exchange(path)
	if err != nil {
		c.close()
	}
	return err
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *client) exchange(path string) error {
	c.buf = append(c.buf[:0], "GET "...)
	c.buf = append(c.buf, path...)
	c.buf = append(c.buf, " HTTP/1.1\r\nHost: localhost\r\n"...)
	if c.cookie != "" {
		c.buf = append(c.buf, "Cookie: "...)
		c.buf = append(c.buf, c.cookie...)
		c.buf = append(c.buf, "\r\n"...)
	}
	c.buf = append(c.buf, "\r\n"...)
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.buf); err != nil {
		return err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	status := strings.TrimSpace(string(line[:min(len(line), 40)]))
	length, last, err := c.headers()
	if err != nil {
		return err
	}
	body, err := c.r.Peek(min(length, 64))
	if err != nil {
		return err
	}
	ok = ok && string(body) == "ok"
	if _, err := io.CopyN(io.Discard, c.r, int64(length)); err != nil {
		return err
	}
	if last {
		c.close()
	}
	if !ok {
		return fmt.Errorf("%s was answered %s", path, status)
	}
	return nil
}

// headers reads up to the body, keeps the cookie, and returns the length of the body
// and whether the connection ends with it.
func (c *client) headers() (length int, last bool, err error) {
	length = -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, false, err
			}
		case bytes.EqualFold(name, []byte("Connection")):
			last = bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, []byte("Set-Cookie")):
			cookie, _, _ := bytes.Cut(value, []byte(";"))
			if string(cookie) != c.cookie {
				c.cookie = string(cookie)
			}
		}
	}
	if length < 0 {
		return 0, false, errors.New("a response has no Content-Length")
	}
	return length, last, nil
}
