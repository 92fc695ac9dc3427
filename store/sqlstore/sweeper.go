package sqlstore

import bg "github.com/cloakroom-go/cloakroom/internal/sweeper"

// sweeper sweeps in the background, by the clock or by the number of requests.
type sweeper struct{ bg.Sweeper }

func (w *sweeper) start(s *Store) {
	w.Start(bg.Config{
		Batch:    s.opts.SweepBatch,
		Every:    s.opts.SweepEvery,
		Interval: s.opts.SweepInterval,
		Sweep:    s.Sweep,
		Failed: func(err error) {
			const text = "sqlstore: sweeping in the background failed; the next sweep tries again"
			s.opts.Logger.Warn(text, "error", err)
		},
	})
}

func (w *sweeper) stop()    { w.Stop() }
func (w *sweeper) request() { w.Request() }
