package cloakroom

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Save commits what is pending now, and notes that the session was used if that is due. Call it
// before work that must not outrun the session: a message to another service, a long stream. The
// cookie, if a new one is needed, goes out with the response's header.
//
// [ErrEnded] means that the session ended meanwhile, and what was pending was dropped: not a failure of
// the response, but there is nothing to build on any more. Other errors are sticky, unless the changes were refused with
// [ErrTooLarge]; they stay pending.
func (s *Session) Save() error { return s.commit(nil) }

// commit commits everything pending, and after it extra, if there is one, which is not kept when it fails.
func (s *Session) commit(extra *operation) error {
	if extra == nil && s.idle() {
		return nil
	}
	limit := newLimit(s.ctx, s.m.options.Timeout, true)
	defer limit.release()
	if err := s.lockTurn(limit); err != nil {
		return err
	}
	defer s.unlockTurn()

	c, n, err := s.prepare(extra)
	if err != nil || c == nil {
		return err
	}
	c.ctx = limit
	res, err := c.run()
	return s.conclude(c, n, res, err, extra != nil)
}

// idle reports whether there is nothing to commit, and never was, after a touch if that is due. It
// spares a request that only reads the turn and the time limit that a commit needs.
func (s *Session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != nil || len(s.ops) > 0 || s.err != nil || s.finished || s.dropped {
		return false
	}
	s.touch()
	return true
}

// lockTurn makes commits of this Session wait for each other, while others may read it.
func (s *Session) lockTurn(ctx context.Context) error {
	s.mu.Lock()
	if s.turn == nil {
		s.turn = make(chan struct{}, 1)
	}
	turn := s.turn
	s.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errorAt("commit: waiting for another commit of this request", ctx.Err())
	}
}

func (s *Session) unlockTurn() { <-s.turn }

// prepare takes what is pending down for a commit. It returns no commit when there is nothing to
// write, after a touch if that is due.
func (s *Session) prepare(extra *operation) (*commit, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.finished || s.err != nil {
		if s.finished {
			return nil, 0, ErrFinished
		}
		return nil, 0, s.err
	}
	if extra == nil {
		if !s.loaded {
			return nil, 0, nil
		}
	} else {
		if err := s.ensure(); err != nil {
			return nil, 0, err
		}
		if s.dropIfGone(extra.kind) {
			return nil, 0, ErrEnded
		}
		if err := s.refuseLate(extra.kind); err != nil {
			return nil, 0, err
		}
	}
	n := len(s.ops)
	if n == 0 && extra == nil {
		if s.gone && s.dropped {
			return nil, 0, ErrEnded
		}
		s.touch()
		return nil, 0, nil
	}
	ops := make([]operation, n, n+1)
	copy(ops, s.ops)
	if extra != nil {
		ops = append(ops, *extra)
	}
	c := &commit{m: s.m, ops: ops, base: s.state, tick: s.tick}
	if s.gone { // and signed in since: dropIfGone let only that through
		if s.wasOwned && !s.goneFirst {
			s.failLocked(errorAt("sign in", ErrEnded))
			return nil, 0, s.err
		}
		c.ops = ops[max(0, firstLogin(ops)):]
	}
	return c, n, nil
}

// touch slides the idle timeout, if that is due. Its failure is logged, and is no failure of the request.
func (s *Session) touch() {
	_ = s.m.touch(s.ctx, &s.state)
}

// conclude takes in what came of a commit of the first n pending operations.
func (s *Session) conclude(c *commit, n int, res result, err error, extra bool) error {
	if errors.Is(err, ErrEnded) && !errors.Is(err, ErrUnknownOutcome) {
		return s.ended(c, n, extra)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if c.doubt || !extra && !errors.Is(err, ErrTooLarge) {
			// What is pending may be stored already, so a later commit must not repeat it.
			s.failLocked(err)
		}
		return err
	}
	wasPersistent := s.doc.persistent() && s.rec.Version != ""
	s.install(res.state)
	if res.written {
		s.tick = s.m.gates.tick()
	} else {
		s.touch()
	}
	if res.ticket != "" {
		s.ticket = res.ticket
		s.cookie, s.cookieTaken = cookieSet, false
		s.gone, s.goneFirst, s.goneID = false, false, ""
	} else if s.rec.Version != "" && s.doc.persistent() != wasPersistent {
		s.cookie, s.cookieTaken = cookieSet, false
	}
	s.rebase(n)
	return nil
}

