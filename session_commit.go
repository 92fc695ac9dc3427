package cloakroom

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// Save commits what is pending now, and notes that the session was used if that is due.
// Call it before work that must not outrun the session: a message to another service, a
// long stream. The cookie, if a new one is needed, goes out with the response's header.
//
// [ErrEnded] means that the session ended meanwhile, and what was pending was dropped: not a failure of
// the response, but there is nothing to build on any more. [ErrUnreadable] means the
// same of a record that is there and cannot be read. Other errors are sticky, unless
// the changes were refused with
// [ErrTooLarge]; they stay pending.
func (s *Session) Save() error { return s.commit(nil) }

// commit commits everything pending, and after it extra, if there is one, which is not
// kept when it fails.
func (s *Session) commit(extra *document.Operation) error {
	if extra == nil && s.idle(false) {
		return nil
	}
	return s.commitPending(extra)
}

// commitPending is commit without the short way.
func (s *Session) commitPending(extra *document.Operation) error {
	var c commit
	n, todo, err := s.take(&c, extra)
	s.reportTouch(c.touchErr)
	if !todo {
		return err
	}
	defer s.unlockTurn()
	defer c.ctx.Release()
	var res result
	if err = s.endRivals(&c); err == nil {
		res, err = c.run()
	}
	return s.conclude(&c, n, res, err, extra != nil)
}

// commitHeader commits before the response's header leaves: whatever needs a new cookie
// and is not pending yet then comes too late.
func (s *Session) commitHeader() error {
	if s.idle(true) {
		return nil
	}
	return s.commitPending(nil)
}

// idle reports whether there is nothing to commit, and never was, after a touch if that
// is due. It spares a request that only reads the turn and the time limit that a commit
// needs.
func (s *Session) idle(header bool) bool {
	idle, err := s.touchIdle(header)
	s.reportTouch(err)
	return idle
}

func (s *Session) touchIdle(header bool) (idle bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headerSent = s.headerSent || header
	if s.w != nil || s.err != nil || s.finished || s.dropped {
		return false, nil
	}
	return true, s.touch()
}

// take waits for the turn, and takes down for a commit the n operations that are
// pending. When there is nothing to do, after a touch if that is due, the turn is given
// back.
func (s *Session) take(c *commit, extra *document.Operation) (n int, todo bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.lockTurnLocked(); err != nil {
		return 0, false, err
	}
	defer func() {
		if !todo {
			s.unlockTurnLocked()
		}
	}()
	return s.prepare(c, extra)
}

// prepare is take for whoever has the turn. s.mu is held.
func (s *Session) prepare(c *commit, extra *document.Operation) (n int, todo bool, err error) {
	if s.finished {
		return 0, false, ErrFinished
	}
	if s.err != nil || extra == nil && !s.loaded {
		return 0, false, s.err
	}
	if extra != nil {
		extra.Must = s.loaded // what is loaded now is as good as now
		if err := s.ensure(); err != nil {
			return 0, false, err
		}
		if s.dropIfGone(extra.Kind) {
			return 0, false, s.over()
		}
		if err := s.refuseLate(extra.Kind); err != nil {
			return 0, false, err
		}
	}
	ops := s.w.ops
	n = len(ops)
	ops = ops[:n:n] // operations are never changed once they are recorded
	switch {
	case s.gone && s.firstRestart(ops) < 0 && (n > 0 || s.dropped):
		s.dropped = true
		s.end(nil)
		return 0, false, s.over()
	case n == 0 && extra == nil:
		c.touchErr = s.touch()
		return 0, false, nil
	case s.gone && s.wasOwned && !s.goneFirst:
		s.failLocked(errorAt("sign in", ErrEnded))
		return 0, false, s.err
	}
	if extra != nil {
		ops = append(ops, *extra)
	}
	c.m, c.ops, c.base, c.tick = s.m, ops, s.state, s.tick
	switch {
	case s.unreadable:
		c.unreadable = s.goneID
	case s.gone:
		c.sealedID = s.goneID
	}
	now, ticks := s.m.clocks()
	c.now, c.ctx, c.room = now, s.commitLimit(now, ticks), s.lend()
	if s.w.view != nil && !s.gone {
		s.w.view.Disown() // it goes on without this commit
		c.view, c.seen = *s.w.view, n
	}
	return n, true, nil
}

// commitLimit returns the time limit of a commit that begins now, by both clocks. s.mu
// is held.
func (s *Session) commitLimit(now time.Time, ticks int64) *deadline.Context {
	if !s.committed {
		s.committed = true
		if s.limit.Arm(ticks+int64(s.m.options.Timeout), true) {
			s.limit.CheckStart(now)
			return &s.limit
		}
		s.limit.Release() // whoever waits for it waits for a load that is over
	}
	return s.m.limits.New(s.ctx(), s.m.options.Timeout, true)
}

// conclude takes in what came of a commit of the first n pending operations.
func (s *Session) conclude(c *commit, n int, res result, err error, extra bool) error {
	if err == errGone { //nolint:errorlint // it is never wrapped, and an error of the caller's must not pass for it
		return s.ended(c, n, extra)
	}
	err = s.concluded(c, n, res, err, extra)
	s.reportTouch(c.touchErr)
	return err
}

