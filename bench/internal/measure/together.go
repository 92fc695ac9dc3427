package measure

import (
	"runtime"
	"sync"
	"time"
)

// Together is a cell of several clients at once, each with its own session, measured by
// the clock.
type Together struct {
	*Crowd
	clients int
}

// NewTogether returns the cell.
func NewTogether(c *Crowd, clients int) *Together { return &Together{c, clients} }

// Key implements [Cell].
func (t *Together) Key() Key { return t.Crowd.Key(t.clients) }

// Bare implements [Cell].
func (t *Together) Bare() Key { return t.bareKey(t.clients) }

// Sample implements [Cell]. Nanos is the time that passed divided by the number of
// requests: the reverse of the throughput.
func (t *Together) Sample(each time.Duration) (Sample, error) {
	if err := t.grow(t.clients); err != nil {
		return Sample{}, err
	}
	return Crowded(t.clients, each, func(client int) (func(), func(n int) error) {
		v, h := t.visitors[client], t.handlers[client]
		v.writer.reset()
		return v.next(h, t.act), func(n int) error { return t.verify(v, n) }
	})
}

// Crowded calls begin for each client, one after the other, and then calls all next
// functions repeatedly for that long, at least once, each in its goroutine. At the end it
// tells each verify how often its next was called.
func Crowded(
	clients int, each time.Duration,
	begin func(client int) (next func(), verify func(n int) error),
) (Sample, error) {
	latencies := make([]histogram, clients)
	counts := make([]int, clients)
	verify := make([]func(int) error, clients)
	var ready, done sync.WaitGroup
	ready.Add(clients)
	open := make(chan struct{})
	var end time.Time
	for i := range clients {
		next, check := begin(i)
		verify[i] = check
		done.Go(func() {
			ready.Done()
			<-open
			n := 0
			for last := time.Now(); n == 0 || last.Before(end); n++ {
				next()
				now := time.Now()
				latencies[i].add(now.Sub(last))
				last = now
			}
			counts[i] = n
		})
	}
	ready.Wait()
	var before, after runtime.MemStats
	collect()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	end = begun.Add(each)
	close(open)
	done.Wait()
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	total, all := 0, &histogram{}
	for i, n := range counts {
		total += n
		all.merge(&latencies[i])
	}
	per := float64(total)
	s := Sample{
		Nanos:   float64(took.Nanoseconds()) / per,
		Bytes:   float64(after.TotalAlloc-before.TotalAlloc) / per,
		Allocs:  float64(after.Mallocs-before.Mallocs) / per,
		latency: all,
	}
	for i, n := range counts {
		if err := verify[i](n); err != nil {
			return s, err
		}
	}
	return s, nil
}
