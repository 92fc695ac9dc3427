// Package queue lets goroutines take turns, first in, first out. A waiter gives up only
// when no turn moves anything for a while: so a long queue is no failure, and a store
// that is down fails every waiter in time. It knows nothing of what the turns are for.
package queue

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Line is a queue for one thing. The zero value is ready to use. Its owner's lock guards it.
type Line struct {
	taken   bool
	waiting []chan struct{} // closed to give the turn, the first first
	moved   time.Time       // when the latest turn ended that moved something
}

// Taken reports whether a goroutine has the turn.
func (l *Line) Taken() bool { return l.taken }

// Join takes the turn and returns nil, or returns what [Line.Wait] waits for.
func (l *Line) Join() chan struct{} {
	if !l.taken {
		l.taken = true
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	return turn
}

// Wait waits for the turn that Join returned. It gives up with
// [context.DeadlineExceeded] when d has passed both since it began to wait and since a
// turn last moved something. left is what then remains of d, if a turn did. Call it
// without the lock.
func (l *Line) Wait(
	lock sync.Locker, turn chan struct{}, d time.Duration,
) (left time.Duration, err error) {
	entered := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-turn:
			return max(l.left(lock, entered, d), 0), nil
		case <-timer.C:
			if left = l.left(lock, entered, d); left > 0 {
				timer.Reset(left)
				continue
			}
			if l.cancel(lock, turn) {
				return 0, context.DeadlineExceeded
			}
			return 0, nil // the turn came just now
		}
	}
}

// left returns what remains of d since a turn moved something, or 0 if none did since
// entered.
func (l *Line) left(lock sync.Locker, entered time.Time, d time.Duration) time.Duration {
	lock.Lock()
	defer lock.Unlock()
	if !l.moved.After(entered) {
		return 0
	}
	return time.Until(l.moved.Add(d))
}

// cancel takes a waiter out of the line, unless it has the turn already.
func (l *Line) cancel(lock sync.Locker, turn chan struct{}) bool {
	lock.Lock()
	defer lock.Unlock()
	i := slices.Index(l.waiting, turn)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

// Leave gives the turn to the next in line, and reports whether there was one. moved
// tells that the turn moved something, so that those who wait go on waiting.
func (l *Line) Leave(moved bool) bool {
	if len(l.waiting) == 0 {
		l.taken = false
		return false
	}
	if moved {
		l.moved = time.Now()
	}
	close(l.waiting[0])
	l.waiting = slices.Delete(l.waiting, 0, 1)
	return true
}
