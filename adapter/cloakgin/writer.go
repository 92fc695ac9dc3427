package cloakgin

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
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
// the session's writer, which commits first, and has Gin's below it.
type writer struct {
	gin.ResponseWriter
	session http.ResponseWriter
	ctx     context.Context // of the request
}

var _ gin.ResponseWriter = (*writer)(nil)

func (w *writer) Header() http.Header { return w.session.Header() }

func (w *writer) WriteHeaderNow() {
	if !w.Written() {
		w.session.WriteHeader(w.Status())
	}
}

func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeaderNow()
	return w.session.Write(p)
}

func (w *writer) WriteString(s string) (int, error) {
	w.WriteHeaderNow()
	return io.WriteString(w.session, s)
}

func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (w *writer) FlushError() error {
	w.WriteHeaderNow()
	return http.NewResponseController(w.session).Flush()
}

func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.session).Hijack()
}

// CloseNotify does not ask Gin's writer, which panics where the server's does not have it:
// within [http.TimeoutHandler], and in a test.
func (w *writer) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	context.AfterFunc(w.ctx, func() { gone <- true })
	return gone
}

// Unwrap serves [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.session }
