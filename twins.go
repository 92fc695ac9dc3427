package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// A browser may send several cookies of our name: from before Domain, Path or
// Partitioned was changed, or planted by a sibling host. It sends those of longer paths
// first, and then those that it got first (RFC 6265bis section 5.8.3), so a dead one
// may come before the one that counts, for as long as the browser keeps it.

// dead reports whether what was loaded is no live session.
func dead(st *engine.State, err error) bool {
	return errors.Is(err, ErrNotFound) || err == nil && st.Doc.Sealed()
}

// loadOther loads the browser's other tickets, in their order, until one is that of a
// live session. Where none is, the session stays the first that has a record at all,
// one that cannot be read before a sealed one: its cookie is not to be lost. id and err
// are what came of the first ticket. s.mu is held.
func (s *Session) loadOther(l *deadline.Context, now time.Time, id string, err error) (string, error) {
	b := s.own()
	best := rank(&b.state, err)
	others := s.rare.others
	for i, ticket := range others {
		var st engine.State
		otherID := s.m.policy.ID(ticket)
		otherErr := s.m.engine.Load(l, otherID, &st, now)
		r := rank(&st, otherErr)
		if r <= best {
			continue
		}
		best, id, err = r, otherID, otherErr
		others[i], b.ticket = b.ticket, ticket
		b.state = st
		if r == rankLive || r == rankFailed {
			break
		}
	}
	return id, err
}

// The ranks of what a ticket leads to: of several tickets, the first of the highest counts.
const (
	rankNothing = iota
	rankSealed
	rankUnreadable
	rankLive
	rankFailed // the load failed, so nothing can be said
)

func rank(st *engine.State, err error) int {
	switch {
	case err == nil && st.Doc.Sealed():
		return rankSealed
	case err == nil:
		return rankLive
	case errors.Is(err, ErrUnreadable):
		return rankUnreadable
	case errors.Is(err, ErrNotFound):
		return rankNothing
	}
	return rankFailed
}

// noSuccessor stands for an owner that no seal names: what is ended with it, no session
// that took its place ends.
const noSuccessor = "-"

// endRivals ends the sessions of the browser's other tickets before a commit hands out
// a new one: that cookie may come after theirs in the next request, and then they would
// win.
func (s *Session) endRivals(c *engine.Commit) error {
	if s.rare == nil || !document.MovesTicket(c.Ops) {
		return nil
	}
	return s.endTickets(c.Limit, noSuccessor, c.Base.ID)
}

// endOthers ends the sessions of the browser's other tickets for a sign-out.
func (s *Session) endOthers() error {
	if s.rare == nil {
		return nil
	}
	limit := s.m.engine.Limit(s.ctx(), true)
	defer limit.Release()
	return s.endTickets(limit, "", "")
}

// endTickets ends what the other tickets lead to, but for the session stored under
// spare: a profile may have two tickets for one. It goes on after one that cannot be
// ended. The session is loaded.
func (s *Session) endTickets(limit *deadline.Context, nextOwner, spare string) error {
	var failed error
	for _, ticket := range s.rare.others {
		id := s.m.policy.ID(ticket)
		if id == spare {
			continue
		}
		err := s.m.engine.End(limit, id, nil, nextOwner)
		failed = errors.Join(failed, err)
	}
	return failed
}

// reportSeveral logs, at most once a minute, that browsers send several cookies of our name.
func (m *Manager) reportSeveral(ctx context.Context) {
	n := m.several.count(time.Minute)
	if n == 0 {
		return
	}
	err := fmt.Errorf("several cookies are named %q: the first whose session lives counts", m.options.CookieName)
	m.engine.Log(ctx, slog.LevelWarn, "browsers send several cookies of one name", "", err, slog.Int64("requests", n))
}

// throttle bounds how often something is reported.
type throttle struct {
	next   atomic.Int64 // when it may be, by monotonic
	events atomic.Int64 // since it was last
}

// count takes down an event, and returns how many there were since the latest report if
// another is due.
func (t *throttle) count(every time.Duration) int64 {
	t.events.Add(1)
	now, next := deadline.Now(), t.next.Load()
	if now < next || !t.next.CompareAndSwap(next, now+int64(every)) {
		return 0
	}
	return t.events.Swap(0)
}
