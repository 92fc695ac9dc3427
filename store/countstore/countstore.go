// Package countstore counts the calls that a store gets, for metrics and tests. It
// costs an atomic addition a call and no allocation.
package countstore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Stats counts the calls since a [Store] was made, failed ones too.
type Stats struct {
	Loads     int64 `json:"loads"`
	Creates   int64 `json:"creates"`
	Replaces  int64 `json:"replaces"`
	Touches   int64 `json:"touches"`
	Deletes   int64 `json:"deletes"`
	Moves     int64 `json:"moves"` // if the store supports it, as for the next two
	Lists     int64 `json:"lists"` // pages of Owned and All
	Sweeps    int64 `json:"sweeps"`
	Conflicts int64 `json:"conflicts"` // calls that returned ErrConflict or ErrExists
	// calls that were refused, or whose outcome is unknown
	Errors int64 `json:"errors"`
}

// Store wraps a store and counts its calls. It has the abilities of what it wraps, and
// is safe for concurrent use. It closes nothing.
type Store struct {
	store.FullStore

	loads, creates, replaces, touches, deletes, moves, lists, sweeps, conflicts, errors atomic.Int64
}

var _ store.FullStore = (*Store)(nil)

// New returns a wrapper around s with all counts at zero.
func New(s store.Store) *Store { return &Store{FullStore: store.Complete(s)} }

// Stats returns the counts. A call that ends meanwhile may be in one of them and not yet in
// another.
func (s *Store) Stats() Stats {
	return Stats{
		Loads:     s.loads.Load(),
		Creates:   s.creates.Load(),
		Replaces:  s.replaces.Load(),
		Touches:   s.touches.Load(),
		Deletes:   s.deletes.Load(),
		Moves:     s.moves.Load(),
		Lists:     s.lists.Load(),
		Sweeps:    s.sweeps.Load(),
		Conflicts: s.conflicts.Load(),
		Errors:    s.errors.Load(),
	}
}

// count counts a call of one kind that ended with err.
func (s *Store) count(calls *atomic.Int64, err error) {
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound),
		errors.Is(err, store.ErrTooLarge), errors.Is(err, store.ErrFull):
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrExists):
		s.conflicts.Add(1)
	case errors.Is(err, errors.ErrUnsupported):
		return
	default:
		s.errors.Add(1)
	}
	calls.Add(1)
}

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	r, err := s.FullStore.Load(ctx, id)
	s.count(&s.loads, err)
	return r, err
}

// Create implements [store.Store].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	v, err := s.FullStore.Create(ctx, id, r)
	s.count(&s.creates, err)
	return v, err
}

// Replace implements [store.Store].
func (s *Store) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	v, err := s.FullStore.Replace(ctx, id, old, next)
	s.count(&s.replaces, err)
	return v, err
}

// Touch implements [store.Store].
func (s *Store) Touch(ctx context.Context, id string, r store.Record, expires time.Time) error {
	err := s.FullStore.Touch(ctx, id, r, expires)
	s.count(&s.touches, err)
	return err
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	err := s.FullStore.Delete(ctx, id, r)
	s.count(&s.deletes, err)
	return err
}

// Move implements [store.Mover].
func (s *Store) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	v, err := s.FullStore.Move(ctx, id, old, seal, newID, next)
	s.count(&s.moves, err)
	return v, err
}

// Owned implements [store.OwnerLister].
func (s *Store) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	page, next, err := s.FullStore.Owned(ctx, owner, cursor, limit)
	s.count(&s.lists, err)
	return page, next, err
}

// All implements [store.Lister].
func (s *Store) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	page, next, err := s.FullStore.All(ctx, cursor, limit)
	s.count(&s.lists, err)
	return page, next, err
}

// Sweep implements [store.Sweeper].
func (s *Store) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	n, next, err := s.FullStore.Sweep(ctx, cursor, limit)
	s.count(&s.sweeps, err)
	return n, next, err
}
