package memstore_test

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

var abilities = []storetest.Ability{storetest.Moves, storetest.Owners, storetest.Lists, storetest.Sweeps}

func TestConformance(t *testing.T) {
	c := newClock()
	storetest.Run(t, storetest.Config{
		Abilities: abilities,
		Advance:   c.advance,
		Now:       c.now,
		Open:      func(t testing.TB) store.Store { return open(t, memstore.Options{Now: c.now}) },
		Precision: time.Nanosecond,
	})
}

// By the real clock, and with a background sweep going on.
func TestConformanceRealTime(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Abilities: abilities,
		Open: func(t testing.TB) store.Store {
			return open(t, memstore.Options{SweepEvery: 5 * time.Millisecond, MaxRecords: 1_000_000})
		},
		Precision: time.Nanosecond,
	})
}

func open(t testing.TB, opts memstore.Options) *memstore.Store {
	s, err := memstore.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(t testing.TB) store.Store { return open(t, memstore.Options{}) })
}
