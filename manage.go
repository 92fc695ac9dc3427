package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// Info describes a session to its owner or to an operator. It holds nothing secret.
type Info struct {
	ID              string    // see [Session.ID]
	Owner           string    // "" for a session that nobody signed in
	CreatedAt       time.Time // to the microsecond
	AuthenticatedAt time.Time // the latest sign-in; zero for none
	// exact to a tenth of the idle timeout, and only if that was not changed since
	LastSeenAt time.Time
	ExpiresAt  time.Time // when it ends unless it is used again
	Deadline   time.Time // when it ends in any case
	UserAgent  string    // as of the latest sign-in, at most 512 bytes
	IP         string    // likewise, see Options.ClientIP
}

// pageSize is how many entries are asked of a store at once.
const pageSize = 200

// maxPasses is how often RevokeOwned looks again for sessions that appear while it revokes.
const maxPasses = 10

// Owned lists the live sessions of an owner, in no order. A session that appears or
// ends meanwhile may be listed or not. Where the store cannot list by owner, the only
// element is the error
// [errors.ErrUnsupported].
func (m *Manager) Owned(ctx context.Context, owner string) iter.Seq2[Info, error] {
	hash := m.digest(owner)
	return m.list(ctx, func(ctx context.Context, cursor string) ([]store.Entry, string, error) {
		return m.store.Owned(ctx, hash, cursor, pageSize)
	}, func(st *state) bool { return st.belongsTo(owner) })
}

// All lists all live sessions, for an operator: those of Options.Application, if that
// is set, or those of all applications. It is as Owned, and may list one twice.
func (m *Manager) All(ctx context.Context) iter.Seq2[Info, error] {
	return m.list(ctx, func(ctx context.Context, cursor string) ([]store.Entry, string, error) {
		return m.store.All(ctx, cursor, pageSize)
	}, func(st *state) bool {
		app := m.options.Application
		return app == "" || app == string(st.doc.Text(document.Application))
	})
}

