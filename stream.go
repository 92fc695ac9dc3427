package cloakroom

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// KeepAlive slides the idle timeout, if that is due: for streams and sockets that
// outlive it. It returns [ErrEnded] when the session is no more.
func (s *Session) KeepAlive() error {
	return s.renewed(func() error {
		if now := s.m.engine.Now(); s.state.Doc.Over(now) {
			return ErrEnded
		} else if !s.m.engine.DueAt(now, &s.state) {
			return nil
		}
		return s.m.engine.Touch(s.ctx(), &s.state)
	})
}

// Reload loads the session again, so that a stream or a socket sees what others
// committed. What is pending stays pending, on top. It returns [ErrEnded] when the
// session is no more: then there is nothing to read, either; and [ErrUnreadable] when
// it cannot be read any more.
func (s *Session) Reload() error {
	return s.renewed(func() error {
		limit := s.m.engine.Limit(s.ctx(), false)
		defer limit.Release()
		var present engine.State
		err := s.m.engine.Load(limit, s.state.ID, &present, s.m.engine.Now())
		tick := s.m.engine.Tick()
		switch {
		case err == nil && !present.Doc.Sealed():
			s.setState(&present, s.w.ops)
			s.tick = tick
			s.see()
			return s.err
		case errors.Is(err, ErrUnreadable):
			return ErrUnreadable
		case err == nil || errors.Is(err, ErrNotFound):
			return ErrEnded
		}
		return errorAt("reload session", err)
	})
}

// renewed calls f for a session that has a record, between commits, and takes in when
// it says that the session has ended.
func (s *Session) renewed(f func() error) error {
	if err := s.lockTurn(); err != nil {
		return err
	}
	defer s.unlockTurn()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ensure(); err != nil {
		return err
	}
	if s.phase.gone() {
		return s.over()
	}
	if !s.state.Stored() {
		return nil
	}
	err := f()
	if isOver(err) {
		s.dropped = len(s.w.ops) > 0
		s.end(nil, err)
	}
	return err
}
