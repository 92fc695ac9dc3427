package engine

import (
	"context"
	"errors"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// ending is what became of a session that was to be ended.
type ending uint8

const (
	endedNothing ending = iota // there was none
	endedBefore                // there was no record; a seal now keeps one from being created
	endedLive
	endedWithoutSeal // endedLive, by a deletion
)

// ender ends one session.
type ender struct {
	*Engine
	limit *deadline.Context
	ctx   context.Context // of the store's calls
	// was is the record that was ended, if one was: of one that cannot be read only the
	// id is known. Where a seal keeps one from being created, there may have been one that
	// has ended before; if it is about to come, the commit that brings it tells.
	was *State
}

// endWith has a session ended by do, and then tells why.
func (e *Engine) endWith(
	limit *deadline.Context, why Cause, do func(*ender) (ending, error),
) (how ending, err error) {
	one := ender{Engine: e, limit: limit}
	err = e.within(limit, event.OpEnd, nil, func(ctx context.Context) (err error) {
		one.ctx = ctx
		how, err = do(&one)
		return err
	})
	e.tellEnded(limit.Parent(), one.was, why)
	return how, err
}

// end ends the session stored under id: its record, or, where a seal stands, the
// session that the seal names, if nextOwner is empty or the digest of its owner. known
// may hold what was loaded. When it returns no error, no request in flight can bring
// the session back.
func (e *ender) end(id string, known *State, nextOwner string) (ending, error) {
	last := &State{ID: id} // what the latest deletion was of
	if known != nil {
		last = known
	}
	failure := store.ErrConflict // the first, since the last is often only that time is up
	for try := range maxTries {
		if known == nil {
			rec, err := e.store.Load(e.ctx, id)
			if errors.Is(err, store.ErrUnreadable) {
				rec, err = store.Record{}, nil // whatever it is, it is to be deleted
			}
			if errors.Is(err, store.ErrNotFound) {
				return e.notFound(last), nil
			}
			if err != nil {
				if try == 0 {
					failure = err
				}
				if isRefusal(err) || backoff(e.limit, try) != nil {
					break
				}
				continue
			}
			known = &State{ID: id, Record: rec}
			_ = e.read(e.ctx, known) // one that cannot be read is ended too
		}
		if known.Doc.Sealed() {
			if nextOwner != "" && string(known.Doc.Text(document.NextOwner)) != nextOwner {
				return endedNothing, nil
			}
			return e.endNext(known)
		}
		err := e.store.Delete(e.ctx, id, known.Record)
		last = known
		switch {
		case err == nil:
			e.deletions.note(id, true)
			e.was = known
			return endedLive, nil
		case errors.Is(err, store.ErrNotFound):
			return e.notFound(last), nil
		case !isRefusal(err) && !errors.Is(err, store.ErrConflict):
			e.deletions.note(id, false)
		}
		known = nil
		if try == 0 {
			failure = err
		}
		if isRefusal(err) || backoff(e.limit, try) != nil {
			break
		}
	}
	return endedNothing, errorAt("end record", failure)
}

// notFound is for a record that is gone. If the store left open whether a deletion of
// this process, by this call or an earlier one, had happened, then it had.
func (e *ender) notFound(st *State) ending {
	if !e.deletions.settle(st.ID) {
		return endedNothing
	}
	e.was = st
	return endedLive
}

// endNext ends the session that a seal names, and follows further seals. If the session
// could only be deleted, it deletes the seal too: otherwise a later sign-out would take
// the missing record for one about to be created.
func (e *ender) endNext(seal *State) (ending, error) {
	for range maxTries {
		id := string(seal.Doc.Text(document.Next))
		if id == "" {
			return endedNothing, nil
		}
		next, how, err := e.endSealed(id)
		if err != nil {
			return endedNothing, err
		}
		if how == endedWithoutSeal {
			if seal.Record.Owner == "" {
				seal.Record.Owner = e.indexOwner(&seal.Doc)
			}
			e.dropSeal(e.ctx, seal.ID, seal.Record)
			how = endedLive
		}
		if next == nil {
			return how, nil
		}
		seal = next
	}
	return endedNothing, errorAt("seal record", store.ErrConflict)
}

// endSealed ends the session under id by a seal in its place: its record may be about
// to be created, and then that must fail. It returns a seal that is there already.
func (e *ender) endSealed(id string) (*State, ending, error) {
	var last error
	commit := newCommitID() // by which it knows its own seal
	var replaced *State     // what the latest seal was to take the place of, if there was a record
	how := endedNothing     // if that seal is there
	for try := range maxTries {
		rec, err := e.store.Load(e.ctx, id)
		switch {
		case errors.Is(err, store.ErrUnreadable):
			err = e.store.Delete(e.ctx, id, store.Record{}) // then it is sealed
			if err == nil {
				e.was = &State{ID: id}
			}
		case errors.Is(err, store.ErrNotFound):
			replaced, how = nil, endedBefore
			_, err = e.store.Create(e.ctx, id, e.tombstone(&State{}, commit))
			if err == nil {
				return nil, how, nil
			}
		case err == nil:
			st := State{ID: id, Record: rec}
			if e.read(e.ctx, &st) != nil {
				st.Doc = e.newDocument(false)
			}
			if st.Doc.Sealed() && how != endedNothing && st.Doc.HasCommit(commit[:]) {
				e.was = replaced // by a write that seemed to have failed
				return nil, how, nil
			}
			if st.Doc.Sealed() {
				return &st, endedNothing, nil
			}
			replaced, how = &st, endedLive
			_, err = e.store.Replace(e.ctx, id, st.Record, e.tombstone(&st, commit))
			if err == nil {
				e.was = replaced
				return nil, how, nil
			}
			// A full store takes no seal. But the record is there, so its end will do.
			if isRefusal(err) && e.store.Delete(e.ctx, id, st.Record) == nil {
				e.was = replaced
				return nil, endedWithoutSeal, nil
			}
		}
		last = err
		if isRefusal(err) || backoff(e.limit, try) != nil {
			break
		}
	}
	return nil, endedNothing, errorAt("seal record", last)
}

// tombstone is the seal of a session that moves nowhere. It has no record where that
// is yet to be created.
func (e *Engine) tombstone(st *State, id document.CommitID) store.Record {
	if !st.Stored() {
		st = &State{Doc: e.newDocument(false)}
	}
	r := e.seal(st, "", "")
	if e.config.Policy.LeavesSeal {
		d := st.Doc.Seal(r.Deadline, "", "")
		r.Data = d.EncodeWith(id, false)
	}
	return r
}

// End ends the session stored under id, after the commits of it in this process that
// are under way, and tells why. It is what end does, see there.
func (e *Engine) End(
	ctx *deadline.Context, id string, known *State, nextOwner string, why Cause,
) error {
	_, err := e.endInTurn(ctx, id, known, nextOwner, why)
	return err
}

// endInTurn is end, once the turn with id has come.
func (e *Engine) endInTurn(
	ctx *deadline.Context, id string, known *State, nextOwner string, why Cause,
) (ending, error) {
	return e.endWith(ctx, why, func(one *ender) (ending, error) {
		turn, left, err := e.commits.Enter(id, e.config.Timeout)
		if err != nil {
			return endedNothing, errorAt("waiting for other requests of the session", err)
		}
		defer e.commits.Leave(turn, nil, 0)
		if left > 0 {
			ctx.Extend(left)
		}
		if latest, _ := turn.Latest(); latest != nil {
			known = nil // it has moved on since
		}
		return one.end(id, known, nextOwner)
	})
}
