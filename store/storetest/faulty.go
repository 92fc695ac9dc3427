package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// ErrInjected is what an injected failure reports. It is none of the sentinels, so to the core
// it means that the outcome is unknown.
var ErrInjected = errors.New("storetest: injected failure")

// Op names an operation of a store.
type Op string

// The operations that a [Faulty] can disturb.
const (
	OpLoad    Op = "load"
	OpCreate  Op = "create"
	OpReplace Op = "replace"
	OpTouch   Op = "touch"
	OpDelete  Op = "delete"
	OpMove    Op = "move"
	OpOwned   Op = "owned"
	OpAll     Op = "all"
	OpSweep   Op = "sweep"
)

// Fault is what happens to one call. The zero Fault is none. Make others with [Lost], [Failed],
// [Later], [LaterAfter], [Slow] and [Before].
type Fault struct {
	kind   faultKind
	err    error
	until  <-chan struct{}
	after  int
	before func(context.Context)
}

type faultKind int

const (
	faultNone faultKind = iota
	faultLost
	faultFailed
	faultLater
)

// Lost applies the call and reports [ErrInjected]: the answer was lost.
func Lost() Fault { return Fault{kind: faultLost} }

// Failed reports [ErrInjected] and applies nothing: the request was lost.
func Failed() Fault { return Fault{kind: faultFailed} }

// Later reports [ErrInjected] at once, and applies the call when [Faulty.Release] is called: the
// request was delayed.
func Later() Fault { return Fault{kind: faultLater} }

// LaterAfter is [Later], but applies the call just before the n-th further call of the store, of
// any operation.
func LaterAfter(n int) Fault { return Fault{kind: faultLater, after: n} }

// Slow delays the call until the channel is closed. If the call's context ends first, its error is
// reported and nothing applied. A nil channel is never closed.
func Slow(until <-chan struct{}) Fault {
	if until == nil {
		until = make(chan struct{})
	}
	return Fault{until: until}
}

// Before runs fn just before the call, with the call's context. fn may use the wrapped store, as
// another client's write that comes first.
func Before(fn func(context.Context)) Fault { return Fault{before: fn} }

// Reporting returns the fault with another error than [ErrInjected].
func (f Fault) Reporting(err error) Fault {
	f.err = err
	return f
}

// Faulty wraps a store and disturbs its calls as it is told. Without faults it is transparent. It
// is deterministic: it neither sleeps nor uses random numbers. It is safe for concurrent use.
//
//	faulty := storetest.NewFaulty(memory)
//	faulty.Inject(storetest.OpReplace, storetest.Lost()) // applies the next Replace, and fails
type Faulty struct {
	// Decide, if set, chooses the fault of each call for which none was injected. id is
	// empty for OpAll and OpSweep, and the owner for OpOwned. Set it before the store
	// is used.
	Decide func(op Op, id string) Fault

	inner   store.FullStore
	mu      sync.Mutex
	queues  map[Op][]Fault
	pending []*held
	results []error
}

type held struct {
	after int // calls to go, or 0: only Release applies it
	apply func() error
}

var _ store.FullStore = (*Faulty)(nil)

// NewFaulty wraps s. The wrapper has the abilities that s has.
func NewFaulty(s store.Store) *Faulty {
	return &Faulty{inner: store.Complete(s), queues: map[Op][]Fault{}}
}

// Inject queues faults for the next calls of op, one each, in order. A zero [Fault]
// lets a call through.
func (f *Faulty) Inject(op Op, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queues[op] = append(f.queues[op], faults...)
}

// Left returns how many injected faults no call has met yet.
func (f *Faulty) Left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, q := range f.queues {
		n += len(q)
	}
	return n
}

// Release applies the delayed calls, in order, and returns what the store answered to those and to
// the calls that [LaterAfter] applied since the last Release.
func (f *Faulty) Release() []error {
	f.mu.Lock()
	due := f.pending
	f.pending = nil
	f.mu.Unlock()
	f.apply(due)
	f.mu.Lock()
	defer f.mu.Unlock()
	results := f.results
	f.results = nil
	return results
}

func (f *Faulty) apply(due []*held) {
	for _, h := range due {
		err := h.apply()
		f.mu.Lock()
		f.results = append(f.results, err)
		f.mu.Unlock()
	}
}

