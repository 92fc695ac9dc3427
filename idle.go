package cloakroom

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
)

// idle returns the idle timeout of a session of this owner, nil for one that nobody signed in.
func (m *Manager) idle(owner []byte) time.Duration {
	if owner == nil && m.options.Profile == nil {
		return m.options.AnonymousIdle
	}
	return m.options.Idle
}

// due reports whether the use of a session should be noted that has so much left until
// it expires: about once per tenth of its idle timeout. An expiry further away than it
// can be is from before the timeout was lowered, or a clock was set right.
func due(left, idle time.Duration) bool {
	return left <= idle-idle/10 || left >= idle+idle/10
}

// between returns how long it is from a to b by the clock on the wall, in a third of
// the time that b.Sub(a) takes.
func between(a, b time.Time) time.Duration {
	if d := b.Unix() - a.Unix(); -1e9 < d && d < 1e9 {
		return time.Duration(d)*time.Second + time.Duration(b.Nanosecond()-a.Nanosecond())
	}
	return b.Sub(a)
}

// touch notes that the session was used. It returns ErrEnded when the session is no more.
func (m *Manager) touch(ctx context.Context, st *state) error {
	now, idle := m.now(), m.idle(st.doc.Owner())
	if st.doc.Over(now) {
		return ErrEnded
	}
	limit := m.limits.New(ctx, m.options.Timeout, true)
	defer limit.Release()
	expires := now.Add(idle)
	switch err := m.store.Touch(limit, st.id, st.rec, expires); {
	case err == nil:
		st.rec.Expires = expires
		return nil
	case errors.Is(err, ErrNotFound):
		return ErrEnded
	default:
		return errorAt("touch", err)
	}
}

// touch slides the idle timeout, if that is due, once. Its failure is to be reported and is no
// failure of the request. s.mu is held.
func (s *Session) touch() error {
	if !s.due {
		return nil
	}
	s.due = false
	return s.m.touch(s.ctx(), &s.state)
}

func (s *Session) reportTouch(err error) {
	if err != nil && !errors.Is(err, ErrEnded) {
		s.m.log(s.ctx(), slog.LevelWarn, "touch failed: the session may end early", s.loadedID(), err)
	}
}

// expires returns the next record's. A change slides the idle timeout no more often
// than a use does, see due: where a store has an index of expiries, one that stays as
// it was costs nothing. Where another request slides it between this commit's look at
// the clock and its write, that is undone, and made up for by the next use.
func (c *commit) expires() time.Time {
	now, before, idle := c.clock(), c.base.rec.Expires, c.m.idle(c.next.doc.Owner())
	if c.m.options.Profile == nil && c.base.rec.Version != "" && !document.MovesTicket(c.ops) && !due(between(now, before), idle) {
		return before
	}
	return now.Add(idle)
}
