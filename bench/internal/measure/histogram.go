package measure

import (
	"math/bits"
	"time"
)

// histogram counts durations in steps of about a sixteenth.
type histogram struct {
	counts [64 * steps]uint32
	n      uint64
}

const (
	stepBits = 4
	steps    = 1 << stepBits
)

func place(ns uint64) int {
	if ns < steps {
		return int(ns)
	}
	shift := bits.Len64(ns) - 1 - stepBits
	return (shift+1)*steps + int(ns>>shift)&(steps-1)
}

// middle returns the middle of a place, in nanoseconds.
func middle(place int) float64 {
	if place < steps {
		return float64(place)
	}
	shift := place/steps - 1
	return (float64(steps+place%steps) + 0.5) * float64(uint64(1)<<shift)
}

func (h *histogram) add(d time.Duration) {
	h.counts[place(uint64(max(0, d)))]++
	h.n++
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
}

// quantile returns the duration in nanoseconds that a part q of all do not exceed.
func (h *histogram) quantile(q float64) float64 {
	rank := uint64(q * float64(h.n))
	var seen uint64
	for i, c := range h.counts {
		if seen += uint64(c); seen > rank {
			return middle(i)
		}
	}
	return 0
}

func (h *histogram) latency() Latency {
	if h == nil {
		return Latency{}
	}
	return Latency{P50: h.quantile(0.5), P90: h.quantile(0.9), P99: h.quantile(0.99)}
}
