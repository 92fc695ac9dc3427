package sweeper_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/sweeper"
)

// pages is a store that takes three calls to sweep, and notes them.
type pages struct {
	cursors []string
	failed  []error
	err     error
}

func (p *pages) config() sweeper.Config {
	return sweeper.Config{
		Batch:  7,
		Failed: func(err error) { p.failed = append(p.failed, err) },
		Sweep: func(_ context.Context, cursor string, limit int) (int, string, error) {
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
			if len(p.cursors) < 3*passes || p.cursors[0] != "" || p.cursors[1] != "a" || p.cursors[2] != "b" {
				t.Errorf("after %d intervals it called for %q", passes, p.cursors)
			}
		}
		w.Stop()
		before := len(p.cursors)
		time.Sleep(time.Hour)
		if len(p.cursors) != before {
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
		if len(p.cursors) != 3 || len(p.failed) != 3 {
			t.Errorf("called for %q, %d failures", p.cursors, len(p.failed))
		}
		w.Stop()
		w.Request()
		time.Sleep(time.Second)
		if len(p.cursors) != 3 {
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
