package main

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
)

var checkRatios = flag.Bool("ratios", false, "fail also when a request takes longer than its limit")

// What does a request cost that touches no session, reads one value, writes one, or
// signs in? Compare the cells of one run: the first two are what it costs without
// sessions.
func BenchmarkRequest(b *testing.B) {
	o, err := sections.Find("memory").Open(b)
	if err != nil {
		b.Fatal(err)
	}
	for _, crowd := range sections.Crowds(o.Sites, sections.Tasks(100, 1000, 10000)) {
		c := measure.NewSerial(crowd)
		b.Run(c.Key().Name(), func(b *testing.B) {
			b.ReportAllocs()
			if err := c.Run(1); err != nil {
				b.Fatal(err)
			}
			n := 0
			next := c.Next()
			for b.Loop() {
				next()
				n++
			}
			if err := c.Verify(n); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// TestLimits compares times, so it runs only on demand: go test -run Limits -ratios. It
// measures a ratio that is over its limit up to three times.
func TestLimits(t *testing.T) {
	if !*checkRatios {
		t.Skip("times are not compared without -ratios")
	}
	var over []string
	for range 3 {
		x := newRun(t.Output(), 5, 100*time.Millisecond)
		o, err := sections.Find("memory").Open(t)
		if err != nil {
			t.Fatal(err)
		}
		libraries := o.Select(measure.Bare, "middleware", sections.Cloakroom)
		if err := x.alone(sections.Crowds(libraries, sections.Tasks(100))); err != nil {
			t.Fatal(err)
		}
		over = nil
		for _, r := range middlewareRatios() {
			if got, ok := r.of(x); !ok || !r.holds(got) {
				over = append(over, fmt.Sprintf("%s is %.2f, want %s", r.name, got, r.bound()))
			}
		}
		if over == nil {
			return
		}
	}
	t.Error(over)
}

// allocated is what one request of a cell may allocate.
type allocated struct {
	allocs int
	bytes  int // a tenth more is allowed: sizes differ a little from one version of Go to the next
}

// TestAllocations holds on every machine, however busy. A change that lowers a number
// should lower it here; raising one needs a reason.
func TestAllocations(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for store, limits := range map[string]map[string]allocated{
		"memory": {
			"bare/untouched":           {0, 0},
			"middleware/untouched":     {2, 352},
			"cloakroom/untouched-100B": {1, 480},
			"cloakroom/read-100B":      {2, 544},
			"cloakroom/read-1KB":       {2, 546},
			"cloakroom/read-10KB":      {2, 546},
			"cloakroom/write-100B":     {4, 872},
			"cloakroom/write-1KB":      {4, 1837},
			"cloakroom/write-10KB":     {4, 10793},
			"cloakroom/sign-in-100B":   {19, 2292},
		},
		"file": {
			"cloakroom/untouched-100B": {1, 480},
			"cloakroom/read-100B":      {8, 1128},
			"cloakroom/read-1KB":       {8, 2104},
			"cloakroom/read-10KB":      {8, 11193},
			"cloakroom/write-100B":     {45, 5770},
			"cloakroom/write-1KB":      {45, 9610},
			"cloakroom/write-10KB":     {45, 45967},
			"cloakroom/sign-in-100B":   {94, 10937},
		},
		"redis": {
			"cloakroom-near/read-100B": {2, 544},
			"cloakroom-near/read-1KB":  {2, 544},
			"cloakroom-near/read-10KB": {2, 544},
		},
	} {
		t.Run(store, func(t *testing.T) {
			o, err := sections.Find(store).Open(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, crowd := range sections.Crowds(o.Sites, sections.Tasks(100, 1000, 10000)) {
				c := measure.NewSerial(crowd)
				limit, limited := limits[c.Key().Name()]
				if !limited {
					continue
				}
				delete(limits, c.Key().Name())
				holdsTo(t, c, limit)
			}
			for name := range limits {
				t.Errorf("%s: there is no such cell", name)
			}
		})
	}
}

func holdsTo(t *testing.T, c *measure.Serial, limit allocated) {
	t.Helper()
	const n = 500
	var before, after runtime.MemStats
	if err := c.Run(50); err != nil { // what the first requests do once
		t.Fatal(err)
	}
	next := c.Next()
	runtime.ReadMemStats(&before)
	for range n {
		next()
	}
	runtime.ReadMemStats(&after)
	if err := c.Verify(n); err != nil {
		t.Fatal(err)
	}
	allocs := int(after.Mallocs-before.Mallocs) / n
	bytes := int(after.TotalAlloc-before.TotalAlloc) / n
	t.Logf("%s: %d allocations, %d bytes", c.Key().Name(), allocs, bytes)
	if allocs > limit.allocs {
		t.Errorf("%s: %d allocations, want at most %d", c.Key().Name(), allocs, limit.allocs)
	}
	if most := limit.bytes + limit.bytes/10; bytes > most {
		t.Errorf("%s: %d bytes allocated, want at most %d", c.Key().Name(), bytes, most)
	}
}
