package cloakroom

import (
	"context"
	"sync/atomic"
	"time"
)

// limit is a context that ends at a deadline of its own. It costs no timer until somebody asks for
// Done: a store in this process never does, and a timer would cost more than its work.
type limit struct {
	parent   context.Context
	end      atomic.Int64          // nanoseconds on the monotonic clock
	timed    atomic.Pointer[timed] // once somebody asked for Done
	detached bool                  // from the parent's cancellation, not from its values
}

// timed is what a limit stands for once it has a timer.
type timed struct {
	context.Context
	cancel context.CancelFunc
}

// newLimit returns a context that ends after d, or, when it is not detached, with its parent.
func newLimit(parent context.Context, d time.Duration, detached bool) *limit {
	l := new(limit)
	l.init(parent, monotonic()+int64(d), detached)
	return l
}

// init is newLimit for a limit that is part of something else; end is by monotonic. It may be called once.
func (l *limit) init(parent context.Context, end int64, detached bool) {
	l.parent, l.detached = parent, detached
	l.end.Store(end)
}

var epoch = time.Now()

// monotonic costs half of what time.Now does, which also asks for the time of day.
func monotonic() int64 { return int64(time.Since(epoch)) }

// release frees the timer, if there is one.
func (l *limit) release() {
	if t := l.timed.Load(); t != nil {
		t.cancel()
	}
}

// extend makes a limit end d from now. Only a limit whose timer has not begun can be extended.
func (l *limit) extend(d time.Duration) {
	l.end.Store(monotonic() + int64(d))
}

// begin returns the context with a timer, which it starts unless that was done already.
func (l *limit) begin() *timed {
	if t := l.timed.Load(); t != nil {
		return t
	}
	parent := l.parent
	if l.detached {
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithDeadline(parent, l.deadline())
	if t := (&timed{ctx, cancel}); l.timed.CompareAndSwap(nil, t) {
		return t
	}
	cancel() // somebody else was first
	return l.timed.Load()
}

func (l *limit) deadline() time.Time {
	return time.Now().Add(time.Duration(l.end.Load() - monotonic()))
}

func (l *limit) Deadline() (time.Time, bool) {
	if t := l.timed.Load(); t != nil {
		return t.Deadline()
	}
	own := l.deadline()
	if !l.detached {
		if d, ok := l.parent.Deadline(); ok && d.Before(own) {
			return d, true
		}
	}
	return own, true
}

func (l *limit) Done() <-chan struct{} { return l.begin().Done() }

func (l *limit) Err() error {
	if t := l.timed.Load(); t != nil {
		return t.Err()
	}
	if !l.detached {
		if err := l.parent.Err(); err != nil {
			return err
		}
	}
	if monotonic() >= l.end.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

// Value answers for the timed context once there is one, so that package context recognises it
// and derives from it without a goroutine.
func (l *limit) Value(key any) any {
	if t := l.timed.Load(); t != nil {
		return t.Value(key)
	}
	if l.detached {
		return context.WithoutCancel(l.parent).Value(key)
	}
	return l.parent.Value(key)
}
