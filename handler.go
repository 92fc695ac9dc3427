package cloakroom

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Handler is the middleware that gives the requests of next their sessions, to be had
// from [Manager.Get]. It commits a session before the first byte of the response
// leaves, or when next returns without having written one. If that fails, nothing of
// next's response is sent: Options.ErrorHandler writes one instead. What next changes
// afterwards is committed when it returns.
//
// When next panics, what was not committed is dropped, and middleware outside that
// recovers answers. Middleware inside that recovers calls [Session.Discard], or what
// was changed before the panic is committed with its answer.
//
// No shared cache may store a response that sets the cookie, whatever Cache-Control
// next wrote, nor one before which the session was read, unless
// [Session.AllowSharedCache] was called. A request that leaves its session alone is
// left alone.
//
// Wrap the outermost handler that uses sessions, inside middleware that compresses or
// buffers. An [http.TimeoutHandler] is best outside: then a handler that is too slow
// still commits as a whole. Inside, its time-out is the response whose first byte
// commits what the handler had changed by then, and nothing after that.
// docs/middleware.md tells which middleware belongs where.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(next, w, r) })
}

// serve is a function of its own for the copy of the request to stay on the stack
// wherever Handler is inlined.
func (m *Manager) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.Context().Value(m) != nil { // nested in itself
		next.ServeHTTP(w, r)
		return
	}
	x := &exchange{w: w, r: r, m: m}
	if h := w.Header(); len(h) > 0 {
		x.outer = h.Clone()
	}
	x.inner = *r.WithContext(x)
	returned := false
	defer func() {
		x.carryBack()
		x.finish(returned)
	}()
	next.ServeHTTP(x, &x.inner)
	returned = true
}

// Require is a middleware, within [Manager.Handler], that loads the session first, and
// when that fails answers with Options.ErrorHandler before next runs. Without it, a
// load that fails keeps the response from being sent, but next has run by then: use
// Require where next does more than answer, such as charging a card.
func (m *Manager) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := m.Get(r)
		if err := s.Load(); err == nil {
			next.ServeHTTP(w, r)
		} else if s.x == nil {
			m.engine.Log(r.Context(), slog.LevelError, "request refused", "", err, route(r)...)
			m.options.ErrorHandler(w, r, err)
		}
		// Otherwise the middleware answers, as for any session that could not be loaded.
	})
}

// exchange is one request on its way through the middleware: the request as the handler
// gets it, its context, its response writer, and its session in one allocation, which
// is all that a request costs that never touches its session.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request // as it came, with the context that this one extends
	m       *Manager
	session atomic.Pointer[Session] // own, once it was asked for
	outer   http.Header             // what middleware outside had set; once answered, the handler's
	sent    http.Header             // once answered: the answer's

	stage    atomic.Uint32 // of the response, see stage
	finished atomic.Bool   // the handler has returned
	cookie   bool          // the header has our cookie

	vary, cache [1]string // the header's, without allocations of their own
	inner       http.Request
	own         Session
}

// The stages of a response.
const (
	stageOpen       uint32 = iota // its final header is not written yet
	stagePassed                   // the handler's response is sent
	stageCommitting               // the session is being committed, or that has panicked
	stageReplaced                 // Options.ErrorHandler has answered
)

// began reports whether the final header is being written, or was.
func (x *exchange) began() bool { return x.stage.Load() != stageOpen }

// get returns the one session of the request.
func (x *exchange) get() *Session {
	if s := x.session.Load(); s != nil {
		return s
	}
	if x.open() && x.own.answer.sent > 1 {
		x.m.reportSeveral(x.r.Context())
	}
	return &x.own
}

