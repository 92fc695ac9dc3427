package measure

import (
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
	} {
		if got := Median(tt.values); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestHistogram(t *testing.T) {
	var one, other histogram
	for i := 1; i <= 1000; i++ {
		h := &one
		if i%2 == 0 {
			h = &other
		}
		h.add(time.Duration(i) * time.Microsecond)
	}
	one.merge(&other)
	one.add(-1) // a clock that went back
	for q, want := range map[float64]float64{0.5: 500e3, 0.9: 900e3, 0.99: 990e3} {
		if got := one.quantile(q); got < want*15/16 || got > want*17/16 {
			t.Errorf("quantile %v: %v, want about %v", q, got, want)
		}
	}
	for _, ns := range []uint64{0, 1, 15, 16, 17, 31, 32, 1000, 1 << 40, 1<<63 - 1} {
		if got := middle(place(ns)); got < float64(ns)*0.96 || got > float64(ns)*1.04+0.5 {
			t.Errorf("%d ns falls into the place of %v", ns, got)
		}
	}
}

func TestRatio(t *testing.T) {
	bare, ours, peer := Key{Library: Bare}, Key{Library: "ours"}, Key{Library: "peer"}
	samples := func(nanos ...float64) (list []Sample) {
		for _, n := range nanos {
			list = append(list, Sample{Nanos: n})
		}
		return list
	}
	var r Results
	r.Append(
		&Result{Key: bare, Bare: bare, Samples: samples(10, 20, 10)},
		&Result{Key: ours, Bare: bare, Samples: samples(110, 220, 60)},
		&Result{Key: peer, Bare: bare, Samples: samples(310, 820, 510)},
	)
	if got, ok := r.Ratio(peer, ours, true); !ok || got != 4 { // 3, 4 and 10
		t.Errorf("net ratio %v, %v", got, ok)
	}
	if got, ok := r.Ratio(peer, bare, false); !ok || got != 41 { // 31, 41 and 51
		t.Errorf("gross ratio %v, %v", got, ok)
	}
	if _, ok := r.Ratio(peer, Key{Library: "none"}, true); ok {
		t.Error("there is a ratio to what was not measured")
	}
	if got := r.Net(ours); got != 100 {
		t.Errorf("net cost %v", got)
	}
}
