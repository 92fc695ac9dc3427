package cloakgin

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
)

// below is Gin's writer as the session's middleware uses it: like that of net/http, it
// holds no status back.
type below struct{ gin.ResponseWriter }

func (b below) WriteHeader(status int) {
	b.ResponseWriter.WriteHeader(status)
	b.WriteHeaderNow()
}

// Unwrap serves [http.ResponseController].
func (b below) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// writer is Gin's writer, within the session's middleware. What Gin holds back, Gin's own
// keeps: the status, and what is known of the response. What would leave passes through
// the session's writer, which commits first, and has Gin's below it. It is the context of
// the request too, where it is found again.
type writer struct {
	gin.ResponseWriter
	context.Context
	session http.ResponseWriter
	key     key
}

var _ gin.ResponseWriter = (*writer)(nil)

// key is what a request's context has its writer by.
type key struct{ m *cloakroom.Manager }

func (w *writer) Value(k any) any {
	if k == any(w.key) {
		return w
	}
	return w.Context.Value(k)
}

// again serves a request that comes to the middleware once more: it is used twice, or
// [gin.Engine.HandleContext] has begun anew, with Gin's own writer.
func (w *writer) again(c *gin.Context) {
	if w.isIn(c.Writer) {
		return // Gin goes on
	}
	c.Writer = w
	c.Next()
	w.WriteHeaderNow() // before HandleContext does that itself
}

// isIn reports whether what is written to another writer comes to w, or may do so: other
// middleware's need not tell.
func (w *writer) isIn(other http.ResponseWriter) bool {
	for {
		if other == http.ResponseWriter(w) {
			return true
		}
		if _, ok := other.(gin.ResponseWriter); !ok {
			return false // the server's
		}
		wrapper, ok := other.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return true
		}
		other = wrapper.Unwrap()
	}
}

func (w *writer) Header() http.Header { return w.session.Header() }

func (w *writer) WriteHeaderNow() {
	if !w.Written() {
		w.session.WriteHeader(w.Status())
	}
}

func (w *writer) Write(p []byte) (int, error) { return w.session.Write(p) }

func (w *writer) WriteString(s string) (int, error) { return io.WriteString(w.session, s) }

func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (w *writer) FlushError() error { return http.NewResponseController(w.session).Flush() }

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.session).Hijack()
}

// CloseNotify does not ask Gin's writer, which panics where the server's does not have it:
// within [http.TimeoutHandler], and in a test.
func (w *writer) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.Context, func() { gone <- true })
	return gone
}

// Unwrap serves [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.session }
