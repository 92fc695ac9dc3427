package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// maxPasses is how often RevokeOwned looks again for sessions that appear while it revokes.
const maxPasses = 10

// Revoke ends the owner's session of that public id. It returns [store.ErrNotFound]
// when the owner has no such session.
func (e *Engine) Revoke(ctx context.Context, owner, publicID, actor string) error {
	found := false
	err := e.eachOwned(ctx, e.digest(owner), func(entry store.Entry) error {
		if found || ticket.PublicID(entry.ID) != publicID {
			return nil
		}
		ended, err := e.revoke(ctx, owner, entry, nil, actor)
		found = ended != endedNothing
		return err
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return err
}

// follow appends the ids that the session has moved to, up to the first that is not of the
// owner with this digest.
func (e *Engine) follow(ctx context.Context, ids []string, digest string) ([]string, error) {
	for range maxTries {
		var st State
		err := e.load(ctx, ids[len(ids)-1], &st)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return ids, nil
		case err != nil:
			return nil, err
		case !st.Doc.Sealed() || st.Doc.Text(document.Next) == nil ||
			string(st.Doc.Text(document.NextOwner)) != digest:
			return ids, nil
		}
		ids = append(ids, string(st.Doc.Text(document.Next)))
	}
	return nil, store.ErrConflict
}

// RevokeOwned ends all sessions of an owner but the one stored under keep, if that is
// not empty, and returns how many it ended. A session that cannot be ended spares no
// other.
func (e *Engine) RevokeOwned(ctx context.Context, owner, keep, actor string) (int, error) {
	var kept []string
	if keep != "" {
		kept = []string{keep}
	}
	return e.revokeOwned(ctx, owner, kept, actor)
}

func (e *Engine) revokeOwned(
	ctx context.Context, owner string, keep []string, actor string,
) (int, error) {
	total, digest := 0, e.digest(owner)
	for range maxPasses {
		ended := 0
		if len(keep) > 0 {
			var err error
			// other requests may have renewed its ticket
			if keep, err = e.follow(ctx, keep, digest); err != nil {
				return total, err
			}
		}
		// of this pass: what an earlier one could not end may have been ended since
		var failed failures
		err := e.eachOwned(ctx, digest, func(entry store.Entry) error {
			if slices.Contains(keep, entry.ID) {
				return nil
			}
			did, err := e.revoke(ctx, owner, entry, keep, actor)
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
	return total, fmt.Errorf("sessions kept appearing through %d passes; %d were ended",
		maxPasses, total)
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

func (e *Engine) eachOwned(ctx context.Context, digest string, do func(store.Entry) error) error {
	page := func(cursor string) ([]store.Entry, string, error) {
		return e.store.Owned(ctx, digest, cursor, pageSize)
	}
	for entry, err := range entries(page) {
		if err != nil {
			return err
		}
		if err := do(entry); err != nil {
			return err
		}
	}
	return nil
}

// revoke ends what an entry of the owner's index stands for.
func (e *Engine) revoke(
	ctx context.Context, owner string, entry store.Entry, keep []string, actor string,
) (ending, error) {
	limit := e.Limit(ctx, true)
	defer limit.Release()
	why := Cause{Reason: event.Revoked, Actor: actor}
	if entry.Record.Version == "" { // it may be about to be created: a seal makes that fail
		return e.endWith(limit, why, func(one *ender) (ending, error) {
			seal, how, err := one.endSealed(entry.ID)
			if seal != nil {
				return one.endNext(seal)
			}
			return how, err
		})
	}
	digest := e.digest(owner)
	st := State{ID: entry.ID, Record: entry.Record}
	switch {
	case e.read(ctx, &st) != nil: // another process may be able to read it
		known := &State{ID: entry.ID, Record: entry.Record}
		return e.endInTurn(limit, entry.ID, known, digest, why)
	case st.Doc.Sealed():
		next := string(st.Doc.Text(document.Next))
		if slices.Contains(keep, next) || string(st.Doc.Text(document.NextOwner)) != digest {
			return endedNothing, nil
		}
		return e.endWith(limit, why, func(one *ender) (ending, error) { return one.endNext(&st) })
	case !st.belongsTo(owner):
		return endedNothing, nil
	}
	return e.endInTurn(limit, entry.ID, &st, digest, why)
}
