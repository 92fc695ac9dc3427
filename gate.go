package cloakroom

import (
	"context"
	"hash/maphash"
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
	turn  chan struct{} // holds one token while nobody is at work
	users int           // waiting or at work; guarded by the shard

	// What the latest commit left in the store; guarded by turn.
	latest state
	tick   int64
	at     atomic.Int64 // when, in nanoseconds since the process's start
}

var processStart = time.Now()

func (g *gates) init() {
	g.seed = maphash.MakeSeed()
	for i := range g.shards {
		g.shards[i].open = make(map[string]*gate)
	}
}

// tick returns a number that orders loads and commits within this process.
func (g *gates) tick() int64 { return g.ticks.Add(1) }

var gatePool = sync.Pool{New: func() any {
	return &gate{turn: make(chan struct{}, 1)}
}}

// enter waits for the turn at the gate of id. A waiter gives up when for the time that limit allows
// nothing went forward at this gate, neither its own entry nor anybody's successful commit: a
// long queue that moves is no failure, while a store that is down fails everyone in time.
// It leaves the time limit of ctx for the commit itself counting from the same moment.
func (g *gates) enter(ctx *limit, id string, d time.Duration) (*gate, error) {
	shard := &g.shards[maphash.String(g.seed, id)%uint64(len(g.shards))]
	shard.mu.Lock()
	found := shard.open[id]
	if found == nil {
		found = gatePool.Get().(*gate)
		found.turn <- struct{}{}
		shard.open[id] = found
	}
	found.users++
	shard.mu.Unlock()

	select {
	case <-found.turn: // the usual case: no timer
		return found, nil
	default:
	}
	entered := time.Since(processStart)
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-found.turn:
			if at := time.Duration(found.at.Load()); at > entered {
				ctx.extend(d - (time.Since(processStart) - at))
			}
			return found, nil
		case <-timer.C:
			if left := time.Duration(found.at.Load()) + d - time.Since(processStart); found.at.Load() != 0 && left > 0 {
				timer.Reset(left)
				continue
			}
			g.leave(found, id, false)
			return nil, context.DeadlineExceeded
		}
	}
}

// leave gives the turn to the next in line, or only stops waiting when it was never had.
func (g *gates) leave(at *gate, id string, turn bool) {
	shard := &g.shards[maphash.String(g.seed, id)%uint64(len(g.shards))]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	at.users--
	if at.users > 0 {
		if turn {
			at.turn <- struct{}{}
		}
		return
	}
	delete(shard.open, id)
	if !turn {
		<-at.turn // whoever had it gave it back before leaving
	}
	at.latest, at.tick = state{}, 0
	at.at.Store(0)
	gatePool.Put(at)
}

// committed records what a commit left in the store, for the next in line.
func (g *gate) committed(s state, tick int64) {
	g.latest, g.tick = s, tick
	g.at.Store(int64(time.Since(processStart)))
}
