package main

import (
	"runtime"
	"slices"
	"time"
)

var start = time.Now()

// samples are the measurements of one cell, one a round, each for one request.
type samples struct {
	nanos, bytes, allocs []float64
}

// measure runs all cells in turn, round after round, so that whatever disturbs the machine
// disturbs all of them alike. Every round begins with another cell.
func measure(cells []*cell, rounds int, each time.Duration) (map[string]*samples, error) {
	measured := make(map[string]*samples)
	batch := make(map[string]int)
	for _, c := range cells {
		measured[c.name] = &samples{}
		n, err := calibrate(c, each)
		if err != nil {
			return nil, err
		}
		batch[c.name] = n
	}
	for round := range rounds {
		for i := range cells {
			c := cells[(i+round)%len(cells)]
			if err := measured[c.name].add(c, batch[c.name]); err != nil {
				return nil, err
			}
		}
	}
	return measured, nil
}

// calibrate returns how many requests take about that long.
func calibrate(c *cell, each time.Duration) (int, error) {
	for n := 100; ; n *= 4 {
		before := cpuTime()
		if err := c.run(n); err != nil {
			return 0, err
		}
		if took := cpuTime() - before; took >= each/10 {
			return max(1, int(float64(n)*float64(each)/float64(took))), nil
		}
	}
}

func (s *samples) add(c *cell, n int) error {
	var before, after runtime.MemStats
	runtime.GC() // what the cell before left behind is not this one's to collect
	runtime.ReadMemStats(&before)
	begun := cpuTime()
	err := c.run(n)
	took := cpuTime() - begun
	runtime.ReadMemStats(&after)
	per := float64(n)
	s.nanos = append(s.nanos, float64(took.Nanoseconds())/per)
	s.bytes = append(s.bytes, float64(after.TotalAlloc-before.TotalAlloc)/per)
	s.allocs = append(s.allocs, float64(after.Mallocs-before.Mallocs)/per)
	return err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[n/2] + sorted[(n-1)/2]) / 2
}

// ratio compares two cells, in time.
type ratio struct {
	name      string
	over, per string // the cells
	net       bool   // both less what the bare handler takes
	limit     float64
}

// ratios are what is printed. A limit of zero is none.
func ratios() []ratio {
	list := []ratio{
		{name: "untouched/middleware", over: "cloakroom untouched", per: "middleware", limit: 1.4},
		{name: "read/middleware", over: "cloakroom read", per: "middleware", limit: 4},
		{name: "write/middleware", over: "cloakroom write", per: "middleware", limit: 7},
	}
	for _, peer := range []string{"scs", "scs-json"} {
		for _, act := range []string{"untouched", "read", "write"} {
			list = append(list, ratio{name: act + " memory " + peer, over: peer + " " + act, per: "cloakroom " + act, net: true})
		}
	}
	return list
}

// of returns the median of the ratio in each round.
func (r ratio) of(measured map[string]*samples) float64 {
	over, per, bare := measured[r.over].nanos, measured[r.per].nanos, measured["bare"].nanos
	each := make([]float64, len(over))
	for i := range each {
		if r.net {
			each[i] = (over[i] - bare[i]) / (per[i] - bare[i])
		} else {
			each[i] = over[i] / per[i]
		}
	}
	return median(each)
}
