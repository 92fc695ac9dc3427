package growth

import (
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// Plan says what to measure.
type Plan struct {
	Store   string
	Sizes   []int // numbers of sessions, the smallest first
	Acts    []measure.Act
	Rounds  int
	Each    time.Duration
	Expired int // records that are swept while the largest population is served; 0 is none
}

// Grown is what was measured of one store.
type Grown struct {
	Bytes    map[int]float64 // a session, by the number of sessions
	Sweeping *Sweeping
}

// Measure fills a store of each size, and measures all of them in turn, round after round.
func Measure(t testing.TB, p Plan, results *measure.Results) (*Grown, error) {
	g := &Grown{Bytes: make(map[int]float64)}
	var cells []measure.Cell
	var largest *Population
	for _, size := range p.Sizes {
		population, err := open(t, p.Store)
		if err != nil {
			return nil, err
		}
		if err := population.fill(t.Context(), size); err != nil {
			return nil, err
		}
		g.Bytes[size] = population.BytesPer
		cells = append(cells, population.cells(p.Acts...)...)
		largest = population
	}
	if err := results.Rounds(cells, p.Rounds, p.Each); err != nil {
		return nil, err
	}
	if p.Expired == 0 {
		return g, nil
	}
	var err error
	g.Sweeping, err = sweep(t.Context(), largest, p.Expired, 10*p.Each)
	return g, err
}

// Key is the key of a cell that [Measure] adds.
func Key(store string, act measure.Act, sessions int) measure.Key {
	k := measure.Key{
		Store: store, Library: "cloakroom", Act: act, Payload: Payload, Sessions: sessions,
	}
	if store == "redis" || store == "postgres" {
		k.Clients = serverClients
	}
	return k
}
