package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Session is one request's view of a session: the record as it was loaded, and the changes that
// this request made, which are committed before the first byte of the response or by [Session.Save].
// Nothing is loaded before it is asked for.
//
// A Session may be used from several goroutines until the handler returns. After that, also when it
// is [http.TimeoutHandler] that returned, every use of it is [ErrFinished] and never a write.
//
// A load error is sticky, as in bufio.Scanner: values read as absent, [Session.Err] returns it, and the
// response will not be sent.
type Session struct {
	m   *Manager
	ctx context.Context
	x   *exchange // nil without HTTP

	mu          sync.Mutex
	presented   bool // the browser sent a cookie of our name
	loaded      bool
	looked      bool   // somebody asked: the response varies by cookie
	gone        bool   // ended: there is nothing to read, and changes are dropped
	goneID      string // the store's id of what is gone
	goneFirst   bool   // it was gone when it was first loaded, so a sign-in starts afresh
	wasOwned    bool   // what was loaded had an owner
	dropped     bool   // changes were dropped
	headerSent  bool
	finished    bool
	tick        int64 // when loaded was begun, see gates
	ticket      string
	state       // as loaded or as committed last; no version means that there is no record
	view        draft
	ops         []operation
	err         error
	cookie      cookieChange
	cookieTaken bool          // Cookie returned it
	turn        chan struct{} // commits and sign-outs of this Session, one at a time; made when needed
}

// state is a session as a store has it.
type state struct {
	id  string
	rec Record
	doc document
}

// cookieChange is what the browser must be told.
type cookieChange uint8

const (
	cookieKeep cookieChange = iota
	cookieSet
	cookieClear
)

// Open returns the session of a ticket, for use without the middleware: WebSockets, RPC, or a
// framework that is not net/http. A ticket that is empty, malformed or unknown gives a new session.
// Nothing is loaded yet. Use the session, commit it with [Session.Save] before the response is sent, hand
// [Session.Cookie] to the browser, and call [Session.Close]. Cancelling ctx aborts loads, but not commits.
func (m *Manager) Open(ctx context.Context, ticket string) *Session {
	return m.open(ctx, nil, ticket, ticket != "")
}

func (m *Manager) open(ctx context.Context, x *exchange, ticket string, presented bool) *Session {
	s := &Session{m: m, ctx: ctx, x: x, presented: presented}
	if isTicket(ticket) {
		s.ticket = ticket
	}
	return s
}

// Err returns the error that will keep the response from being sent, or nil. It does not load the
// session: see [Session.Load].
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Load loads the session now, unless that was done already, and returns [Session.Err].
func (s *Session) Load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ensure()
}

// ensure loads the session if need be. s.mu is held.
func (s *Session) ensure() error {
	if s.finished {
		return ErrFinished
	}
	s.looked = true
	if s.loaded || s.err != nil {
		return s.err
	}
	if s.ticket == "" {
		s.begin()
		return nil
	}
	s.id = storeID(s.ticket)
	s.tick = s.m.gates.tick()
	limit := newLimit(s.ctx, s.m.options.Timeout, false)
	defer limit.release()
	loaded, err := s.m.load(limit, s.id)
	switch {
	case err == nil && loaded.doc.meta.sealed:
		s.begin()
		s.gone, s.goneFirst, s.goneID = true, true, loaded.id
	case err == nil:
		s.install(loaded)
		s.view = draftOf(&s.doc)
	case errors.Is(err, ErrNotFound):
		s.begin()
	default:
		s.err = fmt.Errorf("cloakroom: load session: %w", err)
		return s.err
	}
	s.loaded = true
	return nil
}

// begin starts a session that has no record yet.
func (s *Session) begin() {
	s.state = state{doc: s.m.newDocument()}
	s.ticket = ""
	s.loaded = true
	s.gone, s.goneFirst, s.goneID, s.wasOwned = false, false, "", false
	if s.m.options.Persistent {
		value, _ := s.doc.format.encode(true)
		s.doc.fields = []field{{[]byte(namePermanent), value}}
	}
	s.view = draftOf(&s.doc)
}

// install makes a loaded or committed state the one that this session builds on.
func (s *Session) install(st state) {
	s.state = st
	s.wasOwned = st.doc.meta.owner != nil
}

// fail makes err sticky.
func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *Session) failLocked(err error) {
	if s.err == nil && !s.finished {
		s.err = err
	}
}

func (s *Session) report(err error) {
	s.m.log(s.ctx, slog.LevelWarn, "stored value reads as absent", s.loadedID(), err)
}

