package measure

import (
	"fmt"
	"slices"
	"time"
)

// Result is what was measured of one cell.
type Result struct {
	Key
	Bare    Key      `json:"bare"`
	Samples []Sample `json:"samples"` // one a round
	Latency *Latency `json:"latency,omitempty"`
	Counts  *Counts  `json:"counts,omitempty"`
}

// Latency is how long requests took, in nanoseconds, over all rounds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
}

// Results are what was measured in one run, in the order of the cells.
type Results struct {
	List  []*Result
	index map[Key]*Result
}

// Find returns the result of a cell, or nil.
func (r *Results) Find(k Key) *Result { return r.index[k] }

// Append adds results of other cells.
func (r *Results) Append(list ...*Result) {
	if r.index == nil {
		r.index = make(map[Key]*Result)
	}
	for _, one := range list {
		if old := r.index[one.Key]; old != nil { // measured again
			*old = *one
			continue
		}
		r.List = append(r.List, one)
		r.index[one.Key] = one
	}
}

// Rounds measures all cells in turn, round after round, so that a disturbance of the
// machine hits all of them alike. Every round begins with another cell. A round that does
// not count comes first, unless there is only one.
func (r *Results) Rounds(cells []Cell, rounds int, each time.Duration) error {
	results := make([]*Result, len(cells))
	latencies := make([]histogram, len(cells))
	for i, c := range cells {
		results[i] = &Result{Key: c.Key(), Bare: c.Bare()}
	}
	for i, c := range cells {
		if rounds == 1 {
			break
		}
		if _, err := c.Sample(each / 4); err != nil {
			return fmt.Errorf("%v: %w", results[i].Key, err)
		}
	}
	for round := range rounds {
		for j := range cells {
			i := (j + round) % len(cells)
			s, err := cells[i].Sample(each)
			if err != nil {
				return fmt.Errorf("%v: %w", results[i].Key, err)
			}
			results[i].Samples = append(results[i].Samples, s)
			if s.latency != nil {
				latencies[i].merge(s.latency)
			}
		}
	}
	for i := range latencies {
		if h := &latencies[i]; h.n > 0 {
			l := h.latency()
			results[i].Latency = &l
		}
	}
	r.Append(results...)
	return nil
}

// Nanos returns the median time of a request.
func (r *Result) Nanos() float64 { return r.median(func(s Sample) float64 { return s.Nanos }) }

// Allocs returns the median number of allocations of a request.
func (r *Result) Allocs() float64 { return r.median(func(s Sample) float64 { return s.Allocs }) }

// Bytes returns the median number of bytes that a request allocates.
func (r *Result) Bytes() float64 { return r.median(func(s Sample) float64 { return s.Bytes }) }

// Throughput returns requests a second.
func (r *Result) Throughput() float64 { return 1e9 / r.Nanos() }

func (r *Result) median(of func(Sample) float64) float64 {
	values := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		values[i] = of(s)
	}
	return Median(values)
}

// Median returns the middle one of values, or the mean of the two that are.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// Net returns the median cost of a request, in nanoseconds, less that of the bare one in
// the same round.
func (r *Results) Net(k Key) float64 {
	got := r.Find(k)
	if got == nil {
		return 0
	}
	return Median(r.net(got))
}

func (r *Results) net(of *Result) []float64 {
	bare := r.Find(of.Bare)
	list := make([]float64, len(of.Samples))
	for i, s := range of.Samples {
		list[i] = s.Nanos
		if bare != nil && i < len(bare.Samples) {
			list[i] -= bare.Samples[i].Nanos
		}
	}
	return list
}

// Ratio returns the cost of over divided by that of per, as the median over the rounds,
// and whether both were measured. If net is set, both are less what the bare handler
// takes.
func (r *Results) Ratio(over, per Key, net bool) (float64, bool) {
	a, b := r.Find(over), r.Find(per)
	if a == nil || b == nil {
		return 0, false
	}
	costs := func(of *Result) []float64 {
		if net {
			return r.net(of)
		}
		return (&Results{}).net(of)
	}
	x, y := costs(a), costs(b)
	each := make([]float64, min(len(x), len(y)))
	for i := range each {
		each[i] = x[i] / y[i]
	}
	return Median(each), true
}
