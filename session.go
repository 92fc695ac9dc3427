package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/internal/queue"
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
	sent      uint8 // how many cookies of our name the browser sent; 2 stands for more too
	cookie    cookieChange
	taken     bool // Cookie returned it
	others    bool // Profile.ClearCookies are to be cleared
	shareable bool // AllowSharedCache was called
}

// rare is what few sessions have.
type rare struct {
	visit  *Visit   // the request, where it is not one of net/http
	others []string // the browser's other tickets; not changed once the session is loaded
}

// changes is what a Session needs once something is changed.
type changes struct {
	ops  []document.Operation
	view *document.Draft // the document with the operations performed; nil until somebody looks at it
	gen  int             // counts the changes of ops and of what they are based on

	line queue.Line // commits and sign-outs of this Session take turns

	first [1]document.Operation // room for what is mostly all
}

// changes returns the changes, which there are from now on. The session is not
// finished. s.mu is held.
func (s *Session) changes() *changes {
	b := s.own()
	if b.w == nil {
		b.w = &b.changed
		b.w.ops = b.w.first[:0]
	}
	return b.w
}

// view returns the document as this request sees it. s.mu is held.
func (s *Session) view() *document.Document {
	if s.w == nil || s.w.view == nil && len(s.w.ops) == 0 {
		return &s.state.Doc
	}
	return &s.draft().Document
}

// draft is view for whoever is about to change it. Where there is no view yet, what is
// pending is neither code of the caller's nor can fail: whatever may be is performed
// when it is recorded, or by see. s.mu is held.
func (s *Session) draft() *document.Draft {
	w := s.w
	if w.view == nil {
		d, err := s.state.Doc.Perform(w.ops)
		if err != nil {
			s.failLocked(err)
		}
		w.view = &d
	}
	return w.view
}

func (s *Session) ops() []document.Operation {
	if s.w != nil {
		return s.w.ops
	}
	return nil
}

// setState makes st what this session builds on, and ops what is pending. The view
// follows at the next call of see.
func (s *Session) setState(st *engine.State, ops []document.Operation) {
	s.own().state = *st
	if s.w != nil {
		s.w.ops, s.w.view = ops, nil
		if len(ops) > 0 { // see runs code of the caller's, which may look at the session meanwhile
			base := s.state.Doc.Draft()
			s.w.view = &base
		}
		s.w.gen++
	}
}