// ended takes in that the session is no more. Changes are dropped, unless they are those of a
// sign-in on an anonymous session: these go to a new one.
func (s *Session) ended(c *commit, n int, extra bool) error {
	s.mu.Lock()
	signIn := firstLogin(c.ops)
	fails := s.wasOwned || c.base.rec.Version == "" || c.sealed
	s.goneID = s.id
	s.state = state{doc: s.m.newDocument()}
	s.gone, s.goneFirst, s.ticket, s.cookie = true, false, "", cookieKeep
	s.ops, s.view = s.ops[min(n, len(s.ops)):], draftOf(&s.doc)
	if signIn < 0 {
		s.dropped, s.ops = true, nil
		s.mu.Unlock()
		return ErrEnded
	}
	if fails {
		err := errorAt("sign in", ErrEnded)
		s.failLocked(err)
		s.mu.Unlock()
		return err
	}
	again := &commit{m: s.m, ctx: c.ctx, ops: c.ops[signIn:], base: s.state}
	s.mu.Unlock()
	res, err := again.run()
	return s.conclude(again, 0, res, err, extra)
}

// Logout ends the session: its record is deleted now, what was changed and not committed is dropped, and the
// response clears the cookie. What is set afterwards goes to a new session. When Logout fails, the
// response will not be sent. If the session moved to a new ticket within the last minute, that one
// ends too.
func (s *Session) Logout() error {
	limit := newLimit(s.ctx, s.m.options.Timeout, true)
	defer limit.release()
	if err := s.lockTurn(limit); err != nil {
		s.fail(err)
		return err
	}
	defer s.unlockTurn()

	s.mu.Lock()
	if err := s.ensure(); err != nil {
		s.mu.Unlock()
		return err
	}
	id, known := s.goneID, (*state)(nil)
	if s.rec.Version != "" {
		loaded := s.state
		id, known = s.id, &loaded
	}
	s.mu.Unlock()

	var err error
	if id != "" {
		_, err = s.m.endCommitting(limit, id, known)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		err = errorAt("sign out", err)
		s.failLocked(err)
		return err
	}
	s.ops, s.dropped, s.cookie = nil, false, cookieKeep
	if s.presented {
		s.cookie = cookieClear
	}
	s.begin()
	return nil
}

// KeepAlive slides the idle timeout, if that is due: for streams and sockets that outlive it. It
// returns [ErrEnded] when the session is no more.
func (s *Session) KeepAlive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(); err != nil {
		return err
	}
	if s.gone {
		return ErrEnded
	}
	err := s.m.touch(s.ctx, &s.state)
	if errors.Is(err, ErrEnded) {
		s.gone, s.goneID = true, s.id
	}
	return err
}

// Reload loads the session again, so that a stream or a socket sees what others committed. What is
// pending stays pending, on top. It returns [ErrEnded] when the session is no more.
func (s *Session) Reload() error {
	limit := newLimit(s.ctx, s.m.options.Timeout, false)
	defer limit.release()
	if err := s.lockTurn(limit); err != nil {
		return err
	}
	defer s.unlockTurn()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.finished:
		return ErrFinished
	case !s.loaded || s.err != nil:
		return s.ensure()
	case s.gone:
		return ErrEnded
	case s.rec.Version == "":
		return nil
	}
	tick := s.m.gates.tick()
	present, err := s.m.load(limit, s.id)
	switch {
	case err == nil && !present.doc.meta.sealed:
		s.install(present)
		s.tick = tick
		s.rebase(0)
		return s.err
	case err == nil || errors.Is(err, ErrNotFound):
		s.gone, s.goneID = true, s.id
		return ErrEnded
	}
	return errorAt("reload session", err)
}

// Cookie returns the cookie that the browser must be sent since the session was opened, or nil. It
// holds the ticket: do not log it. The middleware sends it by itself, except in a response that the
// handler writes to a hijacked connection.
func (s *Session) Cookie() *http.Cookie {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cookieTaken = true
	return s.cookieLocked()
}

func (s *Session) cookieLocked() *http.Cookie {
	switch s.cookie {
	case cookieSet:
		return s.m.cookie(s.ticket, s.doc.persistent(), timeOf(s.doc.meta.deadline))
	case cookieClear:
		return s.m.cookie("", false, timeOf(0))
	}
	return nil
}

// Close finishes the use of a session that [Manager.Open] gave. What was not committed is dropped.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish()
}

func (s *Session) finish() {
	s.finished = true
	s.ops = nil
}

// reportDropped logs that changes went nowhere because the session had ended.
func (s *Session) reportDropped() {
	s.m.log(s.ctx, slog.LevelInfo, "the session ended meanwhile, so this request's changes were dropped", "", nil)
}

// noteHeader notes that the response's header is about to leave: whatever needs a new cookie and is
// not pending yet comes too late.
func (s *Session) noteHeader() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headerSent = true
}

// hidesCookie reports whether a cookie has to be sent that nobody has taken yet.
func (s *Session) hidesCookie() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cookie != cookieKeep && !s.cookieTaken {
		return true
	}
	return len(s.ops) > 0 && (s.rec.Version == "" || movesTicket(s.ops) || s.view.persistent() != s.doc.persistent())
}

// loadedID is ID for messages: it loads nothing.
func (s *Session) loadedID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == "" {
		return ""
	}
	return publicID(s.id)
}
