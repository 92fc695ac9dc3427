package engine

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// Idle returns the idle timeout of a session of this owner, nil for one without an owner.
func (e *Engine) Idle(owner []byte) time.Duration {
	if owner == nil {
		return e.config.AnonymousIdle
	}
	return e.config.Idle
}

// due reports whether the use of a session should be noted that has so much left until
// it expires: about once per tenth of its idle timeout. An expiry further away than it
// can be is from before the timeout was lowered, or a clock was set right.
func due(left, idle time.Duration) bool {
	return left <= idle-idle/10 || left >= idle+idle/10
}

// between returns how long it is from a to b by the wall clock, in a third of the time
// that b.Sub(a) takes.
func between(a, b time.Time) time.Duration {
	if d := b.Unix() - a.Unix(); -1e9 < d && d < 1e9 {
		return time.Duration(d)*time.Second + time.Duration(b.Nanosecond()-a.Nanosecond())
	}
	return b.Sub(a)
}

// DueAt reports whether the use of a session should be noted at this time.
func (e *Engine) DueAt(now time.Time, st *State) bool {
	return due(between(now, st.Record.Expires), e.Idle(st.Doc.Owner()))
}

// Touch notes that the session was used. It returns [ErrEnded] when the session is no more.
func (e *Engine) Touch(ctx context.Context, st *State) error {
	now := e.now()
	if st.Doc.Over(now) {
		return ErrEnded
	}
	limit := e.Limit(ctx, true)
	defer limit.Release()
	expires := now.Add(e.Idle(st.Doc.Owner()))
	err := e.within(limit, event.OpTouch, nil, func(ctx context.Context) error {
		return e.store.Touch(ctx, st.ID, st.Record, expires)
	})
	switch {
	case err == nil:
		st.Record.Expires = expires
		return nil
	case errors.Is(err, store.ErrNotFound):
		return ErrEnded
	default:
		return errorAt("touch", err)
	}
}

// expires returns the next record's expiry. A change slides the idle timeout no more
// often than a use does, see due: where a store has an index of expiries, one that
// stays as it was costs nothing. If another request slides it between this commit's look
// at the clock and its write, that slide may be lost; the next use repeats it.
func (c *Commit) expires() time.Time {
	now, before, idle := c.clock(), c.Base.Record.Expires, c.Engine.Idle(c.next.Doc.Owner())
	if !c.Engine.config.Policy.SlidesOnWrite && c.Base.Stored() && !document.MovesTicket(c.Ops) &&
		!due(between(now, before), idle) {
		return before
	}
	return now.Add(idle)
}