// read implements [Values].
func (s *Session) read(name string) ([]byte, Format, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(); err != nil {
		return nil, s.m.options.Format, err
	}
	return s.view.value(name), s.view.format, nil
}

// write implements [Values]: it records an operation and performs it on the view.
func (s *Session) write(op operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(); err != nil || s.dropIfGone(op.kind) {
		return
	}
	if op.kind == opDelete && s.view.index(op.name) < 0 {
		return
	}
	if err := s.refuseLate(op.kind); err != nil {
		s.failLocked(err)
		return
	}
	if op.kind != opChange {
		if err := op.apply(&s.view); err != nil {
			s.failLocked(err)
			return
		}
		s.ops = append(s.ops, op)
		return
	}
	for { // code of the caller's runs without the lock, on a copy, and again if another goroutine came in between
		before, fields, d := len(s.ops), s.view.fields, s.view
		d.fields, d.owned = slices.Clone(fields), true
		err := s.unlocked(func() error { return op.apply(&d) })
		switch {
		case s.finished:
			return
		case err != nil:
			s.failLocked(err)
			return
		case before == len(s.ops) && sameSlice(fields, s.view.fields):
			s.view = d
			s.ops = append(s.ops, op)
			return
		}
	}
}

// unlocked calls f without s.mu, which is held again when it returns or panics.
func (s *Session) unlocked(f func() error) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return f()
}

func sameSlice(a, b []field) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// dropIfGone reports whether a change has nowhere to go, since the session has ended. A sign-in
// may still start another one.
func (s *Session) dropIfGone(kind operationKind) bool {
	if s.gone && kind != opLogin && firstLogin(s.ops) < 0 {
		s.dropped = true
		return true
	}
	return false
}

// refuseLate returns an error for a change that needs a new cookie when the header has left.
func (s *Session) refuseLate(kind operationKind) error {
	if s.headerSent && (s.rec.Version == "" || kind == opLogin || kind == opRenew) {
		return ErrHeaderSent
	}
	return nil
}

// Clear removes all values and flash messages. The session, its ticket and its owner stay.
func (s *Session) Clear() { s.write(operation{kind: opClear}) }

// SetPersistent decides whether the cookie outlives the browser: then it lives to the session's
// absolute deadline. Options.Persistent is the default.
func (s *Session) SetPersistent(persistent bool) {
	if s.IsPersistent() == persistent {
		return
	}
	s.mu.Lock()
	late := s.headerSent
	s.mu.Unlock()
	if late {
		s.fail(ErrHeaderSent)
		return
	}
	s.write(operation{kind: opChange, name: namePermanent, change: func(d *draft) error {
		if !persistent {
			d.remove(namePermanent)
			return nil
		}
		value, err := d.format.encode(true)
		d.set(namePermanent, value)
		return err
	}})
}

// Login makes owner, a name of your choice such as a user's primary key, the owner of the session, under a new
// ticket: the old one is dead before the new one is handed out (ASVS 5.0 7.2.4). It happens at the commit;
// if it fails, the response is not sent. The absolute deadline is counted anew. Values stay, unless the
// session belonged to another owner: then it keeps only what is set after Login.
//
// Where the session ended meanwhile, an anonymous one is replaced by a new one with only what is set
// after Login, and one that had an owner fails with [ErrEnded].
//
// The returned error says that owner is empty, that the session could not be loaded, or that the
// response has begun; it is sticky.
func (s *Session) Login(owner string) error {
	if owner == "" {
		err := errors.New("cloakroom: Login: the owner's name is empty")
		s.fail(err)
		return err
	}
	now := s.m.now()
	l := &login{owner: owner, at: micros(now), deadline: micros(now.Add(s.m.options.Lifetime))}
	if s.x != nil {
		l.userAgent = clip(s.x.r.UserAgent(), 512)
		l.ip = clip(s.m.options.ClientIP(s.x.r), 64)
	}
	s.write(operation{kind: opLogin, login: l})
	return s.Load()
}

// Renew gives the session a new ticket, as Login does, and changes nothing else. Call it whenever
// the privileges of its owner change. It happens at the commit; a session without a record needs no new ticket.
func (s *Session) Renew() error {
	if s.IsNew() {
		return s.Err()
	}
	s.write(operation{kind: opRenew})
	return s.Load()
}

// rebase puts the changes that came after the first n on top of what was committed.
func (s *Session) rebase(n int) {
	if s.finished {
		return
	}
	s.ops = slices.Delete(s.ops, 0, min(n, len(s.ops)))
	d, err := applyAll(&s.doc, s.ops)
	if err != nil {
		s.failLocked(err)
		return
	}
	s.view = d
}

// clip makes text from outside fit to be kept: valid UTF-8, of at most n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
