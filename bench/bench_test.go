package main

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"
)

var checkRatios = flag.Bool("ratios", false, "fail also when a request takes longer than its limit")

// What does a request cost that touches no session, reads one value, or writes one? Compare
// the cells of one run: the first two are what it costs without sessions.
func BenchmarkRequest(b *testing.B) {
	cells, err := newCells()
	if err != nil {
		b.Fatal(err)
	}
	defer cells.close()
	for _, c := range cells.list {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			c.writer.reset()
			for b.Loop() {
				clear(c.writer.header)
				c.handler.ServeHTTP(&c.writer, c.request)
				c.served++
				n++
			}
			if err := c.check(n); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// TestAllocations holds on every machine, however busy.
func TestAllocations(t *testing.T) {
	cells, err := newCells()
	if err != nil {
		t.Fatal(err)
	}
	defer cells.close()
	for cellName, limit := range map[string]float64{
		"bare":                0,
		"middleware":          2,
		"cloakroom untouched": 2,
		"cloakroom read":      8,
		"cloakroom write":     21,
	} {
		c := cells.find(cellName)
		got := testing.AllocsPerRun(1000, func() {
			clear(c.writer.header)
			c.handler.ServeHTTP(&c.writer, c.request)
			c.served++
		})
		if got > limit {
			t.Errorf("%s: %v allocations, want at most %v", cellName, got, limit)
		}
		if c.writer.bad > 0 {
			t.Errorf("%s: %d wrong answers", cellName, c.writer.bad)
		}
	}
}

// TestLimits compares times, so it is run by whoever wants to know: go test -run Limits -ratios. A
// ratio that is over its limit is measured up to three times.
func TestLimits(t *testing.T) {
	if !*checkRatios {
		t.Skip("times are not compared without -ratios")
	}
	cells, err := newCells()
	if err != nil {
		t.Fatal(err)
	}
	defer cells.close()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var over []string
	for range 3 {
		measured, err := measure(cells.list[:5], 5, 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		over = nil
		for _, r := range ratios() {
			if r.limit == 0 {
				continue
			}
			if got := r.of(measured); got > r.limit {
				over = append(over, fmt.Sprintf("%s is %.2f, want at most %v", r.name, got, r.limit))
			}
		}
		if over == nil {
			return
		}
	}
	t.Error(over)
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
	} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.values, got, tt.want)
		}
	}
}
