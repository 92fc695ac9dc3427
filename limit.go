package cloakroom

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// limit is a context that ends at a deadline of its own. It costs no timer until somebody asks for
// Done: a store in this process never does, and a timer would cost more than its work.
type limit struct {
	parent   context.Context
	end      atomic.Int64 // nanoseconds on the monotonic clock
	detached bool         // from the parent's cancellation, not from its values

	timed  atomic.Pointer[context.Context] // once somebody asked for Done
	mu     sync.Mutex                      // held while timed is made
	cancel context.CancelFunc
}

// newLimit returns a context that ends after d, or, when it is not detached, with its parent.
func newLimit(parent context.Context, d time.Duration, detached bool) *limit {
	l := &limit{parent: parent, detached: detached}
	l.end.Store(monotonic() + int64(d))
	return l
}

var epoch = time.Now()

// monotonic costs half of what time.Now does, which also asks for the time of day.
func monotonic() int64 { return int64(time.Since(epoch)) }

// release frees the timer, if there is one.
func (l *limit) release() {
	if l.timed.Load() != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cancel()
	}
}

// extend makes a limit end d from now. Only a limit whose timer has not begun can be extended.
func (l *limit) extend(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed.Load() == nil {
		l.end.Store(monotonic() + int64(d))
	}
}

func (l *limit) begin() context.Context {
	if timed := l.begun(); timed != nil {
		return timed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if timed := l.begun(); timed != nil {
		return timed
	}
	parent := l.parent
	if l.detached {
		parent = context.WithoutCancel(parent)
	}
	timed, cancel := context.WithDeadline(parent, l.deadline())
	l.cancel = cancel
	l.timed.Store(&timed)
	return timed
}

func (l *limit) begun() context.Context {
	if timed := l.timed.Load(); timed != nil {
		return *timed
	}
	return nil
}

func (l *limit) deadline() time.Time {
	return time.Now().Add(time.Duration(l.end.Load() - monotonic()))
}

func (l *limit) Deadline() (time.Time, bool) {
	if timed := l.begun(); timed != nil {
		return timed.Deadline()
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
	if timed := l.begun(); timed != nil {
		return timed.Err()
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
	if timed := l.begun(); timed != nil {
		return timed.Value(key)
	}
	if l.detached {
		return context.WithoutCancel(l.parent).Value(key)
	}
	return l.parent.Value(key)
}