// open opens the session of the request, once, and reports whether this call did. That
// may be late, when the header is being written or the handler has returned: what sets
// stage or finished looks for a session afterwards, and the session is not used before
// it knows.
func (x *exchange) open() bool {
	s := &x.own
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.session.Load() != nil {
		return false
	}
	t, cookie, err := x.m.ticketsOf(x.r)
	s.open(x.r.Context(), x.m, x, t)
	if cookie != nil {
		s.rare = &rare{tickets: t.others, cookie: cookie}
	}
	if err != nil {
		s.own().err = err
	}
	x.session.Store(s)
	if x.began() {
		s.headerSent = true
	}
	if x.finished.Load() {
		s.finish(true)
	}
	return true
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

// begin commits the session before the final header, and reports whether the handler's
// response may be sent.
func (x *exchange) begin() bool {
	if !x.stage.CompareAndSwap(stageOpen, stagePassed) {
		return x.stage.Load() == stagePassed
	}
	s := x.session.Load()
	if p := x.m.options.Profile; p != nil && p.RefreshEachRequest {
		s = x.refresh()
	}
	if s == nil {
		return true
	}
	x.stage.Store(stageCommitting)
	if err := s.commitOrDrop(); err != nil {
		x.fail(s, err)
		return false
	}
	x.stage.Store(stagePassed)
	x.setHeader(s)
	return true
}

// refresh slides the idle timeout of the session that the request has, if it has one,
// and returns it.
func (x *exchange) refresh() *Session {
	if x.session.Load() == nil {
		if t, _, err := x.m.ticketsOf(x.r); err == nil && t.first == "" {
			return nil
		}
	}
	s := x.get()
	s.refreshOrReport()
	return s
}

func (x *exchange) fail(s *Session, err error) {
	x.stage.Store(stageReplaced)
	level := slog.LevelError
	if x.r.Context().Err() != nil {
		level = slog.LevelInfo // the client hung up
	}
	x.m.engine.Log(x.r.Context(), level, "response not sent", s.loadedID(), err, route(&x.inner)...)
	h := x.w.Header()
	resetHeader(h, x.outer)
	neverStore(h)
	// The handler goes on with a header of its own: what it added to this one would leave as
	// trailers, or where middleware holds the header back.
	x.outer = make(http.Header)
	defer func() { x.sent = h.Clone() }()
	x.m.options.ErrorHandler(x.w, x.r, err)
}

// route names the handler of a request in logs: never its path or query, which may hold
// what must not be logged.
func route(r *http.Request) []slog.Attr {
	attrs := []slog.Attr{slog.String("method", r.Method)}
	if r.Pattern != "" {
		attrs = append(attrs, slog.String("pattern", r.Pattern))
	}
	return attrs
}

// setHeader is Session.setHeader for the header of this response.
func (x *exchange) setHeader(s *Session) {
	x.cookie = s.setHeader(x.w.Header(), x.cookie, x.vary[:], x.cache[:])
}

// finish ends the exchange when the handler has returned, or has panicked.
func (x *exchange) finish(returned bool) {
	closed := false
	defer func() { // also when a commit panics
		x.finished.Store(true)
		if s := x.session.Load(); s != nil && !closed {
			s.close()
		}
		if x.sent != nil { // the handler may have kept the header that it had got before
			resetHeader(x.w.Header(), x.sent)
		}
	}()
	if !returned {
		x.abandon()
		return
	}
	late := x.began()
	if !late {
		x.begin()
	}
	s := x.session.Load()
	switch {
	case s == nil:
	case x.stage.Load() == stageCommitting: // a handler recovered from a panic of the commit
		x.fail(s, errNotSent)
	case late && x.stage.Load() == stagePassed:
		if closed = s.closeIdle(); closed {
			return
		}
		s.CommitLate(route(&x.inner)...)
	}
}

// abandon leaves the response to middleware outside, after a panic. What the handler
// had committed before it by itself has changed the cookie all the same.
func (x *exchange) abandon() {
	s := x.session.Load()
	switch {
	case x.stage.Load() == stageCommitting: // the commit has panicked
		resetHeader(x.w.Header(), x.outer)
	case x.began():
		return
	case s != nil:
		x.setHeader(s)
	}
	x.stage.Store(stagePassed)
}

// carryBack leaves in the request what middleware outside finds there without this one:
// the form, so that net/http removes its temporary files, and the pattern with its
// values, which tracing and metrics label by.
func (x *exchange) carryBack() {
	r, inner := x.r, &x.inner
	if r.MultipartForm == nil {
		r.MultipartForm = inner.MultipartForm
	}
	if r.Pattern == inner.Pattern {
		return
	}
	r.Pattern = inner.Pattern
	for rest := inner.Pattern; ; {
		var name string
		var found bool
		if _, rest, found = strings.Cut(rest, "{"); !found {
			return
		}
		name, rest, _ = strings.Cut(rest, "}")
		name, _, _ = strings.Cut(name, ":") // chi's pattern of a value
		name = strings.TrimSuffix(name, "...")
		if value := inner.PathValue(name); value != "" {
			r.SetPathValue(name, value)
		}
	}
}