// next counts a call and returns its fault and the delayed calls that are due before it.
func (f *Faulty) next(op Op, id string) (Fault, []*held) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due, rest []*held
	for _, h := range f.pending {
		if h.after > 0 {
			if h.after--; h.after == 0 {
				due = append(due, h)
				continue
			}
		}
		rest = append(rest, h)
	}
	f.pending = rest
	if q := f.queues[op]; len(q) > 0 {
		f.queues[op] = q[1:]
		return q[0], due
	}
	if f.Decide != nil {
		return f.Decide(op, id), due
	}
	return Fault{}, due
}

// call runs do with the next fault.
func (f *Faulty) call(ctx context.Context, op Op, id string, do func(context.Context) error) error {
	fault, due := f.next(op, id)
	f.apply(due)
	reported := fault.err
	if reported == nil {
		reported = fmt.Errorf("%s: %w", op, ErrInjected)
	}
	if fault.before != nil {
		fault.before(ctx)
	}
	if fault.until != nil {
		select {
		case <-fault.until:
		case <-ctx.Done():
			return fmt.Errorf("storetest: %s: %w", op, ctx.Err())
		}
	}
	switch fault.kind {
	case faultFailed:
		return reported
	case faultLost:
		if err := do(ctx); err != nil {
			return err // it was not applied, so there is nothing to lose
		}
		return reported
	case faultLater:
		detached := context.WithoutCancel(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pending = append(f.pending, &held{fault.after, func() error { return do(detached) }})
		return reported
	}
	return do(ctx)
}

// Load implements [store.Store].
func (f *Faulty) Load(ctx context.Context, id string) (store.Record, error) {
	return result(f, ctx, OpLoad, id, func(ctx context.Context) (store.Record, error) {
		return f.inner.Load(ctx, id)
	})
}

// result is call for an operation that returns a value. With an error it returns the zero value, as
// to a caller whose answer was lost.
func result[T any](
	f *Faulty, ctx context.Context, op Op, id string, do func(context.Context) (T, error),
) (T, error) {
	out := make(chan T, 1) // a held-up call may end after this one
	err := f.call(ctx, op, id, func(ctx context.Context) error {
		v, err := do(ctx)
		select {
		case out <- v:
		default:
		}
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return <-out, nil
}

// Create implements [store.Store].
func (f *Faulty) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	return result(f, ctx, OpCreate, id, func(ctx context.Context) (store.Version, error) {
		return f.inner.Create(ctx, id, r)
	})
}

// Replace implements [store.Store].
func (f *Faulty) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	return result(f, ctx, OpReplace, id, func(ctx context.Context) (store.Version, error) {
		return f.inner.Replace(ctx, id, old, next)
	})
}

// Touch implements [store.Store].
func (f *Faulty) Touch(ctx context.Context, id string, r store.Record, expires time.Time) error {
	return f.call(ctx, OpTouch, id, func(ctx context.Context) error {
		return f.inner.Touch(ctx, id, r, expires)
	})
}

// Delete implements [store.Store].
func (f *Faulty) Delete(ctx context.Context, id string, r store.Record) error {
	return f.call(ctx, OpDelete, id, func(ctx context.Context) error {
		return f.inner.Delete(ctx, id, r)
	})
}

// Move implements [store.Mover]. Its faults go by the old id.
func (f *Faulty) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	return result(f, ctx, OpMove, id, func(ctx context.Context) (store.Version, error) {
		return f.inner.Move(ctx, id, old, seal, newID, next)
	})
}

type listing struct {
	page []store.Entry
	next string
}

// Owned implements [store.OwnerLister].
func (f *Faulty) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]store.Entry, string, error) {
	l, err := result(f, ctx, OpOwned, owner, func(ctx context.Context) (l listing, err error) {
		l.page, l.next, err = f.inner.Owned(ctx, owner, cursor, limit)
		return l, err
	})
	return l.page, l.next, err
}

// All implements [store.Lister].
func (f *Faulty) All(ctx context.Context, cursor string, limit int) ([]store.Entry, string, error) {
	l, err := result(f, ctx, OpAll, "", func(ctx context.Context) (l listing, err error) {
		l.page, l.next, err = f.inner.All(ctx, cursor, limit)
		return l, err
	})
	return l.page, l.next, err
}

// Sweep implements [store.Sweeper].
func (f *Faulty) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	type swept struct {
		n    int
		next string
	}
	s, err := result(f, ctx, OpSweep, "", func(ctx context.Context) (s swept, err error) {
		s.n, s.next, err = f.inner.Sweep(ctx, cursor, limit)
		return s, err
	})
	return s.n, s.next, err
}