// concluded is conclude for a session that goes on.
func (s *Session) concluded(c *commit, n int, res result, err error, extra bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if c.doubt || c.sealed || !extra && !errors.Is(err, ErrTooLarge) {
			// What is pending may be stored already, so a later commit must not repeat it.
			s.failLocked(err)
		}
		return err
	}
	s.clearOthers = s.clearOthers || c.clearOthers
	wasPersistent := s.doc.Persistent() && s.rec.Version != ""
	s.setState(&c.next, s.w.ops[min(n, len(s.w.ops)):])
	s.wasOwned = s.doc.Owner() != nil
	if res.written {
		s.tick = s.m.commits.Tick()
	} else {
		c.touchErr = s.touch()
	}
	if res.ticket != "" {
		s.ticket = res.ticket
		s.cookie, s.cookieTaken = cookieSet, false
		s.notGone()
	} else if s.rec.Version != "" && (s.doc.Persistent() != wasPersistent || res.written && s.m.options.Profile != nil) {
		s.cookie, s.cookieTaken = cookieSet, false
	} else if res.emptied {
		pending := s.w.ops // recorded meanwhile
		s.begin()
		s.setState(&s.state, pending)
		if len(pending) > 0 && s.headerSent { // they need a new ticket now
			s.failLocked(ErrHeaderSent)
		}
		if s.presented {
			s.cookie = cookieClear
		}
	}
	s.see()
	return nil
}

// ended takes in that the session is no more. Changes are dropped, unless they are those of a
// sign-in on an anonymous session: these go to a new one.
func (s *Session) ended(c *commit, n int, extra bool) error {
	again, signIn, err := s.takeEnd(c)
	if err != nil {
		return err
	}
	res, err := again.run()
	return s.conclude(again, n-signIn, res, err, extra)
}

// takeEnd returns the commit of a sign-in that follows the end, and where it is among
// the operations, or why there is none.
func (s *Session) takeEnd(c *commit) (again *commit, signIn int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreadable = c.unreadable != ""
	signIn = s.firstRestart(c.ops)
	switch {
	case signIn < 0:
		s.end(nil)
		s.dropped = true
		return nil, 0, s.over()
	case s.wasOwned || c.base.rec.Version == "" || c.sealed:
		s.end(nil)
		err := errorAt("sign in", s.over())
		s.failLocked(err)
		return nil, 0, err
	}
	s.end(s.w.ops[min(signIn, len(s.w.ops)):])
	s.see()
	return &commit{m: s.m, ctx: c.ctx, ops: c.ops[signIn:], base: s.state, unreadable: c.unreadable}, signIn, nil
}

// Logout ends the session: its record is deleted now, what was changed and not
// committed is dropped, and the response clears the cookie. What is set afterwards goes
// to a new session. When Logout fails, the response will not be sent. It is done also
// when the client has hung up. If the session moved to a new ticket within the last
// minute, that one ends too, and where the browser sent several cookies, all their
// sessions do.
func (s *Session) Logout() error {
	if err := s.lockTurn(); err != nil {
		s.fail(err)
		return err
	}
	defer s.unlockTurn()
	id, known, err := s.toEnd()
	if err != nil {
		return err
	}
	if id != "" {
		limit := s.m.limits.New(s.ctx(), s.m.options.Timeout, true)
		defer limit.Release()
		_, err = s.m.endCommitting(limit, id, known, "")
	}
	err = errors.Join(err, s.endOthers())

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		err = errorAt("sign out", err)
		s.failLocked(err)
		return err
	}
	s.begin()
	s.dropped, s.cookie, s.clearOthers = false, cookieKeep, true
	if s.presented {
		s.cookie = cookieClear
	}
	return nil
}

// toEnd returns what a sign-out has to end: a store's id, if any, and what was loaded
// of it. Sticky errors other than that of the load do not keep anybody signed in.
func (s *Session) toEnd() (id string, known *state, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensureFor(true); err != nil && (s.finished || !s.loaded) {
		return "", nil, err
	}
	if s.rec.Version == "" {
		return s.goneID, nil, nil
	}
	loaded := s.state
	return s.id, &loaded, nil
}

// Close finishes the use of a session that [Manager.Open] gave. What was not committed
// is dropped.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(false)
}

// close is Close when nobody has to send a cookie any more.
func (s *Session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(true)
}

// finish finishes the use. s.mu is held.
func (s *Session) finish(last bool) {
	s.finished = true
	if s.w != nil {
		s.w.ops = nil
	}
	if last || s.cookie == cookieKeep {
		s.drop()
	}
}

// closeIdle is close if there is nothing to commit, and nothing to report either.
func (s *Session) closeIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.w; w != nil && (w.line.Taken() || len(w.ops) > 0) || s.err != nil || s.dropped || s.due {
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
	s.m.log(s.ctx(), level, "this request's changes were dropped", "", why)
}

// noteNotSent takes back that the response's header is about to leave.
func (s *Session) noteNotSent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headerSent = false
}

// hidesCookie reports whether a cookie has to be sent that nobody has taken yet.
func (s *Session) hidesCookie() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cookie != cookieKeep && !s.cookieTaken {
		return true
	}
	ops := s.ops()
	return len(ops) > 0 && (s.rec.Version == "" || document.MovesTicket(ops) || s.view().Persistent() != s.doc.Persistent())
}

// loadedID is ID for messages: it loads nothing.
func (s *Session) loadedID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loadedIDLocked()
}

func (s *Session) loadedIDLocked() string {
	if s.id == "" {
		return ""
	}
	return ticket.PublicID(s.id)
}

// lockTurn makes commits and sign-outs of this Session wait for each other, while others may read
// it. It gives up when for Options.Timeout no turn was over.
func (s *Session) lockTurn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lockTurnLocked()
}

// lockTurnLocked is lockTurn with s.mu held, which is free while it waits.
func (s *Session) lockTurnLocked() error {
	if s.finished {
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
