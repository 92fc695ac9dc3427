package engine

import (
	"errors"

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

// end ends the session stored under id: its record, or, where a seal stands, the
// session that the seal names, if nextOwner is empty or the digest of its owner. known
// may hold what was loaded. When it returns no error, no request in flight can bring
// the session back.
func (e *Engine) end(
	ctx *deadline.Context, id string, known *State, nextOwner string,
) (ending, error) {
	failure := store.ErrConflict // the first, since the last is often only that time is up
	for try := range maxTries {
		if known == nil {
			rec, err := e.store.Load(ctx, id)
			if errors.Is(err, store.ErrUnreadable) {
				rec, err = store.Record{}, nil // whatever it is, it is to be deleted
			}
			if errors.Is(err, store.ErrNotFound) {
				return endedNothing, nil
			}
			if err != nil {
				if try == 0 {
					failure = err
				}
				if isRefusal(err) || backoff(ctx, try) != nil {
					break
				}
				continue
			}
			known = &State{ID: id, Record: rec}
			_ = e.read(ctx, known) // one that cannot be read is ended too
		}
		if known.Doc.Sealed() {
			if nextOwner != "" && string(known.Doc.Text(document.NextOwner)) != nextOwner {
				return endedNothing, nil
			}
			return e.endNext(ctx, known)
		}
		err := e.store.Delete(ctx, id, known.Record)
		switch {
		case err == nil:
			return endedLive, nil
		case errors.Is(err, store.ErrNotFound):
			return endedNothing, nil
		}
		known = nil
		if try == 0 {
			failure = err
		}
		if isRefusal(err) || backoff(ctx, try) != nil {
			break
		}
	}
	return endedNothing, errorAt("end record", failure)
}

// endNext ends the session that a seal names, and follows further seals. If the session
// could only be deleted, it deletes the seal too: otherwise a later sign-out would take
// the missing record for one about to be created.
func (e *Engine) endNext(ctx *deadline.Context, seal *State) (ending, error) {
	for range maxTries {
		id := string(seal.Doc.Text(document.Next))
		if id == "" {
			return endedNothing, nil
		}
		next, how, err := e.endSealed(ctx, id)
		if err != nil {
			return endedNothing, err
		}
		if how == endedWithoutSeal {
			if seal.Record.Owner == "" {
				seal.Record.Owner = e.indexOwner(&seal.Doc)
			}
			e.dropSeal(ctx, seal.ID, seal.Record)
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
func (e *Engine) endSealed(ctx *deadline.Context, id string) (*State, ending, error) {
	var last error
	for try := range maxTries {
		rec, err := e.store.Load(ctx, id)
		switch {
		case errors.Is(err, store.ErrUnreadable):
			err = e.store.Delete(ctx, id, store.Record{}) // then it is sealed
		case errors.Is(err, store.ErrNotFound):
			_, err = e.store.Create(ctx, id, e.tombstone())
			if err == nil {
				return nil, endedBefore, nil
			}
		case err == nil:
			st := State{ID: id, Record: rec}
			if e.read(ctx, &st) != nil {
				st.Doc = e.newDocument(false)
			}
			if st.Doc.Sealed() {
				return &st, endedNothing, nil
			}
			_, err = e.store.Replace(ctx, id, st.Record, e.seal(&st, "", ""))
			if err == nil {
				return nil, endedLive, nil
			}
			// A full store takes no seal. But the record is there, so its end will do.
			if isRefusal(err) && e.store.Delete(ctx, id, st.Record) == nil {
				return nil, endedWithoutSeal, nil
			}
		}
		last = err
		if isRefusal(err) || backoff(ctx, try) != nil {
			break
		}
	}
	return nil, endedNothing, errorAt("seal record", last)
}

// tombstone is a seal where no record is yet.
func (e *Engine) tombstone() store.Record {
	return e.seal(&State{Doc: e.newDocument(false)}, "", "")
}

// End ends the session stored under id, after the commits of it in this process that
// are under way. It is what end does, see there.
func (e *Engine) End(ctx *deadline.Context, id string, known *State, nextOwner string) error {
	_, err := e.endInTurn(ctx, id, known, nextOwner)
	return err
}

// endInTurn is end, once the turn with id has come.
func (e *Engine) endInTurn(
	ctx *deadline.Context, id string, known *State, nextOwner string,
) (ending, error) {
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
	return e.end(ctx, id, known, nextOwner)
}
