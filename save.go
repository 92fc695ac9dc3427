package cloakroom

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// Save commits what is pending now, and notes that the session was used if that is due.
// Call it before work that must not outrun the session: a message to another service, a
// long stream. The cookie, if a new one is needed, goes out with the response's header.
//
// [ErrEnded] means that the session has ended and the pending changes were dropped; the
// response still goes out. [ErrUnreadable] means the same for a record that cannot be
// read. Every other error is sticky, except [ErrTooLarge], after which the changes stay
// pending.
func (s *Session) Save() error { return s.commit(nil) }

// commit commits everything pending, and after it extra, if there is one, which is not
// kept when it fails.
func (s *Session) commit(extra *document.Operation) error {
	if extra == nil && s.idle(false) {
		return nil
	}
	err := s.commitPending(extra)
	if s.x == nil && isOver(err) { // else the middleware tells
		s.tellDropped(err)
	}
	return err
}

// saving is one commit of a session: which of its pending operations it takes, and what
// is to be logged when nothing is locked any more.
type saving struct {
	engine.Commit
	n     int  // pending operations, counted from the first
	extra bool // and one that is not kept when the commit fails
	touch error
}

// commitPending is commit without the short way. It begins, runs, and settles what came
// of that. Where a sign-in is among the operations of a session that was found to have
// ended, they are run once more, on a new session.
func (s *Session) commitPending(extra *document.Operation) error {
	c := saving{extra: extra != nil}
	todo, err := s.begin(&c, extra)
	s.reportTouch(c.touch)
	if !todo {
		return err
	}
	defer s.unlockTurn()
	defer c.Limit.Release()
	var res engine.Result
	err = s.endRivals(&c.Commit)
	for again := err == nil; again; {
		res, err = c.Run()
		// It is never wrapped, and an error of the caller's must not pass for it.
		if again = err == engine.ErrGone; again { //nolint:errorlint // see above
			if err := s.restart(&c); err != nil {
				return err
			}
		}
	}
	c.touch = nil
	err = s.settle(&c, res, err)
	s.reportTouch(c.touch)
	return err
}

// commitHeader commits before the response's header leaves: whatever needs a new cookie
// and is not pending yet then comes too late.
func (s *Session) commitHeader() error {
	if s.idle(true) {
		return nil
	}
	return s.commitPending(nil)
}

// idle reports whether there is nothing to commit and never was, and touches the
// session if that is due. So a request that only reads needs neither a turn nor a time
// limit.
func (s *Session) idle(header bool) bool {
	idle, err := s.touchIdle(header)
	s.reportTouch(err)
	return idle
}

func (s *Session) touchIdle(header bool) (idle bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headerSent = s.headerSent || header
	if s.w != nil || s.err != nil || s.phase == finished || s.dropped {
		return false, nil
	}
	return true, s.touch()
}

// begin waits for the turn, and takes down for a commit what is pending. It reports
// false when there is nothing to do, after a touch if that is due, and the turn is
// given back.
func (s *Session) begin(c *saving, extra *document.Operation) (todo bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lockTurnLocked(); err != nil {
		return false, err
	}
	defer func() {
		if !todo {
			s.unlockTurnLocked()
		}
	}()
	return s.beginInTurn(c, extra)
}

