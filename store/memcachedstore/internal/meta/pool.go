// Package meta is a client of memcached's meta protocol: as much of it as a store of
// sessions needs. It never repeats a write, bounds what it reads, and ends with the
// context of each call.
package meta

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// MaxKey is the longest key in bytes.
const MaxKey = 250

// ErrClosed is what a call returns after Close.
var ErrClosed = errors.New("store is closed")

// dialTimeout bounds the making of a connection where the context does not.
const dialTimeout = 5 * time.Second

// Config says how to reach a server. All fields are required.
type Config struct {
	Address     string
	Dial        func(ctx context.Context, network, address string) (net.Conn, error)
	IdleTimeout time.Duration
	MaxConns    int
	MaxIdle     int
	Network     string
}

// Server is a pool of connections to one server.
type Server struct {
	config Config
	slots  chan struct{} // one for each connection in use

	mu     sync.Mutex
	idle   []*conn // the latest used is last
	closed bool
}

// NewServer returns a pool without connections.
func NewServer(c Config) *Server {
	return &Server{config: c, slots: make(chan struct{}, c.MaxConns)}
}

// Command is one command. Key stands apart, to be checked.
type Command struct {
	Verb  string // mg, ms or md
	Key   string
	Flags string // with a leading space, for ms after the value's size
	Data  []byte // for ms; nil for none
}

func (c *Command) line() string {
	if c.Data == nil {
		return c.Verb + " " + c.Key + c.Flags
	}
	return fmt.Sprintf("%s %s %d%s", c.Verb, c.Key, len(c.Data), c.Flags)
}

// Do performs one command. build makes it, knowing the server that it will go to; an
// error of build is returned as it is, and nothing is sent.
//
// A connection from the pool may have died unnoticed. If not one byte could be sent on
// it, or if read is set and nothing was answered, Do repeats the command once on a new
// connection. It calls build again then.
func (s *Server) Do(ctx context.Context, read bool, build func(Info) (Command, error)) (Reply, error) {
	if err := ctx.Err(); err != nil {
		return Reply{}, err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return Reply{}, fmt.Errorf("waiting for one of %d connections: %w", s.config.MaxConns, ctx.Err())
	}
	defer func() { <-s.slots }()
	c, err := s.pooled()
	if err != nil {
		return Reply{}, err
	}
	if c != nil {
		reply, again, err := s.try(ctx, c, read, build)
		if !again {
			return reply, err
		}
	}
	if c, err = s.dial(ctx); err != nil {
		return Reply{}, err
	}
	reply, _, err := s.try(ctx, c, read, build)
	return reply, err
}

// try performs the command on c, and keeps c for later if it is still good. again
// reports a failure after which the command may be sent on another connection.
func (s *Server) try(ctx context.Context, c *conn, read bool, build func(Info) (Command, error)) (reply Reply, again bool, err error) {
	command, err := build(c.info)
	if err == nil && !validKey(command.Key) {
		err = errors.New("the key is not valid")
	}
	if err != nil {
		s.put(c)
		return Reply{}, false, err
	}
	release := c.under(ctx)
	reply, began, answered, err := c.exchange(command.line(), command.Data)
	if good := release(); err == nil && good {
		s.put(c)
	} else {
		_ = c.net.Close()
	}
	if err != nil {
		again = ctx.Err() == nil && (!began || read && !answered)
		return Reply{}, again, ended(ctx, err)
	}
	return reply, false, nil
}

// pooled returns an idle connection that is not known to be dead, or nil.
func (s *Server) pooled() (*conn, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, ErrClosed
		}
		n := len(s.idle) - 1
		if n < 0 {
			s.mu.Unlock()
			return nil, nil
		}
		c := s.idle[n]
		s.idle[n] = nil
		s.idle = s.idle[:n]
		s.mu.Unlock()
		if time.Since(c.since) <= s.config.IdleTimeout && c.reader.Buffered() == 0 && quiet(c.net) {
			return c, nil
		}
		_ = c.net.Close()
	}
}

// put keeps a connection for later. What has been idle for too long is at the front of
// the list, and goes.
func (s *Server) put(c *conn) {
	c.since = time.Now()
	_ = c.net.SetDeadline(time.Time{})
	if cap(c.buf) > 2*copyBelow {
		c.buf = nil
	}
	s.mu.Lock()
	s.idle = append(s.idle, c)
	drop := 0
	for drop < len(s.idle) && (s.closed || len(s.idle)-drop > s.config.MaxIdle || c.since.Sub(s.idle[drop].since) > s.config.IdleTimeout) {
		drop++
	}
	dropped := slices.Clone(s.idle[:drop])
	s.idle = slices.Delete(s.idle, 0, drop)
	s.mu.Unlock()
	for _, c := range dropped {
		_ = c.net.Close()
	}
}

func (s *Server) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	n, err := s.config.Dial(ctx, s.config.Network, s.config.Address)
	if err != nil {
		return nil, ended(ctx, err)
	}
	c := &conn{net: n, reader: bufio.NewReaderSize(n, 2*maxLine)}
	release := c.under(ctx)
	err = c.greet()
	if !release() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = n.Close()
		return nil, fmt.Errorf("first words with the server: %w", ended(ctx, err))
	}
	return c, nil
}

// Close closes the idle connections, and those in use when their command ends. Later
// calls of Do fail.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, c := range idle {
		_ = c.net.Close()
	}
}