func (m *Manager) list(ctx context.Context, page func(context.Context, string) ([]store.Entry, string, error), wanted func(*state) bool) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for cursor := ""; ; {
			entries, next, err := page(ctx, cursor)
			if err != nil {
				yield(Info{}, errorAt("list sessions", err))
				return
			}
			for _, e := range entries {
				if st, ok := m.listed(ctx, e); ok && !st.doc.Sealed() && wanted(&st) && !yield(m.info(&st), nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

// listed decodes an entry of a listing, if it holds a session that has not expired, or a seal.
func (m *Manager) listed(ctx context.Context, e store.Entry) (state, bool) {
	if e.Record.Version == "" {
		return state{}, false
	}
	st := state{id: e.ID, rec: e.Record}
	err := m.decode(ctx, &st)
	now := m.now()
	return st, err == nil && now.Before(e.Record.Expires) && now.Before(st.rec.Deadline)
}

func (m *Manager) info(st *state) Info {
	doc := &st.doc
	return Info{
		ID:              ticket.PublicID(st.id),
		Owner:           string(doc.Owner()),
		CreatedAt:       doc.Created(),
		AuthenticatedAt: doc.Authenticated(),
		LastSeenAt:      st.rec.Expires.Add(-m.idle(doc.Owner())),
		ExpiresAt:       earlier(st.rec.Expires, st.rec.Deadline),
		Deadline:        st.rec.Deadline,
		UserAgent:       string(doc.Text(document.UserAgent)),
		IP:              string(doc.Text(document.IP)),
	}
}

// Revoke ends the owner's session of that [Session.ID]: no request in flight can bring
// it back. It returns [ErrNotFound] when the owner has no such session, also when it is
// somebody else's. A session that was given a new ticket within the last minute is
// found by its former ID too.
func (m *Manager) Revoke(ctx context.Context, owner, id string) error {
	found := false
	err := m.eachOwned(ctx, m.digest(owner), func(e store.Entry) error {
		if found || ticket.PublicID(e.ID) != id {
			return nil
		}
		ended, err := m.revoke(ctx, owner, e, nil)
		found = ended != endedNothing
		return err
	})
	if err == nil && !found {
		err = ErrNotFound
	}
	return errorUnlessNil("revoke session", err)
}

// RevokeOwned ends all sessions of an owner, and returns how many it ended. It misses
// none whose sign-in was acknowledged before. Sign-ins that happen meanwhile may be
// ended or not; if after ten passes there are still more, it says so in an error.
//
// A session that cannot be ended spares no other: all others are ended, and the error
// joins what went wrong with each of the first 20, and says how many there were. Call
// it again then. It goes on until ctx ends.
func (m *Manager) RevokeOwned(ctx context.Context, owner string) (int, error) {
	n, err := m.revokeOwned(ctx, owner, nil)
	return n, errorUnlessNil("revoke sessions", err)
}

// RevokeOthers ends all sessions of the owner of s but s itself, and returns how many
// there were, with the promise of [Manager.RevokeOwned]. Nobody owns the sessions that
// nobody signed in: for one of these it does nothing.
func (m *Manager) RevokeOthers(ctx context.Context, s *Session) (int, error) {
	if err := s.Load(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	owner, keep, gone := string(s.view().Owner()), s.id, s.gone && s.firstRestart(s.ops()) < 0
	if s.gone && !s.unreadable {
		keep = s.goneID // the sign-in that is pending may join the session that it has moved to
	}
	s.mu.Unlock()
	if gone {
		return 0, errorAt("revoke other sessions", ErrEnded)
	}
	if owner == "" {
		return 0, nil
	}
	n, err := m.revokeOwned(ctx, owner, []string{keep})
	return n, errorUnlessNil("revoke other sessions", err)
}

// follow adds to the ids of a session those that it has moved to since, as far as it
// stayed that of the owner with this hash, or became it: a sign-in joins no other, see
// join.
func (m *Manager) follow(ctx context.Context, ids []string, hash string) ([]string, error) {
	for range maxTries {
		var st state
		err := m.load(ctx, ids[len(ids)-1], &st)
		switch {
		case errors.Is(err, ErrNotFound):
			return ids, nil
		case err != nil:
			return nil, err
		case !st.doc.Sealed() || st.doc.Text(document.Next) == nil ||
			string(st.doc.Text(document.NextOwner)) != hash:
			return ids, nil
		}
		ids = append(ids, string(st.doc.Text(document.Next)))
	}
	return nil, ErrConflict
}

func (m *Manager) revokeOwned(ctx context.Context, owner string, keep []string) (int, error) {
	total, hash := 0, m.digest(owner)
	for range maxPasses {
		ended := 0
		if len(keep) > 0 && keep[0] != "" {
			var err error
			// other requests may have renewed its ticket
			if keep, err = m.follow(ctx, keep, hash); err != nil {
				return total, err
			}
		}
		// of this pass: what an earlier one could not end may have been ended since
		var failed failures
		err := m.eachOwned(ctx, hash, func(e store.Entry) error {
			if slices.Contains(keep, e.ID) {
				return nil
			}
			did, err := m.revoke(ctx, owner, e, keep)
			if did >= endedLive {
				ended++
			}
			failed.add(err)
			return ctx.Err()
		})
		total += ended
		if err != nil || ended == 0 {
			return total, errors.Join(failed.joined(), err)
		}
	}
	return total, fmt.Errorf("sessions kept appearing through %d passes; %d were ended", maxPasses, total)
}

// failures are errors of which the first are kept.
type failures struct {
	first []error
	count int
}

// failuresKept bounds how many errors are joined.
const failuresKept = 20

func (f *failures) add(err error) {
	if err == nil {
		return
	}
	if f.count++; f.count <= failuresKept {
		f.first = append(f.first, err)
	}
}

// joined returns all errors as one, or nil.
func (f *failures) joined() error {
	if more := f.count - len(f.first); more > 0 {
		return errors.Join(append(f.first, fmt.Errorf("and %d more failed", more))...)
	}
	return errors.Join(f.first...)
}

func (m *Manager) eachOwned(ctx context.Context, hash string, do func(store.Entry) error) error {
	for cursor := ""; ; {
		entries, next, err := m.store.Owned(ctx, hash, cursor, pageSize)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := do(e); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

// revoke ends what an entry of the owner's index stands for.
func (m *Manager) revoke(ctx context.Context, owner string, e store.Entry, keep []string) (ending, error) {
	limit := m.limits.New(ctx, m.options.Timeout, true)
	defer limit.Release()
	if e.Record.Version == "" { // about to be created, so that must fail
		seal, ended, err := m.endSealed(limit, e.ID)
		if seal != nil {
			return m.endNext(limit, seal)
		}
		return ended, err
	}
	hash := m.digest(owner)
	st := state{id: e.ID, rec: e.Record}
	switch {
	case m.decode(ctx, &st) != nil: // another process may be able to read it
		return m.endCommitting(limit, e.ID, &state{id: e.ID, rec: e.Record}, hash)
	case st.doc.Sealed():
		next := string(st.doc.Text(document.Next))
		if slices.Contains(keep, next) || string(st.doc.Text(document.NextOwner)) != hash {
			return endedNothing, nil
		}
		return m.endNext(limit, &st)
	case !st.belongsTo(owner):
		return endedNothing, nil
	}
	return m.endCommitting(limit, e.ID, &st, hash)
}

// Sweep removes expired records, in batches, from a store that does not do so by
// itself, and returns how many it removed. For any other store it does nothing. It may
// run beside requests and other sweeps. A record that cannot be removed spares no
// other: the error joins what went wrong, as that of [Manager.RevokeOwned] does.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	total := 0
	var failed failures
	for cursor := ""; ; {
		n, next, err := m.store.Sweep(ctx, cursor, pageSize)
		total += n
		if errors.Is(err, errors.ErrUnsupported) {
			return total, nil
		}
		failed.add(err)
		if next == "" {
			return total, errorUnlessNil("sweep", failed.joined())
		}
		if err := ctx.Err(); err != nil {
			return total, errorAt("sweep", errors.Join(failed.joined(), err))
		}
		cursor = next
	}
}

func errorUnlessNil(operation string, err error) error {
	if err == nil {
		return nil
	}
	return errorAt(operation, err)
}
