package cloakroom

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Handler is the middleware that gives the requests of next their sessions, to be had from
// [Manager.Get]. It commits a session before the first byte of the response leaves, or when next returns
// without having written one. If that fails, next's response is not sent: Options.ErrorHandler writes one
// instead. What next changes afterwards is committed when it returns. When next panics, what was not
// committed is dropped.
//
// Wrap the outermost handler that uses sessions, inside middleware that compresses or buffers. An [http.TimeoutHandler]
// may stand on either side.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(m) != nil { // nested in itself
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{w: w, r: r, m: m}
		if h := w.Header(); len(h) > 0 {
			x.outer = h.Clone()
		}
		returned := false
		defer func() { x.finish(returned) }()
		next.ServeHTTP(x, r.WithContext(x))
		returned = true
	})
}

// Require is a middleware, within [Manager.Handler], that loads the session first, and when that fails
// answers with Options.ErrorHandler before next runs. Without it, a load that fails keeps the response from being
// sent, but next has run by then: use Require where next does more than answer, such as charging a card.
func (m *Manager) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := m.Get(r)
		if err := s.Load(); err == nil {
			next.ServeHTTP(w, r)
		} else if s.x == nil {
			m.log(r.Context(), slog.LevelError, "request refused", "", err)
			m.options.ErrorHandler(w, r, err)
		}
		// Otherwise the middleware answers, as for any session that could not be loaded.
	})
}

// exchange is one request on its way through the middleware: its context and its response writer
// in one, so that a request that never touches its session costs two allocations.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request // as it came, with the context that this one extends
	m       *Manager
	session atomic.Pointer[Session]
	outer   http.Header // what middleware outside of this one had set
	began   bool        // the final header is being written, or was
	failed  bool        // it is ErrorHandler's
}

var (
	_ context.Context = (*exchange)(nil)
	_ http.Flusher    = (*exchange)(nil)
	_ http.Hijacker   = (*exchange)(nil)
	_ io.ReaderFrom   = (*exchange)(nil)
	_ io.StringWriter = (*exchange)(nil)
)

// get returns the one session of the request.
func (x *exchange) get() *Session {
	if s := x.session.Load(); s != nil {
		return s
	}
	ticket, presented := x.m.ticketIn(x.r.Header)
	s := x.m.open(x.r.Context(), x, ticket, presented)
	if !x.session.CompareAndSwap(nil, s) {
		return x.session.Load()
	}
	return s
}

func (x *exchange) Deadline() (time.Time, bool) { return x.r.Context().Deadline() }
func (x *exchange) Done() <-chan struct{}       { return x.r.Context().Done() }
func (x *exchange) Err() error                  { return x.r.Context().Err() }

func (x *exchange) Value(key any) any {
	if m, ok := key.(*Manager); ok && m == x.m {
		return x
	}
	return x.r.Context().Value(key)
}

// begin commits the session before the final header, and reports whether the handler's response may be sent.
func (x *exchange) begin() bool {
	if x.began {
		return !x.failed
	}
	x.began = true
	s := x.session.Load()
	if s == nil {
		return true
	}
	s.noteHeader()
	err := s.commit(nil)
	if errors.Is(err, ErrEnded) && s.Err() == nil {
		s.reportDropped()
		err = nil
	}
	if err != nil {
		x.fail(s, err)
		return false
	}
	x.setCookie(s)
	x.vary(s)
	return true
}

func (x *exchange) fail(s *Session, err error) {
	x.failed = true
	level := slog.LevelError
	if x.r.Context().Err() != nil {
		level = slog.LevelInfo // the client hung up, so nobody is waiting
	}
	x.m.log(x.r.Context(), level, "response not sent", s.loadedID(), err)
	h := x.w.Header()
	clear(h)
	maps.Copy(h, x.outer)
	x.m.options.ErrorHandler(x.w, x.r, err)
}

// setCookie puts the session's cookie into the header, if the browser must be sent one, and takes
// out any that the handler took from an earlier commit.
func (x *exchange) setCookie(s *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := x.w.Header()
	if s.cookieTaken {
		h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool {
			return strings.HasPrefix(line, x.m.options.CookieName+"=")
		})
		if len(h["Set-Cookie"]) == 0 {
			delete(h, "Set-Cookie")
		}
	}
	c := s.cookieLocked()
	if c == nil {
		return
	}
	h.Add("Set-Cookie", c.String())
	if len(h["Cache-Control"]) == 0 {
		h.Set("Cache-Control", "private")
	}
}

// vary tells caches that the response depends on the cookie, if it does.
func (x *exchange) vary(s *Session) {
	s.mu.Lock()
	looked := s.looked
	s.mu.Unlock()
	if !looked {
		return
	}
	h := x.w.Header()
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
				return
			}
		}
	}
	h["Vary"] = append(h["Vary"], "Cookie")
}

// finish ends the exchange when the handler has returned, or has panicked.
func (x *exchange) finish(returned bool) {
	if !returned {
		if s := x.session.Load(); s != nil {
			s.Close()
		}
		return
	}
	late := x.began
	if !late {
		x.begin()
	}
	s := x.session.Load()
	if s == nil {
		return
	}
	defer s.Close()
	if !late || x.failed {
		return
	}
	switch err := s.commit(nil); {
	case err == nil:
	case errors.Is(err, ErrEnded) && s.Err() == nil:
		s.reportDropped()
	default:
		x.m.log(x.r.Context(), slog.LevelError, "what was changed after the response had begun is not stored", s.loadedID(), err)
	}
}

// errNotSent is what the handler's writes return once its response has been replaced.
var errNotSent = errors.New("cloakroom: the response is not sent, since its session could not be loaded or committed")

func (x *exchange) Header() http.Header { return x.w.Header() }

func (x *exchange) WriteHeader(status int) {
	informational := status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols
	if informational && !x.failed || x.begin() {
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

// FlushError is what [http.ResponseController] calls.
func (x *exchange) FlushError() error {
	if !x.begin() {
		return errNotSent
	}
	return http.NewResponseController(x.w).Flush()
}

// Hijack commits first. It fails when there is a new cookie to be sent: the response's header will
// not be used. Call [Session.Save], and send what [Session.Cookie] then returns with the
// response to the upgrade.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if s := x.session.Load(); s != nil && s.hidesCookie() {
		return nil, nil, errorAt("hijack: call Session.Save before, and send Session.Cookie", ErrHeaderSent)
	}
	if !x.begin() {
		return nil, nil, errNotSent
	}
	return http.NewResponseController(x.w).Hijack()
}

// Unwrap serves [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }
