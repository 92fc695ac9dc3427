package sections

import (
	"context"
	"fmt"
	"sync"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// The increments that [Increments] makes.
const (
	goroutines = 100
	increments = 1000
)

// Increments adds one to one value of one session 1,000 times, from 100 goroutines, and
// returns how many calls the store got for each. A request that fails or is lost is an
// error.
func Increments(ctx context.Context, store store.Store) (float64, error) {
	const visits = cloakroom.Key[int]("visits")
	counting := countstore.New(store)
	m, err := cloakroom.New(counting, cloakroom.Options{})
	if err != nil {
		return 0, err
	}
	first := m.Open(ctx, "")
	defer first.Close()
	visits.Set(first, 0)
	if err := first.Save(); err != nil {
		return 0, err
	}
	ticket := first.Cookie().Value
	before := counting.Stats()
	errs := make([]error, goroutines)
	var done sync.WaitGroup
	for i := range goroutines {
		done.Go(func() {
			for range increments / goroutines {
				s := m.Open(ctx, ticket)
				_, err := visits.UpdateNow(s, func(n int) int { return n + 1 })
				s.Close()
				if err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	done.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	after := counting.Stats()
	calls := after.Loads - before.Loads + after.Replaces - before.Replaces +
		after.Touches - before.Touches + after.Creates - before.Creates
	last := m.Open(ctx, ticket)
	defer last.Close()
	if got, _, err := visits.Lookup(last); err != nil || got != increments {
		return 0, fmt.Errorf("%d increments counted to %d: %w", increments, got, err)
	}
	return float64(calls) / increments, nil
}
