// Package sweeper calls a store's Sweep in the background: by the clock, or once in so
// many requests, one pass at a time.
package sweeper

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	pause        = 10 * time.Millisecond // between two batches, or as long as the one before took
	batchTimeout = time.Minute
)

// Config is what a [Sweeper] needs.
type Config struct {
	Batch    int           // the limit that Sweep gets
	Every    int           // if positive, a pass on average once in so many requests
	Interval time.Duration // if positive, a pass so often, up to a fifth earlier or later

	Failed func(error) // gets what goes wrong, but for what Stop cuts off
	Sweep  func(ctx context.Context, cursor string, limit int) (removed int, next string, err error)
}

// Sweeper sweeps in the background. Its zero value never does.
type Sweeper struct {
	config  Config
	ctx     context.Context
	cancel  context.CancelFunc
	running atomic.Bool

	mu      sync.Mutex // held while a pass is begun, so that none begins after Stop
	stopped bool
	wg      sync.WaitGroup
}

// Start begins to sweep. Call it once, before anything else.
func (w *Sweeper) Start(c Config) {
	w.config = c
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if c.Interval > 0 {
		w.wg.Go(w.byClock)
	}
}

// Stop ends sweeping, and waits for a pass under way. It may be called again.
func (w *Sweeper) Stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
	}
	w.wg.Wait()
}

func (w *Sweeper) byClock() {
	for {
		interval := w.config.Interval
		if !w.sleep(interval - interval/5 + rand.N(2*(interval/5)+1)) {
			return
		}
		w.pass()
	}
}

// Request counts one, and begins a pass once in so many.
func (w *Sweeper) Request() {
	every := w.config.Every
	if every <= 0 || rand.IntN(every) > 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped && !w.running.Load() {
		w.wg.Go(w.pass)
	}
}

// pass removes all that has expired, in batches. In between it leaves the store to
// others for as long as it used it.
func (w *Sweeper) pass() {
	if !w.running.CompareAndSwap(false, true) {
		return
	}
	defer w.running.Store(false)
	cursor := ""
	for {
		begin := time.Now()
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		_, next, err := w.config.Sweep(ctx, cursor, w.config.Batch)
		cancel()
		if err != nil && w.ctx.Err() == nil {
			w.config.Failed(err)
		}
		if next == "" || !w.sleep(max(pause, time.Since(begin))) {
			return
		}
		cursor = next
	}
}

// sleep waits, and reports whether the sweeper is to go on.
func (w *Sweeper) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.ctx.Done():
		return false
	}
}
