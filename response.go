package cloakroom

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// What net/http's own writers have, since frameworks assert some of it without asking.
// A method that the writer below has no equal of fails, and does not panic or block.
var (
	_ context.Context = (*exchange)(nil)
	_ http.Flusher    = (*exchange)(nil)
	_ http.Hijacker   = (*exchange)(nil)
	_ http.Pusher     = (*exchange)(nil)
	_ io.ReaderFrom   = (*exchange)(nil)
	_ io.StringWriter = (*exchange)(nil)
	_ closeNotifier   = (*exchange)(nil)
)

// closeNotifier is [http.CloseNotifier], which is deprecated, and which Gin asserts.
type closeNotifier interface{ CloseNotify() <-chan bool }

// errNotSent is what the handler's writes return once its response has been replaced.
var errNotSent = errors.New("cloakroom: the response is not sent, since its session could not " +
	"be loaded or committed")

// Header returns the response's header, or once that is another's one that is sent nowhere.
func (x *exchange) Header() http.Header {
	if x.stage.Load() == stageReplaced {
		return x.outer
	}
	return x.w.Header()
}

func (x *exchange) WriteHeader(status int) {
	informational := status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols
	if informational && x.stage.Load() < stageCommitting || x.begin() {
		x.w.WriteHeader(status)
	}
}

func (x *exchange) Write(p []byte) (int, error) {
	if !x.begin() {
		return 0, errNotSent
	}
	return x.w.Write(p)
}

func (x *exchange) WriteString(s string) (int, error) {
	if !x.begin() {
		return 0, errNotSent
	}
	return io.WriteString(x.w, s)
}

func (x *exchange) ReadFrom(src io.Reader) (int64, error) {
	if !x.begin() {
		return 0, errNotSent
	}
	return io.Copy(x.w, src)
}

func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is what [http.ResponseController] calls. Where the writer below cannot
// flush, nothing has been sent by it.
func (x *exchange) FlushError() error {
	if !can(x.w, func(w http.ResponseWriter) bool {
		switch w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			return true
		}
		return false
	}) {
		return http.ErrNotSupported
	}
	if !x.begin() {
		return errNotSent
	}
	return http.NewResponseController(x.w).Flush()
}

// can reports whether w, or what it wraps, has an ability, as [http.ResponseController]
// looks for it.
func can(w http.ResponseWriter, has func(http.ResponseWriter) bool) bool {
	for !has(w) {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = wrapper.Unwrap()
	}
	return true
}

// Hijack commits first. It fails when there is a new cookie to be sent, unless
// WriteHeader has sent it with a status of 101: the response's header will not be used.
// Call [Session.Save], and send what [Session.Cookies] then returns with the response
// to the upgrade.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !can(x.w, func(w http.ResponseWriter) bool { _, ok := w.(http.Hijacker); return ok }) {
		return nil, nil, http.ErrNotSupported
	}
	began := x.began()
	if s := x.session.Load(); s != nil && !began && s.hidesCookie() {
		const what = "hijack: call Session.Save before, and send Session.Cookies, or with " +
			"Options.RequestHeader the Value of Session.Cookie in Options.ResponseHeader"
		return nil, nil, errorAt(what, ErrHeaderSent)
	}
	if !x.begin() {
		return nil, nil, errNotSent
	}
	conn, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil && !began { // the header has not left after all
		x.stage.Store(stageOpen)
		if s := x.session.Load(); s != nil {
			s.noteNotSent()
		}
	}
	return conn, rw, err
}

// Unwrap serves [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

// CloseNotify is for frameworks that assert [http.CloseNotifier]. Where the writer
// below has none, the end of the request's context tells the same.
func (x *exchange) CloseNotify() <-chan bool {
	var below closeNotifier
	if can(x.w, func(w http.ResponseWriter) (ok bool) {
		below, ok = w.(closeNotifier)
		return ok
	}) {
		return below.CloseNotify()
	}
	closed := make(chan bool, 1)
	context.AfterFunc(x.r.Context(), func() { closed <- true })
	return closed
}

// Push implements [http.Pusher].
func (x *exchange) Push(target string, options *http.PushOptions) error {
	var below http.Pusher
	if can(x.w, func(w http.ResponseWriter) (ok bool) { below, ok = w.(http.Pusher); return ok }) {
		return below.Push(target, options)
	}
	return http.ErrNotSupported
}

// SetReadDeadline is for code that does not use [http.ResponseController].
func (x *exchange) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(x.w).SetReadDeadline(deadline)
}

// SetWriteDeadline is likewise.
func (x *exchange) SetWriteDeadline(deadline time.Time) error {
	return http.NewResponseController(x.w).SetWriteDeadline(deadline)
}

// EnableFullDuplex is likewise.
func (x *exchange) EnableFullDuplex() error {
	return http.NewResponseController(x.w).EnableFullDuplex()
}

// WriteHeaderNow is Gin's, whose writer holds the header back until then;
// coder/websocket looks for it.
func (x *exchange) WriteHeaderNow() {
	var below interface{ WriteHeaderNow() }
	if can(x.w, func(w http.ResponseWriter) (ok bool) {
		below, ok = w.(interface{ WriteHeaderNow() })
		return ok
	}) && x.begin() {
		below.WriteHeaderNow()
	}
}
