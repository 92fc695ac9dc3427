// Package cloakecho gives the requests of Echo v5 their Cloakroom sessions.
package cloakecho

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/cloakroom-go/cloakroom"
)

// Middleware gives the requests that pass through it their sessions, to be had from
// [cloakroom.Manager.Get] with c.Request(): also in handlers for net/http that Echo wraps.
// It commits a session before the first byte of the response leaves, after the functions
// that [echo.Response.Before] was given, or when the handlers after it have returned. If
// that fails, nothing of their response is sent: [cloakroom.Options].ErrorHandler writes
// one, and the status of [echo.Response] tells of it.
//
// When a handler returns an error and has answered nothing yet, Echo's HTTPErrorHandler
// answers at once, within the session, and so before middleware outside could make another
// error of it. The error goes on up, as from Echo's request logger: an HTTPErrorHandler of
// one's own leaves a response alone that is committed.
//
// Use it before what uses sessions. When a handler panics, what was not committed is
// dropped if Echo's Recover is used before this middleware. Recovery that is used after it
// calls [cloakroom.Session.Discard], or what was changed before the panic is committed with
// the answer. Middleware that is used before it finds the session finished once the next
// handler has returned.
func Middleware(m *cloakroom.Manager) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return serve(m, c, next) }
	}
}

func serve(m *cloakroom.Manager, c *echo.Context, next echo.HandlerFunc) error {
	outer := c.Response()
	response, err := echo.UnwrapResponse(outer)
	if err != nil {
		return fmt.Errorf("cloakecho: what commits the session has no place: %w", err)
	}
	// Echo's WrapMiddleware leaves another response there, which does not know what was sent.
	defer c.SetResponse(outer)
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.SetRequest(r)
		// It stays there: middleware outside may have something of the handler's left to
		// write, after a commit that failed too.
		response.ResponseWriter = w
		if err = next(c); err != nil && !response.Committed {
			c.Echo().HTTPErrorHandler(c, err)
		}
	})).ServeHTTP(below{response.ResponseWriter, response}, c.Request())
	return err
}

// below is the writer that Echo's response had. It tells the response what the session's
// middleware writes in its place, when it could not commit.
type below struct {
	http.ResponseWriter
	response *echo.Response
}

func (b below) WriteHeader(status int) {
	if !b.response.Committed {
		b.response.Committed, b.response.Status = true, status
	}
	b.ResponseWriter.WriteHeader(status)
}

// Unwrap serves [http.ResponseController].
func (b below) Unwrap() http.ResponseWriter { return b.ResponseWriter }
