package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// Session is one request's view of a session: the record as it was loaded, and the
// changes that this request made, which are committed before the first byte of the
// response or by [Session.Save]. Nothing is loaded before it is asked for.
//
// A Session may be used from several goroutines until the handler returns. After that,
// also when it is [http.TimeoutHandler] that returned, every use of it is [ErrFinished]
// and never a write.
//
// A load error is sticky, as in bufio.Scanner: values read as absent, [Session.Err]
// returns it, and the response will not be sent.
type Session struct {
	m *Manager
	x *exchange // nil without HTTP

	mu         sync.Mutex
	phase      phase
	looked     bool // it was asked for: the response varies by cookie
	dropped    bool // changes were dropped
	headerSent bool
	answer     answer
	rare       *rare
	*body
	// of the load, and then of the first commit: it has no allocation of its own, and
	// has the session's context
	limit deadline.Context
}

// answer is what the response tells the browser and caches.
type answer struct {
	sent         uint8 // how many cookies of our name the browser sent; 2 stands for more too
	cookie       cookieChange
	taken        bool // Cookie returned it
	clearForeign bool // Profile.ClearCookies are to be cleared
	shareable    bool // AllowSharedCache was called
}

// rare is what few sessions have.
type rare struct {
	visit   *Visit       // the request, where it is not one of net/http
	tickets []string     // the browser's other tickets; not changed once the session is loaded
	cookie  *http.Cookie // what Options.Cookie says of it
}

func (s *Session) ctx() context.Context { return s.limit.Parent() }

// Err returns the error that will keep the response from being sent, or nil. It does
// not load the session: see [Session.Load].
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == finished {
		return ErrFinished
	}
	return s.err
}

// Load loads the session now, unless that was done already, and returns [Session.Err].
func (s *Session) Load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ensure()
}

// ensure loads the session if need be. s.mu is held.
func (s *Session) ensure() error { return s.ensureFor(false) }

// ensureFor is ensure; a detached load is for a sign-out: it goes on when the client
// has hung up, and is made also after an error that was none of a load.
func (s *Session) ensureFor(detached bool) error {
	if s.phase == finished {
		return ErrFinished
	}
	s.looked = true
	if s.phase != unloaded || s.err != nil && (!detached || s.ticket == "" || s.limit.Armed()) {
		return s.err
	}
	if s.ticket == "" {
		s.startFresh()
		return nil
	}
	id := s.m.policy.ID(s.ticket)
	now, ticks := s.m.engine.Clocks()
	l := &s.limit
	if l.Armed() { // for a load that failed: see refresh
		l = new(deadline.Context)
		s.m.engine.Embed(l, s.ctx())
	}
	s.m.engine.ArmLoad(l, now, ticks, detached)
	defer l.Release()
	b := s.own()
	err := s.m.engine.Load(l, id, &b.state, now)
	if s.rare != nil && dead(&b.state, err) {
		id, err = s.loadOther(l, now, id, err)
	}
	b.room = b.state.Doc.Room()
	s.tick = s.m.engine.Tick()
	if dead(&b.state, err) && !errors.Is(err, ErrUnreadable) && s.m.engine.Listened() {
		s.m.engine.TellOf(s.ctx(), id, event.Event{Kind: event.DeadTicket})
	}
	switch {
	case err == nil && s.state.Doc.Sealed():
		s.startFresh()
		s.goneID = id
		s.enter(sealed)
	case err == nil:
		if spell := s.m.policy.Spell; spell != nil {
			s.ticket = spell(id) // a signature by a former key is made anew
		}
		s.enter(live)
		if s.w != nil {
			s.w.view = nil
		}
	case errors.Is(err, ErrNotFound):
		s.startFresh()
		if errors.Is(err, ErrUnreadable) {
			s.goneID = id
			s.enter(unreadable)
		}
	default:
		err = fmt.Errorf("cloakroom: load session: %w", err)
		s.failLocked(err)
		return err
	}
	return nil
}

// startFresh starts a session that has no record yet.
func (s *Session) startFresh() {
	st := s.m.engine.NewState()
	s.setState(&st, nil)
	s.ticket, s.goneID = "", ""
	s.enter(fresh)
}

// end takes in why the session is no more, ErrEnded or ErrUnreadable: there is nothing
// to read, and changes are dropped. The pending operations that are given stay, for a
// session that a sign-in among them begins.
func (s *Session) end(ops []document.Operation, why error) {
	next := ended
	switch {
	case s.owned():
		next = endedOwned
	case errors.Is(why, ErrUnreadable):
		next = unreadable
	}
	if s.state.ID != "" { // else it was gone when it was loaded
		s.goneID = s.state.ID
	}
	st := s.m.engine.NewState()
	s.setState(&st, ops)
	s.ticket, s.answer.cookie = "", cookieKeep
	s.enter(next)
}