func (s *Session) beginInTurn(c *saving, extra *document.Operation) (todo bool, err error) {
	if s.phase == finished {
		return false, ErrFinished
	}
	if s.err != nil || extra == nil && s.phase == unloaded {
		return false, s.err
	}
	if extra != nil {
		extra.Must = s.phase != unloaded // what is loaded now is as good as now
		if err := s.ensure(); err != nil {
			return false, err
		}
		if s.dropIfGone(extra.Kind) {
			return false, s.over()
		}
		if err := s.refuseLate(extra.Kind); err != nil {
			return false, err
		}
	}
	ops := s.w.ops
	c.n = len(ops)
	ops = ops[:c.n:c.n] // operations are never changed once they are recorded
	switch {
	case s.phase.gone() && s.firstRestart(ops) < 0 && (c.n > 0 || s.dropped):
		s.dropped = true
		s.end(nil, s.over())
		return false, s.over()
	case c.n == 0 && extra == nil:
		c.touch = s.touch()
		return false, nil
	case s.phase == endedOwned:
		s.failLocked(errorAt("sign in", ErrEnded))
		return false, s.err
	}
	if extra != nil {
		ops = append(ops, *extra)
	}
	c.Engine, c.Ops, c.Base, c.Tick = s.m.engine, ops, s.state, s.tick
	switch {
	case s.phase == unreadable:
		c.Unreadable = s.goneID
	case s.phase.gone():
		c.Seal = s.goneID
	}
	now, ticks := s.m.engine.Clocks()
	c.Now, c.Limit, c.Room = now, s.commitLimit(now, ticks), s.lend()
	if s.w.view != nil && !s.phase.gone() {
		s.w.view.Disown() // it goes on without this commit
		c.View, c.Seen = *s.w.view, c.n
	}
	return true, nil
}

// commitLimit returns the deadline of a commit that begins now, by both clocks. s.mu is held.
func (s *Session) commitLimit(now time.Time, ticks int64) *deadline.Context {
	if b := s.own(); !b.committed {
		b.committed = true
		if s.m.engine.ArmCommit(&s.limit, now, ticks) {
			return &s.limit
		}
		s.limit.Release() // what waits for it waits for a load that is over
	}
	return s.m.engine.Limit(s.ctx(), true)
}

// settle takes in what came of a commit.
func (s *Session) settle(c *saving, res engine.Result, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if c.Uncertain() || !c.extra && !errors.Is(err, ErrTooLarge) {
			// What is pending may be stored already, so a later commit must not repeat it.
			s.failLocked(err)
		}
		return err
	}
	s.answer.clearForeign = s.answer.clearForeign || res.ClearsForeign
	wasPersistent := s.state.Doc.Persistent() && s.state.Stored()
	s.setState(c.Next(), s.w.ops[min(c.n, len(s.w.ops)):])
	if res.Written {
		s.tick = s.m.engine.Tick()
	} else {
		c.touch = s.touch()
	}
	changed := s.state.Doc.Persistent() != wasPersistent || res.Written && s.m.policy.Shared()
	switch {
	case res.Ticket != "":
		s.ticket, s.goneID = res.Ticket, ""
		s.answer.cookie, s.answer.taken = cookieSet, false
		s.enter(live)
	case s.state.Stored() && changed:
		s.answer.cookie, s.answer.taken = cookieSet, false
	case res.Emptied:
		pending := s.w.ops // recorded meanwhile
		s.startFresh()
		s.setState(&s.state, pending)
		if len(pending) > 0 && s.headerSent { // they need a new ticket now
			s.failLocked(ErrHeaderSent)
		}
		if s.answer.sent > 0 {
			s.answer.cookie = cookieClear
		}
	}
	s.see()
	return nil
}

// restart makes c the commit of a sign-in that follows the end of the session, with
// what comes after it. Changes before it are dropped. It returns an error where there
// is no such sign-in, or it must not start afresh.
func (s *Session) restart(c *saving) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := ErrEnded
	if c.Unreadable != "" {
		why = ErrUnreadable
	}
	at, owned := firstRestart(c.Ops, c.Unreadable != ""), s.owned()
	if at < 0 {
		s.end(nil, why)
		s.dropped = true
		return why
	}
	s.end(s.w.ops[min(at, len(s.w.ops)):], why)
	if owned || !c.Restart(at, s.state) {
		s.setState(&s.state, nil)
		err := errorAt("sign in", why)
		s.failLocked(err)
		return err
	}
	c.n -= at
	s.see()
	return nil
}

