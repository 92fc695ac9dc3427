package queue

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// ByID has a line for each id that is in use, and hands the state that one turn leaves
// to the next: commits of one session in this process need not conflict in the store
// and load again. Call Init before use.
type ByID[T any] struct {
	seed    maphash.Seed
	ticks   atomic.Int64
	keep    func(*T)
	buckets [512]bucket[T]
}

// bucket holds the turns whose ids share a hash, in a list: there are few, since one
// exists only while its line is in use.
type bucket[T any] struct {
	mu    sync.Mutex
	first *Turn[T]
	spare *Turn[T] // to be used again
}

// Turn is one goroutine's turn with an id.
type Turn[T any] struct {
	id     string
	bucket *bucket[T]

	// Guarded by the bucket.
	line Line
	next *Turn[T]

	// Guarded by the turn.
	waited bool
	latest *T
	tick   int64
}

// Init prepares the queue. keep makes the copy of a state that is handed over
// independent of the original, whose memory may be used again.
func (q *ByID[T]) Init(keep func(*T)) { q.seed, q.keep = maphash.MakeSeed(), keep }

// Tick returns a number that orders loads and writes within this process.
func (q *ByID[T]) Tick() int64 { return q.ticks.Add(1) }

// Enter waits for the turn with id, as [Line.Wait] does. left is zero if there was no wait.
// After an error there is no turn to leave.
func (q *ByID[T]) Enter(id string, d time.Duration) (turn *Turn[T], left time.Duration, err error) {
	b := &q.buckets[maphash.String(q.seed, id)%uint64(len(q.buckets))]
	b.mu.Lock()
	for t := b.first; t != nil; t = t.next {
		if t.id == id {
			wait := t.line.Join()
			b.mu.Unlock()
			left, err = t.line.Wait(&b.mu, wait, d)
			return t, left, err
		}
	}
	turn = b.spare
	if b.spare = nil; turn == nil {
		turn = &Turn[T]{bucket: b}
	}
	turn.line.Join()
	turn.id, turn.next = id, b.first
	b.first = turn
	b.mu.Unlock()
	return turn, 0, nil
}

// Waited reports whether a goroutine had the turn before this one.
func (t *Turn[T]) Waited() bool { return t.waited }

// Latest returns the state that the latest turn left, and the tick of when its write began, so
// that a state which was loaded before that is older. It is nil, 0 before the first.
func (t *Turn[T]) Latest() (*T, int64) { return t.latest, t.tick }

// Leave gives the turn to the next in line, with the state that it left, if it is not
// nil, and the tick of when its write began.
func (q *ByID[T]) Leave(t *Turn[T], left *T, began int64) {
	b := t.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	if left != nil && len(t.line.waiting) > 0 {
		kept := *left // so that left itself need not be on the heap
		q.keep(&kept)
		t.latest, t.tick = &kept, began
	}
	t.waited = true
	if t.line.Leave(left != nil) {
		return
	}
	link := &b.first
	for *link != t {
		link = &(*link).next
	}
	*link = t.next
	*t = Turn[T]{bucket: b, line: Line{waiting: t.line.waiting[:0]}}
	b.spare = t
}
