package cloakroom

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
)

// gates make the commits of one session in this process queue up, and hand the
// committed record from one to the next, so that they need not conflict in the store
// and load again. Other processes are kept apart by the store's compare-and-swap alone.
type gates struct {
	seed    maphash.Seed
	ticks   atomic.Int64
	buckets [512]gateBucket
}

// gateBucket holds the gates whose ids share a hash, in a list: there are few, since a
// gate exists only while a commit of its session is under way.
type gateBucket struct {
	mu    sync.Mutex
	first *gate
	spare *gate // one that is over, to be used again
}

// gate is where commits of one session wait. It exists while there are any, and so for
// as long as somebody has the turn.
type gate struct {
	id     string
	bucket *gateBucket

	// Guarded by the bucket.
	next    *gate
	waiting []chan struct{} // closed, the first first, to give the turn
	moved   time.Time       // when the latest commit here succeeded

	handed bool // whoever has the turn waited for it; guarded by the turn, as the rest is

	// What the latest commit left in the store, nil before the first, and when its
	// write began: whoever had loaded the record before that has an older one.
	latest *state
	tick   int64
}

func (g *gates) init() { g.seed = maphash.MakeSeed() }

// tick returns a number that orders loads and commits within this process.
func (g *gates) tick() int64 { return g.ticks.Add(1) }

// enter waits for the turn at the gate of id. A waiter gives up when for a time d
// nothing went forward at this gate, neither its own entry nor anybody's successful
// commit: a long queue that moves is no failure, while a store that is down fails
// everyone in time. The limit of the commit itself is counted from the same moment.
func (g *gates) enter(ctx *deadline.Context, id string, d time.Duration) (*gate, error) {
	b := &g.buckets[maphash.String(g.seed, id)%uint64(len(g.buckets))]
	b.mu.Lock()
	for at := b.first; at != nil; at = at.next {
		if at.id == id {
			turn := make(chan struct{})
			at.waiting = append(at.waiting, turn)
			b.mu.Unlock()
			return at, at.wait(ctx, turn, d)
		}
	}
	at := b.spare
	if b.spare = nil; at == nil {
		at = &gate{bucket: b}
	}
	at.id, at.next = id, b.first
	b.first = at
	b.mu.Unlock()
	return at, nil
}

func (at *gate) wait(ctx *deadline.Context, turn chan struct{}, d time.Duration) error {
	entered := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-turn:
			if moved := at.lastMoved(); moved.After(entered) {
				ctx.Extend(time.Until(moved.Add(d)))
			}
			return nil
		case <-timer.C:
			if left := time.Until(at.lastMoved().Add(d)); left > 0 {
				timer.Reset(left)
				continue
			}
			if at.cancel(turn) {
				return context.DeadlineExceeded
			}
			return nil // the turn came just now
		}
	}
}

func (at *gate) lastMoved() time.Time {
	at.bucket.mu.Lock()
	defer at.bucket.mu.Unlock()
	return at.moved
}

// cancel takes a waiter out of the queue, unless it has the turn already.
func (at *gate) cancel(turn chan struct{}) bool {
	at.bucket.mu.Lock()
	defer at.bucket.mu.Unlock()
	i := slices.Index(at.waiting, turn)
	if i < 0 {
		return false
	}
	at.waiting = slices.Delete(at.waiting, i, i+1)
	return true
}

// leave gives the turn to the next in line, with what was committed, if anything was,
// and the tick of when its write began.
func (at *gate) leave(committed *state, began int64) {
	b := at.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(at.waiting) > 0 {
		if committed != nil {
			latest := *committed
			// its memory goes to another session
			latest.doc.fields = slices.Clone(latest.doc.fields)
			at.latest, at.tick, at.moved = &latest, began, time.Now()
		}
		at.handed = true
		close(at.waiting[0])
		at.waiting = slices.Delete(at.waiting, 0, 1)
		return
	}
	link := &b.first
	for *link != at {
		link = &(*link).next
	}
	*link = at.next
	*at = gate{bucket: b, waiting: at.waiting[:0]}
	b.spare = at
}
