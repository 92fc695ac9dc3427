package cloakroom

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gates make the commits of one session in this process queue up, and hand the committed record
// from one to the next, so that they need not conflict in the store and load again. Other
// processes are kept apart by the store's compare-and-swap alone.
type gates struct {
	seed   maphash.Seed
	ticks  atomic.Int64
	shards [32]gateShard
}

type gateShard struct {
	mu   sync.Mutex
	open map[string]*gate
}

// gate is where commits of one session wait. It exists while there are any.
type gate struct {
	// Guarded by the shard.
	busy    bool            // somebody has the turn
	waiting []chan struct{} // closed, the first first, to give the turn
	moved   time.Time       // when the latest commit here succeeded

	// What the latest commit left in the store; guarded by the turn.
	latest state
	tick   int64
}

func (g *gates) init() {
	g.seed = maphash.MakeSeed()
	for i := range g.shards {
		g.shards[i].open = make(map[string]*gate)
	}
}

// tick returns a number that orders loads and commits within this process.
func (g *gates) tick() int64 { return g.ticks.Add(1) }

var gatePool = sync.Pool{New: func() any { return new(gate) }}

func (g *gates) shard(id string) *gateShard {
	return &g.shards[maphash.String(g.seed, id)%uint64(len(g.shards))]
}

// enter waits for the turn at the gate of id. A waiter gives up when for a time d nothing went
// forward at this gate, neither its own entry nor anybody's successful commit: a long queue that
// moves is no failure, while a store that is down fails everyone in time. The limit of the
// commit itself is counted from the same moment.
func (g *gates) enter(ctx *limit, id string, d time.Duration) (*gate, error) {
	shard := g.shard(id)
	shard.mu.Lock()
	at := shard.open[id]
	if at == nil {
		at = gatePool.Get().(*gate)
		shard.open[id] = at
	}
	if !at.busy {
		at.busy = true
		shard.mu.Unlock()
		return at, nil
	}
	turn := make(chan struct{})
	at.waiting = append(at.waiting, turn)
	shard.mu.Unlock()

	entered := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-turn:
			if moved := g.moved(at, id); moved.After(entered) {
				ctx.extend(time.Until(moved.Add(d)))
			}
			return at, nil
		case <-timer.C:
			if left := time.Until(g.moved(at, id).Add(d)); left > 0 {
				timer.Reset(left)
				continue
			}
			if g.cancel(at, id, turn) {
				return nil, context.DeadlineExceeded
			}
			return at, nil // the turn came just now
		}
	}
}

func (g *gates) moved(at *gate, id string) time.Time {
	shard := g.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return at.moved
}

// cancel takes a waiter out of the queue, unless it has the turn already.
func (g *gates) cancel(at *gate, id string, turn chan struct{}) bool {
	shard := g.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	i := slices.Index(at.waiting, turn)
	if i < 0 {
		return false
	}
	at.waiting = slices.Delete(at.waiting, i, i+1)
	return true
}

// leave gives the turn to the next in line.
func (g *gates) leave(at *gate, id string) {
	shard := g.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(at.waiting) > 0 {
		close(at.waiting[0])
		at.waiting = slices.Delete(at.waiting, 0, 1)
		return
	}
	delete(shard.open, id)
	*at = gate{waiting: at.waiting[:0]}
	gatePool.Put(at)
}

// committed records what a commit left in the store, for the next in line, and when its write began:
// whoever had loaded the record before that has an older one.
func (g *gates) committed(at *gate, id string, s state, began int64) {
	at.latest, at.tick = s, began
	shard := g.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(at.waiting) > 0 {
		at.moved = time.Now()
	}
}
