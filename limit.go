package cloakroom

import (
	"context"
	"sync"
	"time"
)

// limit is a context that ends at a deadline of its own. It costs no timer until somebody asks for
// Done: a store in this process never does, and a timer would cost more than its work.
type limit struct {
	parent   context.Context
	deadline time.Time
	detached bool // from the parent's cancellation, not from its values

	mu     sync.Mutex
	timed  context.Context
	cancel context.CancelFunc
}

// newLimit returns a context that ends after d, or, when it is not detached, with its parent.
func newLimit(parent context.Context, d time.Duration, detached bool) *limit {
	return &limit{parent: parent, deadline: time.Now().Add(d), detached: detached}
}

// release frees the timer, if there is one.
func (l *limit) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		l.cancel()
	}
}

// extend makes a limit end d from now. Only a limit whose timer has not begun can be extended.
func (l *limit) extend(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		l.deadline = time.Now().Add(d)
	}
}

func (l *limit) begin() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed == nil {
		parent := l.parent
		if l.detached {
			parent = context.WithoutCancel(parent)
		}
		l.timed, l.cancel = context.WithDeadline(parent, l.deadline)
	}
	return l.timed
}

func (l *limit) begun() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.timed
}

func (l *limit) Deadline() (time.Time, bool) {
	if timed := l.begun(); timed != nil {
		return timed.Deadline()
	}
	if !l.detached {
		if d, ok := l.parent.Deadline(); ok && d.Before(l.deadline) {
			return d, true
		}
	}
	return l.deadline, true
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
	if !time.Now().Before(l.deadline) {
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