// see performs what is pending on the view. Code of the caller's runs without s.mu, and
// again if another goroutine came in between.
func (s *Session) see() {
	for len(s.ops()) > 0 {
		gen, base, ops := s.w.gen, s.state.Doc, slices.Clone(s.w.ops)
		var d document.Draft
		err := s.unlocked(func() (err error) {
			d, err = base.Perform(ops)
			return err
		})
		if s.phase == finished {
			return
		}
		if gen == s.w.gen {
			if err != nil {
				s.failLocked(err)
				return
			}
			s.w.view = &d
			s.w.gen++
			return
		}
	}
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

// end takes in why the session is no more, ErrEnded or ErrUnreadable: there is nothing to read, and changes are
// dropped. The pending operations that are given stay, for a session that a sign-in
// among them begins.
func (s *Session) end(ops []document.Operation, why error) {
	next := ended
	switch {
	case errors.Is(why, ErrUnreadable):
		next = unreadable
	case s.owned():
		next = endedOwned
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

// write implements [Values].
func (s *Session) write(op document.Operation) {
	if err := s.record(op); err != nil {
		s.reportVain(err)
	}
}

// record records an operation and performs it on the view. It returns why the session
// cannot be used, if it cannot.
func (s *Session) record(op document.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	justLoaded := s.phase == unloaded
	if err := s.ensure(); err != nil {
		return err
	}
	if err := op.Settle(s.state.Doc.Format()); err != nil {
		s.failLocked(err)
		return nil
	}
	// What was loaded by this very call is as good as now. On anything older, a change that
	// seems to change nothing may be one by now, so the commit must look.
	op.Must = op.Kind == document.Set || !justLoaded && (op.Kind == document.Change || op.Kind == document.Clear)
	if op.Kind == document.Delete && justLoaded && !s.view().At(op.Name).Present() {
		return nil
	}
	for {
		if s.phase == finished {
			return ErrFinished
		}
		if s.dropIfGone(op.Kind) {
			return nil
		}
		if err := s.refuseLate(op.Kind); err != nil {
			s.failLocked(err)
			return nil
		}
		w := s.changes()
		if err := s.refuseValue(&op); err != nil {
			s.failLocked(err)
			return nil
		}
		if op.Kind != document.Change {
			if w.view != nil || !op.Fits(s.state.Doc.Format()) {
				if err := s.draft().Apply(&op, false); err != nil {
					s.failLocked(err)
					return nil
				}
			}
			w.ops = append(w.ops, op)
			w.gen++
			return nil
		}
		// Code of the caller's runs without s.mu, on a copy, and again if another
		// goroutine came in between.
		gen, d := w.gen, *s.draft()
		d.Own()
		err := s.unlocked(func() error { return d.Apply(&op, false) })
		if s.phase == finished || gen != w.gen {
			continue
		}
		if err == nil {
			err = d.CheckLen(s.m.options.MaxValues, s.state.Doc.Len())
		}
		if err == nil {
			err = s.refuseLate(op.Kind)
		}
		if err != nil {
			s.failLocked(err)
			return nil
		}
		w.view = &d
		w.ops = append(w.ops, op)
		w.gen++
		return nil
	}
}

// unlocked calls f without s.mu, which is held again when it returns or panics.
func (s *Session) unlocked(f func() error) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return f()
}

// dropIfGone reports whether a change has nowhere to go, since the session has ended. A
// sign-in may still start another one.
func (s *Session) dropIfGone(kind document.Kind) bool {
	if s.phase.gone() && !s.restarts(kind) && s.firstRestart(s.ops()) < 0 {
		s.dropped = true
		return true
	}
	return false
}

// restarts reports whether an operation begins another session where this one is gone.
// A sign-in does, and so does clearing what cannot be read: both end that record first.
func (s *Session) restarts(kind document.Kind) bool {
	return restarts(kind, s.phase == unreadable)
}

func restarts(kind document.Kind, unreadable bool) bool {
	return kind == document.SignIn || kind == document.Clear && unreadable
}

// firstRestart returns the position of the first operation that restarts the session, or -1.
func (s *Session) firstRestart(ops []document.Operation) int {
	return firstRestart(ops, s.phase == unreadable)
}

func firstRestart(ops []document.Operation, unreadable bool) int {
	return slices.IndexFunc(ops, func(op document.Operation) bool {
		return restarts(op.Kind, unreadable)
	})
}

// refuseValue returns an error for a value that is one too many. The commit would tell
// so too, but each of the thousands that may have been set by then takes longer than
// the one before.
func (s *Session) refuseValue(op *document.Operation) error {
	if op.Kind != document.Set || s.state.Doc.Len()+len(s.w.ops) < s.m.options.MaxValues {
		return nil
	}
	return s.draft().Refuse(op, s.m.options.MaxValues, s.state.Doc.Len())
}

// refuseLate returns an error for a change that needs a new cookie when the header has left.
func (s *Session) refuseLate(kind document.Kind) error {
	if s.headerSent && (!s.state.Stored() || kind == document.SignIn || kind == document.Renew) {
		return ErrHeaderSent
	}
	return nil
}

// Clear removes all values and flash messages. The session, its ticket and its owner
// stay. With a
// [Profile] the owner is one of the values and goes too, and so does the session if nothing is set
// afterwards.
func (s *Session) Clear() { s.write(document.Operation{Kind: document.Clear}) }

// SetPersistent decides whether the cookie outlives the browser: then it lives to the
// session's absolute deadline. Options.Persistent is the default.
func (s *Session) SetPersistent(persistent bool) {
	if s.IsPersistent() == persistent {
		return
	}
	s.mu.Lock()
	late := s.headerSent && s.phase != finished
	s.mu.Unlock()
	if late {
		s.fail(ErrHeaderSent)
		return
	}
	s.write(document.Operation{
		Kind: document.Change, Name: document.NamePermanent,
		Change: func(d *document.Draft) error { return d.SetPersistent(persistent) },
	})
}