// owned reports whether the session has an owner, or had one when it ended.
func (s *Session) owned() bool {
	return s.phase == endedOwned || s.state.Stored() && s.state.Doc.Owner() != nil
}

// fail makes err sticky.
func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *Session) failLocked(err error) {
	if s.err == nil && s.phase != finished {
		s.own().err = err
	}
}

func (s *Session) report(err error) {
	s.m.engine.Log(s.ctx(), slog.LevelWarn, "stored value reads as absent", s.loadedID(), err)
}

// read implements [Values].
func (s *Session) read(name string) (document.Value, error) {
	at, err := s.lookUp(name)
	if err != nil {
		s.reportVain(err)
	}
	return at, err
}

// lookUp is read that reports nothing.
func (s *Session) lookUp(name string) (document.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(); err != nil {
		return document.Absent(s.m.options.Format), err
	}
	return s.view().Shared(name), nil
}

// phase is where a session is in its life, as far as this request knows.
// docs/concurrency.md draws what leads from one to another, and TestPhases tests
// each arrow.
type phase uint8

const (
	unloaded   phase = iota
	fresh            // it has no record
	live             // it has a record
	sealed           // its ticket leads to a seal: it ended or moved before this request
	unreadable       // its record cannot be read: a sign-in or Clear ends that, and starts afresh
	ended            // it was ended during this request: a sign-in starts afresh
	endedOwned       // likewise, or damaged, and it had an owner: a sign-in fails with ErrEnded
	finished         // the handler has returned, or Close was called
)

// gone reports whether there is nothing to read, and changes are dropped, but for a sign-in.
func (p phase) gone() bool { return sealed <= p && p <= endedOwned }

// enter makes p the phase of the session. A finished one stays finished. s.mu is held.
func (s *Session) enter(p phase) {
	if s.phase != finished {
		s.phase = p
	}
}

// over returns why a change has nowhere to go: ErrEnded or ErrUnreadable.
func (s *Session) over() error {
	if s.phase == unreadable {
		return ErrUnreadable
	}
	return ErrEnded
}

// body is what a Session knows while it is in use. Its memory goes to another session
// when this one is finished: it would be most of what a request allocates. So it is
// looked at under Session.mu only, and what leaves that is copies; fields of state.doc
// may be shared as long as some commit or sign-out has its turn, see changes.line.
type body struct {
	state     engine.State  // as loaded or as committed last; it may have no record
	ticket    string        // empty for a session that has none yet
	err       error         // sticky
	tick      int64         // when loading or committing had ended, see [engine.Engine.Tick]
	goneID    string        // the store's id of what is gone
	w         *changes      // nil before the first change
	changed   changes       // what w points to
	room      document.Room // what the fields of the document were loaded into
	second    document.Room // what those of the first commit may go to
	lent      bool          // second was given to a commit
	committed bool          // Session.limit has been that of a commit
	told      bool          // it was told that changes were dropped
}

// emptyBody is the body of a Session that was not used yet, or is finished. It is never
// changed.
var emptyBody body

var bodies = sync.Pool{New: func() any { return new(body) }}

// own returns the body, which may be written to. The session is not finished. s.mu is held.
func (s *Session) own() *body {
	if s.body == &emptyBody {
		s.body = bodies.Get().(*body)
	}
	return s.body
}

// drop returns the body to the pool. Call it once Cookie can no longer be called. s.mu
// is held.
func (s *Session) drop() {
	b := s.body
	if b == &emptyBody || b.w != nil && b.w.line.Taken() {
		return
	}
	s.body = &emptyBody
	room := b.room
	if b.w != nil {
		b.changed = changes{}
	}
	b.state, b.ticket, b.err, b.goneID, b.w, b.room = engine.State{}, "", nil, "", nil, nil
	b.state.Doc.Reuse(room)
	if b.lent {
		b.second.Clear()
		b.lent = false
	}
	b.committed, b.told = false, false
	bodies.Put(b)
}

// lend returns room for the fields of the first commit, whose turn it is, and of no
// other: what the session was loaded into may be looked at still. s.mu is held.
func (b *body) lend() document.Room {
	if b.lent {
		return nil
	}
	b.second, b.lent = b.second.Fit(&b.state.Doc)
	if !b.lent {
		return nil
	}
	return b.second
}

// Close finishes the use of a session that [Manager.Open] gave. What was not committed
// is dropped.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(false)
}

// close is Close when no cookie has to be sent any more.
func (s *Session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(true)
}

// finish finishes the use. s.mu is held.
func (s *Session) finish(last bool) {
	s.phase = finished
	if s.w != nil {
		s.w.ops = nil
	}
	if last || s.answer.cookie == cookieKeep {
		s.drop()
	}
}

// loadedID is ID for messages: it loads nothing.
func (s *Session) loadedID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loadedIDLocked()
}

func (s *Session) loadedIDLocked() string {
	if s.state.ID == "" {
		return ""
	}
	return ticket.PublicID(s.state.ID)
}
