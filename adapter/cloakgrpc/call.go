package cloakgrpc

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/cloakroom-go/cloakroom"
)

// errUnavailable is what a client gets whose session could not be loaded or committed. It
// does not tell why.
var errUnavailable = status.Error(codes.Unavailable, "the session could not be loaded or stored")

// call is one call on its way through an interceptor.
type call struct {
	m      *cloakroom.Manager
	config Config
	ctx    context.Context
	method string
	below  sender

	begun  sync.Once // of begin
	failed bool      // once begun: nothing of the handler's is sent

	mu       sync.Mutex
	session  *cloakroom.Session // nil until it was asked for
	began    bool               // the header is being sent, or was
	finished bool               // the handler has returned
	passed   bool               // the session is committed: what is set goes below
	header   metadata.MD        // the handler's, until then
	trailer  metadata.MD
}

// get returns the one session of the call.
func (c *call) get() *cloakroom.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		c.session = c.m.OpenWith(c.ctx, visit(c.ctx, c.config))
		if c.began { // nothing is pending: it only tells the session so
			_ = c.session.CommitHeader(nil, nil)
		}
		if c.finished {
			c.session.Close()
		}
	}
	return c.session
}

// opened returns the session if it was asked for, or nil.
func (c *call) opened() *cloakroom.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// start is opened when the header is about to be sent: a session that is asked for later
// cannot get a new ticket.
func (c *call) start() *cloakroom.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = true
	return c.session
}

// serve runs the handler, commits the session, and returns the call's error.
func (c *call) serve(handler func(context.Context) error) error {
	returned := false
	defer func() {
		if !returned {
			c.abandon()
		}
		c.finish()
	}()
	ctx := context.WithValue(c.ctx, key{}, c)
	ctx = grpc.NewContextWithServerTransportStream(ctx, transport{c})
	err := handler(ctx)
	returned = true
	late := true
	c.begun.Do(func() { late = false; c.begin() })
	if c.failed {
		return errUnavailable
	}
	if s := c.opened(); late && s != nil {
		s.CommitLate(slog.String("method", c.method))
	}
	return err
}

// commit commits the session before the header is sent, and returns an error if nothing
// of the handler's may be sent.
func (c *call) commit() error {
	c.begun.Do(c.begin)
	if c.failed {
		return errUnavailable
	}
	return nil
}

// begin is commit the first time.
func (c *call) begin() {
	c.failed = true // also when a commit panics
	if p := c.m.Options().Profile; p != nil && p.RefreshEachRequest {
		c.get()
	}
	s := c.start()
	if s != nil {
		if err := s.CommitHeader(nil, nil); err != nil {
			c.log(s, "response not sent", err)
			return
		}
		c.tell(s)
	}
	c.pass()
	c.failed = false
}

// tell puts what the client must be told of its ticket into the header.
func (c *call) tell(s *cloakroom.Session) {
	cookie := s.Cookie()
	if cookie == nil {
		return
	}
	if err := c.below.SetHeader(metadata.Pairs(c.config.ResponseKey, cookie.Value)); err != nil {
		c.log(s, "the client is not told its ticket", err)
	}
}

// pass sends what the handler has set below.
func (c *call) pass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = true
	err := errors.Join(c.below.SetHeader(c.header), c.below.SetTrailer(c.trailer))
	if err != nil {
		c.log(nil, "header or trailer not sent", err)
	}
}

// setHeader keeps what the handler sets until the session is committed.
func (c *call) setHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return c.below.SetHeader(md)
	}
	c.header = metadata.Join(c.header, md)
	return nil
}

func (c *call) setTrailer(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passed {
		return c.below.SetTrailer(md)
	}
	c.trailer = metadata.Join(c.trailer, md)
	return nil
}

func (c *call) sendHeader(md metadata.MD) error {
	if err := c.commit(); err != nil {
		return err
	}
	return c.below.SendHeader(md)
}

// abandon drops what was not committed, after a panic. What the handler had committed by
// itself has changed the ticket all the same.
func (c *call) abandon() {
	c.begun.Do(func() {
		c.failed = true
		s := c.start()
		if s == nil {
			return
		}
		s.Discard()
		if s.CommitHeader(nil, nil) == nil {
			c.tell(s)
		}
	})
}

// finish ends the use of the session.
func (c *call) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = true
	if c.session != nil {
		c.session.Close()
	}
}

// log logs what no caller is told otherwise: less loudly, if the client has given up.
func (c *call) log(s *cloakroom.Session, message string, err error) {
	level := slog.LevelError
	if c.ctx.Err() != nil {
		level = slog.LevelInfo
	}
	attrs := make([]slog.Attr, 0, 3)
	if s != nil {
		attrs = append(attrs, slog.Any("session", s))
	}
	attrs = append(attrs, slog.Any("error", err), slog.String("method", c.method))
	c.m.Options().Logger.LogAttrs(c.ctx, level, "cloakroom: "+message, attrs...)
}