// closeIdle is close if there is nothing to commit, and nothing to report either.
func (s *Session) closeIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := s.w != nil && (s.w.line.Taken() || len(s.w.ops) > 0)
	if busy || s.err != nil || s.dropped || s.state.Due {
		return false
	}
	s.finish(true)
	return true
}

// isOver reports whether a commit found no session to store anything in. The response
// goes out all the same.
func isOver(err error) bool { return errors.Is(err, ErrEnded) || errors.Is(err, ErrUnreadable) }

// reportDropped logs that changes went nowhere, and why: once, however often the
// response is written to.
func (s *Session) reportDropped(why error) {
	s.mu.Lock()
	s.dropped = false
	s.mu.Unlock()
	level := slog.LevelInfo
	if errors.Is(why, ErrUnreadable) {
		level = slog.LevelWarn
	}
	s.m.engine.Log(s.ctx(), level, "this request's changes were dropped", "", why)
	s.tellDropped(why)
}

// tellDropped tells that changes went nowhere, once.
func (s *Session) tellDropped(why error) {
	if !s.m.engine.Listened() {
		return
	}
	s.mu.Lock()
	id, told := s.goneID, s.told
	if s.phase != finished {
		s.own().told = true
	}
	s.mu.Unlock()
	if !told {
		s.m.engine.TellOf(s.ctx(), id, event.Event{Kind: event.Dropped, Err: why})
	}
}

// noteNotSent takes back that the response's header is about to leave.
func (s *Session) noteNotSent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headerSent = false
}

// hidesCookie reports whether a cookie has to be sent that was not taken yet.
func (s *Session) hidesCookie() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.answer.taken && len(s.cookiesLocked()) > 0 {
		return true
	}
	ops := s.ops()
	return len(ops) > 0 && (!s.state.Stored() || document.MovesTicket(ops) ||
		s.view().Persistent() != s.state.Doc.Persistent())
}

// lockTurn makes commits and sign-outs of this Session wait for each other, while
// others may read it. It gives up when for Options.Timeout no turn was over.
func (s *Session) lockTurn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lockTurnLocked()
}

// lockTurnLocked is lockTurn with s.mu held, which is free while it waits.
func (s *Session) lockTurnLocked() error {
	if s.phase == finished {
		return ErrFinished
	}
	w := s.changes()
	turn := w.line.Join()
	if turn == nil {
		return nil
	}
	return s.unlocked(func() error {
		if _, err := w.line.Wait(&s.mu, turn, s.m.options.Timeout); err != nil {
			return errorAt("waiting for another commit of this request", err)
		}
		return nil
	})
}

// unlockTurn gives the turn to the next in line.
func (s *Session) unlockTurn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlockTurnLocked()
}

func (s *Session) unlockTurnLocked() { s.w.line.Leave(true) }

// touch slides the idle timeout, if that is due, once. Its failure is to be logged and
// is no failure of the request. s.mu is held.
func (s *Session) touch() error {
	if !s.state.Due {
		return nil
	}
	s.state.Due = false
	return s.m.engine.Touch(s.ctx(), &s.state)
}

func (s *Session) reportTouch(err error) {
	if err != nil && !errors.Is(err, ErrEnded) {
		const message = "touch failed: the session may end early"
		s.m.engine.Log(s.ctx(), slog.LevelWarn, message, s.loadedID(), err)
	}
}

// Discard drops what this request has changed and not committed, a Login among it: for
// middleware that recovers from a panic within [Manager.Handler] and answers by itself,
// or for a handler that gives up half-way. What [Session.Save], [Key.UpdateNow],
// [Session.Transact] or [Session.Logout] has committed stays, and so does an error that
// keeps the response from being sent. What is changed afterwards is committed as ever.
func (s *Session) Discard() {
	if err := s.lockTurn(); err != nil { // a commit is under way, and does not end
		s.fail(err)
		return
	}
	defer s.unlockTurn()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == finished {
		return
	}
	s.w.ops, s.w.view, s.dropped = nil, nil, false
	s.w.gen++
}
