package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// Load fills st with the live session stored under id at the time of now, or returns
// [store.ErrNotFound]. A record that cannot be read is logged, once, and is
// [store.ErrUnreadable]. One whose absolute deadline has passed is none.
func (e *Engine) Load(ctx context.Context, id string, st *State, now time.Time) error {
	return e.within(ctx, event.OpLoad, nil, func(ctx context.Context) error {
		return e.loadAt(ctx, id, st, now)
	})
}

// loadAt is Load as a part of another operation.
func (e *Engine) loadAt(ctx context.Context, id string, st *State, now time.Time) error {
	var err error
	if st.Record, err = e.store.Load(ctx, id); err != nil {
		st.Record = store.Record{}
		if errors.Is(err, store.ErrUnreadable) {
			e.logUnreadable(ctx, id, withoutID(err, id))
			return store.ErrUnreadable
		}
		return err
	}
	st.ID = id
	if e.read(ctx, st) != nil {
		*st = State{}
		return store.ErrUnreadable
	}
	left := between(now, st.Record.Expires)
	if left <= 0 || st.Doc.Over(now) {
		if !st.Doc.Sealed() {
			e.tellExpired(ctx, st)
		}
		*st = State{}
		return store.ErrNotFound
	}
	st.Due = due(left, e.Idle(st.Doc.Owner())) && e.config.Policy.SlidesOnRead
	return nil
}

// load is loadAt at the time of now.
func (e *Engine) load(ctx context.Context, id string, st *State) error {
	return e.loadAt(ctx, id, st, e.now())
}

// read is decode that logs a record that cannot be read.
func (e *Engine) read(ctx context.Context, st *State) error {
	err := e.decode(st)
	if err != nil {
		e.logUnreadable(ctx, st.ID, &document.DecodeError{Err: err})
	}
	return err
}

// logUnreadable logs, once, that a record cannot be read.
func (e *Engine) logUnreadable(ctx context.Context, id string, err error) {
	if !e.First(id) {
		return
	}
	e.Log(ctx, slog.LevelError, "stored record reads as no session", ticket.PublicID(id), err)
	if e.Listened() {
		e.TellOf(ctx, id, event.Event{Kind: event.Unreadable, Err: err})
	}
}
