package memstore_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// What does a session cost beyond its data? At most 210 bytes, its id of 64 bytes included, at
// sizes between which the indexes and heaps have grown differently.
func TestMemoryPerSession(t *testing.T) {
	if testing.Short() {
		t.Skip("fills the store with up to a million sessions")
	}
	for _, n := range []int{200_000, 500_000, 1_000_000} {
		s, err := memstore.New(memstore.Options{SweepEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		fill(t, s, n)
		each := float64(heap()-before) / float64(n)
		t.Logf("%d sessions: %.0f bytes each", n, each)
		if each > 210 {
			t.Errorf("%d sessions: %.0f bytes each, want at most 210", n, each)
		}
		s.Close()
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func fill(tb testing.TB, s *memstore.Store, n int) {
	data := []byte("shared by all")
	now := time.Now().Add(time.Hour)
	for i := range n {
		if _, err := s.Create(tb.Context(), id(i), store.Record{Data: data, Expires: now.Add(time.Duration(i))}); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestAllocations(t *testing.T) {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, 1000)
	ctx := t.Context()
	k := id(7)
	r, _ := s.Load(ctx, k)
	for _, tt := range []struct {
		op   string
		want float64
		run  func()
	}{
		{"load", 0, func() { _, err = s.Load(ctx, k) }},
		{"touch", 0, func() { err = s.Touch(ctx, k, r, r.Expires) }},
		{"replace", 1, func() { r.Version, err = s.Replace(ctx, k, r, r) }},
	} {
		if got := testing.AllocsPerRun(100, tt.run); got > tt.want || err != nil {
			t.Errorf("%s: %v allocations, want at most %v; %v", tt.op, got, tt.want, err)
		}
	}
}

// Does the cost of an operation depend on how many sessions there are?
func BenchmarkBySize(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		s, err := memstore.New(memstore.Options{SweepEvery: -1})
		if err != nil {
			b.Fatal(err)
		}
		fill(b, s, n)
		ctx := b.Context()
		ids := make([]string, 512)
		for i := range ids {
			ids[i] = id(i * n / len(ids))
		}
		run := func(op string, f func(k string) error) {
			b.Run(fmt.Sprintf("%s/sessions=%d", op, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if err := f(ids[i%len(ids)]); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
		run("load", func(k string) error { _, err := s.Load(ctx, k); return err })
		run("replace", func(k string) error {
			r, err := s.Load(ctx, k)
			if err == nil {
				_, err = s.Replace(ctx, k, r, r)
			}
			return err
		})
		later := time.Now().Add(2 * time.Hour)
		run("touch", func(k string) error { return s.Touch(ctx, k, store.Record{}, later) })
		run("delete and create", func(k string) error {
			r, _ := s.Load(ctx, k)
			if err := s.Delete(ctx, k, r); err != nil {
				return err
			}
			_, err := s.Create(ctx, k, r)
			return err
		})
		s.Close()
	}
}

// How much do goroutines get in each other's way?
func BenchmarkLoadParallel(b *testing.B) {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fill(b, s, 10_000)
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = id(i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Load(b.Context(), keys[i%len(keys)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
