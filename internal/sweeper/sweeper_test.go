package sweeper_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/sweeper"
)

// pages is a store that takes three calls to sweep, and notes them.
type pages struct {
	err error

	mu      sync.Mutex
	cursors []string
	failed  int
}

// seen returns the cursors of the calls, and how many failures were reported.
func (p *pages) seen() (cursors []string, failed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.cursors), p.failed
}

func (p *pages) config() sweeper.Config {
	return sweeper.Config{
		Batch: 7,
		Failed: func(error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.failed++
		},
		Sweep: func(_ context.Context, cursor string, limit int) (int, string, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.cursors = append(p.cursors, cursor)
			return limit, map[string]string{"": "a", "a": "b"}[cursor], p.err
		},
	}
}

// By the clock, a pass is all pages, and comes again, and none comes after Stop.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pages
		var w sweeper.Sweeper
		c := p.config()
		c.Interval = time.Minute
		w.Start(c)
		for passes := 1; passes <= 2; passes++ {
			time.Sleep(73 * time.Second) // up to a fifth later, and the pauses between pages
			synctest.Wait()
			got, _ := p.seen()
			if len(got) < 3*passes || !slices.Equal(got[:3], []string{"", "a", "b"}) {
				t.Errorf("after %d intervals it called for %q", passes, got)
			}
		}
		w.Stop()
		before, _ := p.seen()
		time.Sleep(time.Hour)
		if got, _ := p.seen(); len(got) != len(before) {
			t.Error("it sweeps after Stop")
		}
		w.Stop()
	})
}

// By requests, a pass begins once in so many, one at a time, and goes on after a failure.
func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pages{err: errors.New("stuck")}
		var w sweeper.Sweeper
		c := p.config()
		c.Every = 1
		w.Start(c)
		w.Request()
		w.Request()
		time.Sleep(time.Second)
		synctest.Wait()
		if got, failed := p.seen(); len(got) != 3 || failed != 3 {
			t.Errorf("called for %q, %d failures", got, failed)
		}
		w.Stop()
		w.Request()
		time.Sleep(time.Second)
		if got, _ := p.seen(); len(got) != 3 {
			t.Error("it sweeps after Stop")
		}
	})
}

// The zero value never sweeps.
func TestNever(t *testing.T) {
	var w sweeper.Sweeper
	w.Request()
	w.Stop()
}
