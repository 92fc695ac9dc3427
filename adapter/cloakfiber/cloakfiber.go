// Package cloakfiber gives the requests of a Fiber application their sessions.
//
//	app := fiber.New()
//	app.Use(cloakfiber.New(sessions))
//	app.Get("/", func(c fiber.Ctx) error {
//		n, err := visits.UpdateNow(cloakfiber.Get(c), func(n int) int { return n + 1 })
//		...
//	})
//
// What the package documentation of Cloakroom promises of [cloakroom.Manager.Handler]
// holds here too, but for what the README of this module lists.
package cloakfiber

import (
	"context"
	"sync"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Config configures the middleware. The zero value is ready to use.
type Config struct {
	// ErrorHandler writes the response to a request whose session could not be loaded
	// or committed: nothing of the handler's own response is left, and no cookie is
	// set. err wraps what the store returned; it contains no ticket. If ErrorHandler
	// fails itself, the response is a plain 503, as it is by default. The manager's
	// Options.ErrorHandler is for net/http, and is not called.
	ErrorHandler fiber.ErrorHandler
}

// New returns the middleware that gives requests their sessions, to be had from [Get].
// It commits a session when the handlers after it have returned, and before anything of
// the response leaves. If that fails, nothing of their response is sent:
// Config.ErrorHandler writes one instead.
//
// An error that a handler returns is given to the application's ErrorHandler here, so
// that its response is committed like any other, and may show what the session holds.
// Middleware outside sees the response, and no error.
//
// When a handler panics, or middleware/timeout has answered for it, what was not
// committed is dropped. A recover middleware inside calls [cloakroom.Session.Discard],
// or what was changed before the panic is committed with its answer. So it is with
// middleware/timeout inside, which recovers by itself: the handler that it is given must
// recover, and call Discard.
//
// It panics if the manager has Options.Cookie, which needs a request of net/http.
func New(m *cloakroom.Manager, config ...Config) fiber.Handler {
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	if m.Options().Cookie != nil {
		panic("cloakfiber: Options.Cookie is set, which needs a request of net/http")
	}
	p := m.Options().Profile
	refresh := p != nil && p.RefreshEachRequest
	return func(c fiber.Ctx) error {
		around := fiber.Locals[*exchange](c, key{})
		if around != nil && around.m == m { // nested in itself
			return c.Next()
		}
		x := &exchange{m: m, ctx: c.Context(), failed: cfg.ErrorHandler, refresh: refresh}
		x.outer = outerHeader(&c.Response().Header)
		c.Locals(key{}, x)
		defer func() {
			if around != nil {
				c.Locals(key{}, around)
			}
		}()
		return x.serve(c)
	}
}

// key is what the exchange is kept under in a request's Locals.
type key struct{}

// Get returns the session of a request that passed through the middleware of [New]. It
// does not load it yet. For any other request it returns a session whose every use
// fails with [cloakroom.ErrNoMiddleware].
//
// A string that Fiber lends, such as c.Query returns, may be set in the session as it
// is: it is copied. Only what a function given to [cloakroom.Key.Update] returns is not,
// and what a stream or a socket has kept from before is Fiber's again.
func Get(c fiber.Ctx) *cloakroom.Session {
	if x := fiber.Locals[*exchange](c, key{}); x != nil {
		return x.get(c)
	}
	return stray().FromContext(context.Background())
}

// Require is a handler, after the middleware, that loads the session first, and when
// that fails answers 503 before the handlers after it run. Without it, a load that
// fails keeps the response from being sent, but they have run by then: use it where
// they do more than answer, such as charging a card.
func Require(c fiber.Ctx) error {
	if Get(c).Load() != nil {
		return fiber.ErrServiceUnavailable
	}
	return c.Next()
}

// stray is the manager of requests that did not pass through the middleware.
var stray = sync.OnceValue(func() *cloakroom.Manager {
	st, err := memstore.New(memstore.Options{})
	if err == nil {
		var m *cloakroom.Manager
		if m, err = cloakroom.New(st, cloakroom.Options{}); err == nil {
			return m
		}
	}
	panic(err) // the defaults are in order
})
