package cloakotel

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// call is a method of a store.
type call uint8

const (
	load call = iota
	create
	replace
	touch
	remove
	move
	owned
	all
	sweep

	calls = iota // how many there are
)

// callWords are the values of the attribute cloakroom.store.call.
var callWords = [calls]string{
	load: "load", create: "create", replace: "replace", touch: "touch", remove: "delete",
	move: "move", owned: "owned", all: "all", sweep: "sweep",
}

// measured is a store whose calls are measured.
type measured struct {
	store.FullStore
	metrics *metrics
}

// begin returns when a call begins, or zero if that is not needed.
func (s *measured) begin(ctx context.Context) time.Time {
	if !s.metrics.calls.enabled(ctx) {
		return time.Time{}
	}
	return time.Now()
}

// end measures a call that began at a time. An ability that the store does not have is no call.
func (s *measured) end(ctx context.Context, c call, begun time.Time, err error) {
	if begun.IsZero() || errors.Is(err, errors.ErrUnsupported) {
		return
	}
	s.metrics.calls.record(ctx, int(c), outcomeOf(err), time.Since(begun))
}

// Load implements [store.Store].
func (s *measured) Load(ctx context.Context, id string) (store.Record, error) {
	begun := s.begin(ctx)
	r, err := s.FullStore.Load(ctx, id)
	s.end(ctx, load, begun, err)
	return r, err
}

// Create implements [store.Store].
func (s *measured) Create(
	ctx context.Context, id string, r store.Record,
) (store.Version, error) {
	begun := s.begin(ctx)
	v, err := s.FullStore.Create(ctx, id, r)
	s.end(ctx, create, begun, err)
	return v, err
}

// Replace implements [store.Store].
func (s *measured) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	begun := s.begin(ctx)
	v, err := s.FullStore.Replace(ctx, id, old, next)
	s.end(ctx, replace, begun, err)
	return v, err
}

// Touch implements [store.Store].
func (s *measured) Touch(
	ctx context.Context, id string, r store.Record, expires time.Time,
) error {
	begun := s.begin(ctx)
	err := s.FullStore.Touch(ctx, id, r, expires)
	s.end(ctx, touch, begun, err)
	return err
}

// Delete implements [store.Store].
func (s *measured) Delete(ctx context.Context, id string, r store.Record) error {
	begun := s.begin(ctx)
	err := s.FullStore.Delete(ctx, id, r)
	s.end(ctx, remove, begun, err)
	return err
}

// Move implements [store.Mover].
func (s *measured) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	begun := s.begin(ctx)
	v, err := s.FullStore.Move(ctx, id, old, seal, newID, next)
	s.end(ctx, move, begun, err)
	return v, err
}

// Owned implements [store.OwnerLister].
func (s *measured) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	begun := s.begin(ctx)
	page, next, err := s.FullStore.Owned(ctx, owner, cursor, limit)
	s.end(ctx, owned, begun, err)
	return page, next, err
}

// All implements [store.Lister].
func (s *measured) All(
	ctx context.Context, cursor string, limit int,
) ([]store.Entry, string, error) {
	begun := s.begin(ctx)
	page, next, err := s.FullStore.All(ctx, cursor, limit)
	s.end(ctx, all, begun, err)
	return page, next, err
}

// Sweep implements [store.Sweeper].
func (s *measured) Sweep(
	ctx context.Context, cursor string, limit int,
) (int, string, error) {
	begun := s.begin(ctx)
	n, next, err := s.FullStore.Sweep(ctx, cursor, limit)
	s.end(ctx, sweep, begun, err)
	return n, next, err
}
