// Package cloakgin gives the requests of Gin their Cloakroom sessions.
package cloakgin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
)

// Middleware gives the requests that pass through it their sessions, to be had from
// [cloakroom.Manager.Get] with c.Request: also in handlers for net/http that Gin wraps. It
// commits a session before the first byte of the response leaves, or when the handlers
// after it have returned; until then Gin holds the status back. If that fails, nothing of
// the response of these handlers is sent: [cloakroom.Options].ErrorHandler writes one, and
// c.Writer.Status tells of it.
//
// Use it before what uses sessions. When a handler panics, what was not committed is
// dropped if [gin.Recovery] is used before this middleware. Recovery that is used after it
// calls [cloakroom.Session.Discard], or what was changed before the panic is committed with
// its answer. Middleware that is used before it finds the session finished once c.Next has
// returned.
func Middleware(m *cloakroom.Manager) gin.HandlerFunc {
	return func(c *gin.Context) {
		if w, again := c.Request.Context().Value(key{m}).(*writer); again {
			w.again(c)
			return
		}
		m.Handler(http.HandlerFunc(func(session http.ResponseWriter, r *http.Request) {
			w := &writer{ResponseWriter: c.Writer, Context: r.Context(), session: session, key: key{m}}
			*r = *r.WithContext(w) // r is a copy already
			if route := c.FullPath(); route != "" {
				r.Pattern = route // for the log
			}
			// They stay there: middleware outside may still write, after a commit that failed too.
			c.Writer, c.Request = w, r
			c.Next()
		})).ServeHTTP(below{c.Writer}, c.Request)
	}
}
