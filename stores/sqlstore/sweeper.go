package sqlstore

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	sweepPause   = 10 * time.Millisecond // between two batches, or as long as the one before took
	sweepTimeout = time.Minute           // of one batch
)

// sweeper sweeps in the background: by the clock, or once in so many requests, one pass at a time.
type sweeper struct {
	store   *Store
	ctx     context.Context
	cancel  context.CancelFunc
	running atomic.Bool

	mu      sync.Mutex // held while a pass is begun, so that none begins after stop
	stopped bool
	wg      sync.WaitGroup
}

func (w *sweeper) start(s *Store) {
	w.store = s
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if s.opts.SweepInterval > 0 {
		w.wg.Go(w.byClock)
	}
}

func (w *sweeper) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
}

func (w *sweeper) byClock() {
	for {
		interval := w.store.opts.SweepInterval
		if !w.sleep(interval - interval/5 + rand.N(2*(interval/5)+1)) {
			return
		}
		w.pass()
	}
}

// request counts one, and begins a pass once in so many.
func (w *sweeper) request() {
	every := w.store.opts.SweepEvery
	if every <= 0 || rand.IntN(every) > 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped && !w.running.Load() {
		w.wg.Go(w.pass)
	}
}

// pass removes all that has expired, in batches. In between it leaves the database to others for as long as it
// used it.
func (w *sweeper) pass() {
	if !w.running.CompareAndSwap(false, true) {
		return
	}
	defer w.running.Store(false)
	cursor := ""
	for {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(w.ctx, sweepTimeout)
		_, next, err := w.store.Sweep(ctx, cursor, w.store.opts.SweepBatch)
		cancel()
		if err != nil && w.ctx.Err() == nil {
			w.store.opts.Logger.Warn("sqlstore: sweeping in the background failed; the next sweep tries again", "error", err)
		}
		if err != nil || next == "" || !w.sleep(max(sweepPause, time.Since(begin))) {
			return
		}
		cursor = next
	}
}

// sleep waits, and reports whether the sweeper is to go on.
func (w *sweeper) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.ctx.Done():
		return false
	}
}
