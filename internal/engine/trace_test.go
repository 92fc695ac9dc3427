package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// tracer notes operations and what came of them, and gives the store's calls a value.
type tracer struct {
	open int
	ends []string
	errs []error
}

type tracerKey struct{}

func (r *tracer) Begin(ctx context.Context, op event.Operation) context.Context {
	r.open++
	return context.WithValue(ctx, tracerKey{}, op)
}

func (r *tracer) End(ctx context.Context, op event.Operation, out event.Outcome) {
	r.open--
	if ctx.Value(tracerKey{}) != op {
		panic("another context")
	}
	r.ends = append(r.ends, fmt.Sprint(op, " ", out.Tries, " ", out.Err != nil))
	r.errs = append(r.errs, out.Err)
}

func (r *tracer) want(t *testing.T, want ...string) {
	t.Helper()
	if fmt.Sprint(r.ends) != fmt.Sprint(want) || r.open != 0 {
		t.Errorf("followed %q, want %q; %d are open", r.ends, want, r.open)
	}
	r.ends, r.errs = nil, nil
}

// within fails a test where a call of the store is not within an operation.
type within struct {
	store.FullStore
	t *testing.T
}

func (w within) check(ctx context.Context, op event.Operation) {
	w.t.Helper()
	if got := ctx.Value(tracerKey{}); got != op {
		w.t.Errorf("a call of the store is part of %v, want %v", got, op)
	}
}

func (w within) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	w.check(ctx, event.OpCommit)
	return w.FullStore.Create(ctx, id, r)
}

func (w within) Delete(ctx context.Context, id string, r store.Record) error {
	w.check(ctx, event.OpEnd)
	return w.FullStore.Delete(ctx, id, r)
}

func TestTrace(t *testing.T) {
	var seen tracer
	r := newRig(t, func(c *Config) {
		c.Tracer, c.Store = &seen, within{store.Complete(c.Store), t}
	})
	st := r.begin(set("a", "1"))
	seen.want(t, "commit 1 false")
	r.run(&st)
	seen.want(t, "commit 1 false")

	var loaded State
	r.want(r.Load(r.time(), st.ID, &loaded, r.Now()), nil)
	r.want(r.Load(r.time(), "none", &loaded, r.Now()), store.ErrNotFound)
	seen.want(t, "load 0 false", "load 0 true")

	r.inject(storetest.OpReplace, storetest.Failed(), storetest.Failed())
	r.run(&st, set("a", "2"))
	seen.want(t, "commit 3 false")
	r.run(&st, renew())
	r.want(r.Touch(t.Context(), &st), nil)
	seen.want(t, "commit 1 false", "touch 0 false")

	r.want(r.End(r.time(), st.ID, &st, "", Cause{}), nil)
	r.want(r.Touch(t.Context(), &st), ErrEnded)
	if _, err := r.commit(st, set("a", "3")).Run(); err != ErrGone {
		t.Error(err)
	}
	if err := seen.errs[len(seen.errs)-1]; !errors.Is(err, ErrEnded) {
		t.Errorf("the tracer is told %v", err)
	}
	seen.want(t, "end 0 false", "touch 0 true", "commit 1 true")

	for range 2 {
		r.signedIn("ann")
	}
	seen.want(t, "commit 1 false", "commit 1 false")
	n, err := r.RevokeOwned(t.Context(), "ann", "", "")
	if n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	seen.want(t, "end 0 false", "end 0 false")
}

// TestTraceMoveless: a move in two steps is one try.
func TestTraceMoveless(t *testing.T) {
	var seen tracer
	r := newRig(t, moveless, func(c *Config) { c.Tracer = &seen })
	st := r.begin(set("a", "1"))
	r.run(&st, renew())
	seen.want(t, "commit 1 false", "commit 1 false")
}

// TestTracePanic: what panics is over too, and has failed.
func TestTracePanic(t *testing.T) {
	var seen tracer
	r := newRig(t, func(c *Config) { c.Tracer = &seen })
	st := r.begin(set("a", "1"))
	func() {
		defer func() { _ = recover() }()
		_, _ = r.commit(st, change(func(*document.Draft) error { panic("update") })).Run()
	}()
	r.before(storetest.OpTouch, func() { panic("store") })
	func() {
		defer func() { _ = recover() }()
		_ = r.Touch(t.Context(), &st)
	}()
	r.before(storetest.OpLoad, func() { panic("store") })
	func() {
		defer func() { _ = recover() }()
		_ = r.Load(r.time(), st.ID, &State{}, r.Now())
	}()
	seen.want(t, "commit 1 false", "commit 1 true", "touch 0 true", "load 0 true")
}
