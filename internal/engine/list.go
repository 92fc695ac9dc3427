package engine

import (
	"context"
	"errors"
	"iter"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// pageSize is how many entries are asked of a store at once.
const pageSize = 200

// Owned lists the live sessions of an owner, in no order. A session that appears or
// ends meanwhile may be listed or not. An error is the last element:
// [errors.ErrUnsupported] where the store cannot list by owner.
func (e *Engine) Owned(ctx context.Context, owner string) iter.Seq2[*State, error] {
	digest := e.digest(owner)
	return e.list(ctx, func(cursor string) ([]store.Entry, string, error) {
		return e.store.Owned(ctx, digest, cursor, pageSize)
	}, func(st *State) bool { return st.belongsTo(owner) })
}

// All lists all live sessions of the application, or of all applications if the engine
// has none. It is as Owned, and may list one twice.
func (e *Engine) All(ctx context.Context) iter.Seq2[*State, error] {
	return e.list(ctx, func(cursor string) ([]store.Entry, string, error) {
		return e.store.All(ctx, cursor, pageSize)
	}, func(st *State) bool {
		app := e.config.Application
		return app == "" || app == string(st.Doc.Text(document.Application))
	})
}

func (e *Engine) list(
	ctx context.Context,
	page func(cursor string) ([]store.Entry, string, error),
	wanted func(*State) bool,
) iter.Seq2[*State, error] {
	return func(yield func(*State, error) bool) {
		for entry, err := range entries(page) {
			if err != nil {
				yield(nil, errorAt("list sessions", err))
				return
			}
			st, ok := e.listed(ctx, entry)
			if ok && !st.Doc.Sealed() && wanted(&st) && !yield(&st, nil) {
				return
			}
		}
	}
}

// entries goes through the pages of a listing. An error is the last element.
func entries(
	page func(cursor string) ([]store.Entry, string, error),
) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for cursor := ""; ; {
			list, next, err := page(cursor)
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			for _, entry := range list {
				if !yield(entry, nil) {
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

// listed reads an entry of a listing, if it holds a session that has not expired, or a seal.
func (e *Engine) listed(ctx context.Context, entry store.Entry) (State, bool) {
	if entry.Record.Version == "" {
		return State{}, false
	}
	st := State{ID: entry.ID, Record: entry.Record}
	err := e.read(ctx, &st)
	now := e.now()
	return st, err == nil && now.Before(entry.Record.Expires) && now.Before(st.Record.Deadline)
}

// Sweep removes expired records, in batches, from a store that does not do so by
// itself, and returns how many it removed. A record that cannot be removed spares no
// other.
func (e *Engine) Sweep(ctx context.Context) (int, error) {
	total := 0
	var failed failures
	for cursor := ""; ; {
		n, next, err := e.store.Sweep(ctx, cursor, pageSize)
		total += n
		if n > 0 && e.Listened() {
			e.Tell(ctx, event.Event{Kind: event.Swept, Count: n})
		}
		if errors.Is(err, errors.ErrUnsupported) {
			return total, nil
		}
		failed.add(err)
		if next == "" {
			return total, failed.joined()
		}
		if err := ctx.Err(); err != nil {
			return total, errors.Join(failed.joined(), err)
		}
		cursor = next
	}
}
