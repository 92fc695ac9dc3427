package cloakfiber

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/cloakroom-go/cloakroom"
)

// exchange is one request on its way through the middleware.
type exchange struct {
	m       *cloakroom.Manager
	ctx     context.Context // the request's, as it came
	outer   http.Header     // what middleware outside had set
	failed  fiber.ErrorHandler
	refresh bool // the session is used by every request that has one

	mu       sync.Mutex
	session  *cloakroom.Session // nil until it was asked for
	finished bool               // the handlers have returned
	holds    int                // streams and sockets that use the session after that
	sent     bool               // once finished: the response is the handlers'
	left     chan struct{}      // closed when finished, if anything holds the session
	method   string
	pattern  string
}

// get returns the one session of the request.
func (x *exchange) get(c fiber.Ctx) *cloakroom.Session {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.session == nil {
		x.session = x.m.OpenWith(x.ctx, visit(c, x.m.Options().RequestHeader))
		if x.finished {
			x.session.Close()
		}
	}
	return x.session
}

// visit returns what the session is told of a request. All of it is copied, since Fiber
// lends it for as long as the request is handled, and a stream's session lives longer.
func visit(c fiber.Ctx, header string) cloakroom.Visit {
	v := cloakroom.Visit{
		IP: strings.Clone(c.IP()), UserAgent: string(c.Request().Header.UserAgent()), Lent: true,
	}
	if header != "" {
		v.Header = linesOf(c, header)
	}
	v.Cookies = strings.Join(linesOf(c, fiber.HeaderCookie), "; ")
	return v
}

// linesOf returns the lines of a header of the request.
func linesOf(c fiber.Ctx, name string) (lines []string) {
	for _, line := range c.Request().Header.PeekAll(name) {
		lines = append(lines, string(line))
	}
	return lines
}

// serve runs the handlers and commits the session.
func (x *exchange) serve(c fiber.Ctx) (err error) {
	returned, sent := false, false
	defer func() {
		if !returned {
			x.abandon(&c.Response().Header)
		}
		x.finish(sent)
	}()
	err = c.Next()
	returned = true
	x.noteRoute(c)
	if c.IsAbandoned() {
		if x.ctx.Err() != nil { // middleware/timeout outside has answered, or will
			return err
		}
		if answer := c.RequestCtx().LastTimeoutErrorResponse(); answer != nil { // inside
			x.abandon(&answer.Header)
			return err
		}
	}
	if err != nil {
		returned = false // the application's ErrorHandler may panic
		if c.App().ErrorHandler(c, err) != nil {
			_ = c.SendStatus(fiber.StatusInternalServerError) // it never fails
		}
		returned = true
	}
	sent, err = x.commit(c)
	return err
}

// commit commits the session before the response leaves, and reports whether it is
// still the handlers'.
func (x *exchange) commit(c fiber.Ctx) (sent bool, err error) {
	s := x.opened(c)
	if s == nil {
		return true, nil
	}
	h := headerOf(&c.Response().Header)
	before := h.Clone()
	committed := false
	defer func() {
		if !committed { // it has panicked
			x.replace(c, x.outer)
		}
	}()
	failure := s.CommitHeader(h, x.outer)
	committed = true
	if failure == nil {
		change(&c.Response().Header, before, h)
		return true, nil
	}
	x.logNotSent(failure)
	x.replace(c, h)
	if x.failed != nil {
		if x.failed(c, failure) == nil {
			return false, nil
		}
		x.replace(c, h)
	}
	return false, c.SendStatus(fiber.StatusServiceUnavailable)
}

// opened returns the session, if the response depends on it.
func (x *exchange) opened(c fiber.Ctx) *cloakroom.Session {
	if x.refresh {
		return x.get(c)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.session
}

// replace leaves nothing of the handlers' response, and h as its header.
func (x *exchange) replace(c fiber.Ctx, h http.Header) {
	c.RequestCtx().Hijack(nil)
	c.RequestCtx().HijackSetNoResponse(false)
	c.Response().Reset()
	change(&c.Response().Header, nil, h)
}

// abandon drops what was not committed, since another answer leaves than the handlers'.
// What they had committed by themselves has changed the cookie all the same.
func (x *exchange) abandon(answer *fasthttp.ResponseHeader) {
	x.mu.Lock()
	s := x.session
	x.mu.Unlock()
	if s == nil {
		return
	}
	s.Discard()
	h := headerOf(answer)
	before := h.Clone()
	if s.CommitHeader(h, nil) == nil {
		change(answer, before, h)
	}
}

// finish ends the use of the session, unless streams or sockets hold it.
func (x *exchange) finish(sent bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.finished, x.sent = true, sent
	if x.left != nil {
		close(x.left)
	}
	if x.session != nil && (x.holds == 0 || !sent) {
		x.session.Close()
	}
}

// noteRoute keeps what names the request in logs, which a stream may write later: never
// its path or query, which may hold what must not be logged.
func (x *exchange) noteRoute(c fiber.Ctx) {
	x.method = c.Method()
	if c.Matched() {
		x.pattern = c.FullPath()
	}
}

// route names the request in logs.
func (x *exchange) route() []slog.Attr {
	attrs := []slog.Attr{slog.String("method", x.method)}
	if x.pattern != "" {
		attrs = append(attrs, slog.String("pattern", x.pattern))
	}
	return attrs
}

// logNotSent logs why the handlers' response is not sent.
func (x *exchange) logNotSent(err error) {
	level := slog.LevelError
	if x.ctx.Err() != nil { // the request was given up
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{slog.Any("session", x.session), slog.Any("error", err)}
	x.m.Options().Logger.LogAttrs(x.ctx, level, "cloakroom: response not sent",
		append(attrs, x.route()...)...)
}
