package cloakroom

import (
	"cmp"
	"context"
	"iter"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// Info describes a session to its owner or to an operator. It holds nothing secret.
type Info struct {
	ID              string    // see [Session.ID]
	Owner           string    // "" for an anonymous session
	CreatedAt       time.Time // to the microsecond
	AuthenticatedAt time.Time // the latest sign-in; zero for none
	// exact to a tenth of the idle timeout, and only if that was not changed since
	LastSeenAt time.Time
	ExpiresAt  time.Time // when it ends unless it is used again
	Deadline   time.Time // when it ends in any case
	UserAgent  string    // as of the latest sign-in, at most 512 bytes
	IP         string    // likewise, see Options.ClientIP
}

// Owned lists the live sessions of an owner, in no order. A session that appears or
// ends meanwhile may be listed or not. Where the store cannot list by owner, the only
// element is the error [errors.ErrUnsupported].
func (m *Manager) Owned(ctx context.Context, owner string) iter.Seq2[Info, error] {
	return m.infos(m.engine.Owned(ctx, owner))
}

// All lists all live sessions, for an operator: those of Options.Application, if that
// is set, or those of all applications. It is as Owned, and may list one twice.
func (m *Manager) All(ctx context.Context) iter.Seq2[Info, error] {
	return m.infos(m.engine.All(ctx))
}

func (m *Manager) infos(listed iter.Seq2[*engine.State, error]) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for st, err := range listed {
			if err != nil {
				yield(Info{}, err)
				return
			}
			if !yield(m.info(st), nil) {
				return
			}
		}
	}
}

func (m *Manager) info(st *engine.State) Info {
	doc := &st.Doc
	return Info{
		ID:              ticket.PublicID(st.ID),
		Owner:           string(doc.Owner()),
		CreatedAt:       doc.Created(),
		AuthenticatedAt: doc.Authenticated(),
		LastSeenAt:      st.Record.Expires.Add(-m.engine.Idle(doc.Owner())),
		ExpiresAt:       earlier(st.Record.Expires, st.Record.Deadline),
		Deadline:        st.Record.Deadline,
		UserAgent:       string(doc.Text(document.UserAgent)),
		IP:              string(doc.Text(document.IP)),
	}
}

// Revoke ends the owner's session of that [Session.ID]: no request in flight can bring
// it back. It returns [ErrNotFound] when the owner has no such session, also when it is
// that of another owner. A session that was given a new ticket within the last minute is
// found by its former ID too. A request that has loaded the session cannot store its
// changes; one that first touches it later finds none, and what it sets goes to a new,
// anonymous session.
func (m *Manager) Revoke(ctx context.Context, owner, id string) error {
	return errorUnlessNil("revoke session", m.engine.Revoke(ctx, owner, id, m.actor(ctx)))
}

// RevokeOwned ends all sessions of an owner, and returns how many it ended. It misses
// none whose sign-in was acknowledged before. Sign-ins that happen meanwhile may be
// ended or not; if after ten passes there are still more, it says so in an error.
//
// A session that cannot be ended spares no other: all others are ended, and the error
// joins what went wrong with each of the first 20, and says how many there were. Call
// it again then. It goes on until ctx ends.
func (m *Manager) RevokeOwned(ctx context.Context, owner string) (int, error) {
	n, err := m.engine.RevokeOwned(ctx, owner, "", m.actor(ctx))
	return n, errorUnlessNil("revoke sessions", err)
}

// RevokeOthers ends all sessions of the owner of s but s itself, and returns how many
// there were, with the promise of [Manager.RevokeOwned]. For an anonymous session it
// does nothing.
func (m *Manager) RevokeOthers(ctx context.Context, s *Session) (int, error) {
	if err := s.Load(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	owner, keep := string(s.view().Owner()), s.state.ID
	gone := s.phase.gone() && s.firstRestart(s.ops()) < 0
	if s.phase.gone() && s.phase != unreadable {
		keep = s.goneID // the sign-in that is pending may join the session that it has moved to
	}
	s.mu.Unlock()
	if gone {
		return 0, errorAt("revoke other sessions", ErrEnded)
	}
	if owner == "" {
		return 0, nil
	}
	n, err := m.engine.RevokeOwned(ctx, owner, keep, cmp.Or(event.Actor(ctx), owner))
	return n, errorUnlessNil("revoke other sessions", err)
}

// actor returns who acts with a context, for events: the one whom [event.WithActor]
// names, or the owner signed in to the request, if its session was looked at.
func (m *Manager) actor(ctx context.Context) string {
	if !m.engine.Listened() {
		return ""
	}
	if actor := event.Actor(ctx); actor != "" {
		return actor
	}
	if x, ok := ctx.Value(m).(*exchange); ok {
		if s := x.session.Load(); s != nil {
			return s.loadedOwner()
		}
	}
	return ""
}

// Sweep removes expired records, in batches, from a store that does not do so by
// itself, and returns how many it removed. For any other store it does nothing. It may
// run beside requests and other sweeps. A record that cannot be removed spares no
// other: the error joins what went wrong, as that of [Manager.RevokeOwned] does.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	n, err := m.engine.Sweep(ctx)
	return n, errorUnlessNil("sweep", err)
}

func errorUnlessNil(operation string, err error) error {
	if err == nil {
		return nil
	}
	return errorAt(operation, err)
}
