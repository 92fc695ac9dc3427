package measure

import (
	"runtime"
	"time"
)

var started = time.Now()

// Serial is a cell of one client that makes one request after the other. It measures the
// processor time of this process, garbage collection included. Run it with GOMAXPROCS(1),
// or idle processors collect garbage at its cost.
type Serial struct {
	*Crowd
	batch map[time.Duration]int
}

// NewSerial returns the cell.
func NewSerial(c *Crowd) *Serial { return &Serial{c, make(map[time.Duration]int)} }

// Key implements [Cell].
func (s *Serial) Key() Key { return s.Crowd.Key(0) }

// Bare implements [Cell].
func (s *Serial) Bare() Key { return s.bareKey(0) }

// Sample implements [Cell].
func (s *Serial) Sample(each time.Duration) (Sample, error) {
	if err := s.grow(1); err != nil {
		return Sample{}, err
	}
	n := s.batch[each]
	if n == 0 {
		var err error
		if n, err = s.calibrate(each); err != nil {
			return Sample{}, err
		}
		s.batch[each] = n
	}
	var before, after runtime.MemStats
	collect()
	runtime.ReadMemStats(&before)
	begun := cpuTime()
	s.serve(n)
	took := cpuTime() - begun
	runtime.ReadMemStats(&after)
	per := float64(n)
	return Sample{
		Nanos:  float64(took.Nanoseconds()) / per,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / per,
		Allocs: float64(after.Mallocs-before.Mallocs) / per,
	}, s.verify(s.visitors[0], n)
}

// collect collects the garbage of the cell before, so that the next one does not pay for
// it. With a large heap it does nothing: there collections are long and rare, and few
// rounds have one.
func collect() {
	const large = 256 << 20
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc < large {
		runtime.GC()
	}
}

// Next returns a function that makes one request, for callers that measure by themselves. Call
// [Serial.Run] first.
func (s *Serial) Next() func() {
	v := s.visitors[0]
	v.writer.reset()
	return v.next(s.handlers[0], s.act)
}

// Verify checks the answers to the n requests since Next, and what they stored.
func (s *Serial) Verify(n int) error { return s.verify(s.visitors[0], n) }

func (s *Serial) serve(n int) {
	next := s.Next()
	for range n {
		next()
	}
}

// Run makes n requests and checks their answers.
func (s *Serial) Run(n int) error {
	if err := s.grow(1); err != nil {
		return err
	}
	s.serve(n)
	return s.Verify(n)
}

// calibrate returns how many requests take about that long.
func (s *Serial) calibrate(each time.Duration) (int, error) {
	for n := 20; ; n *= 4 {
		before := cpuTime()
		s.serve(n)
		took := cpuTime() - before
		if err := s.verify(s.visitors[0], n); err != nil {
			return 0, err
		}
		if took >= each/10 {
			return max(1, int(float64(n)*float64(each)/float64(took))), nil
		}
	}
}
