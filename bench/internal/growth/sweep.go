package growth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/store"
)

// Sweeping is what requests took before and during a sweep, and how fast the sweep was.
type Sweeping struct {
	Sessions  int             `json:"sessions"` // live ones
	Removed   int             `json:"removed"`
	PerSecond float64         `json:"per_second"`
	Before    measure.Latency `json:"before"`
	During    measure.Latency `json:"during"`
}

// sweepClients is how many clients read at once.
const sweepClients = 4

// sweep adds expired records and removes them while sessions are read. It returns nil if
// the store removes them by itself.
func sweep(
	ctx context.Context, p *Population, expired int, each time.Duration,
) (*Sweeping, error) {
	sweeper := store.Complete(p.kept)
	if _, _, err := sweeper.Sweep(ctx, "", 1); errors.Is(err, errors.ErrUnsupported) {
		return nil, nil //nolint:nilnil // there is nothing to sweep
	}
	if err := p.expire(ctx, expired); err != nil {
		return nil, err
	}
	readers := measure.NewPopulation(p.site(), measure.Read, Payload, p.cookies)
	read := measure.NewTogether(readers, sweepClients)
	if _, err := read.Sample(each / 4); err != nil {
		return nil, err
	}
	before, err := read.Sample(each)
	if err != nil {
		return nil, err
	}
	s := &Sweeping{Sessions: len(p.cookies), Before: before.Latency()}
	var sweeping error
	var took time.Duration
	var done sync.WaitGroup
	done.Go(func() {
		begun := time.Now()
		for cursor := ""; sweeping == nil; {
			var n int
			n, cursor, sweeping = sweeper.Sweep(ctx, cursor, 500)
			s.Removed += n
			if cursor == "" {
				break
			}
		}
		took = time.Since(begun)
	})
	during, err := read.Sample(each)
	done.Wait()
	s.During = during.Latency()
	s.PerSecond = float64(s.Removed) / took.Seconds()
	return s, errors.Join(err, sweeping)
}

// expire creates records that have expired when it returns.
func (p *Population) expire(ctx context.Context, n int) error {
	const life = 2 * time.Second // long enough to be created by any store
	var last time.Time
	for range n {
		id, data := make([]byte, 32), make([]byte, 2*Payload)
		_, _ = rand.Read(id)
		last = time.Now().Add(life)
		r := store.Record{Data: data, Expires: last}
		if _, err := p.kept.Create(ctx, hex.EncodeToString(id), r); err != nil {
			return err
		}
	}
	for time.Now().Before(last.Add(time.Second)) { // a store may keep expiries in steps of a second
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}
