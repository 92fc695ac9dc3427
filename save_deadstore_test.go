package cloakroom_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// TestDeadStore: a store that does not answer costs a request the time limit, once, and
// the ones that queue behind it no more.
func TestDeadStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.set(a, "1")
		hang := make(chan struct{})
		s.store.intercept(func(op, _ string, do func() error) error {
			if op == "replace" {
				<-hang
				return context.DeadlineExceeded
			}
			return do()
		})
		time.AfterFunc(1500*time.Millisecond, func() { close(hang) })
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 50 {
			tab := tab.other()
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				w := tab.do(setting(a, "2"))
				if took := time.Since(start); w.Code != 503 || took > 2*time.Second {
					t.Errorf("status %d after %v", w.Code, took)
				}
			})
		}
		wg.Wait()
		s.store.intercept(nil)
		if v := tab.value(a); v != "1" {
			t.Errorf("value %q", v)
		}
	})
}

// TestSlowQueue: a queue that moves is no failure, however long it is.
func TestSlowQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, cloakroom.Options{})
		tab := s.browser()
		tab.do(incrementing)
		s.store.intercept(func(op, _ string, do func() error) error {
			if op == "replace" {
				time.Sleep(100 * time.Millisecond)
			}
			return do()
		})
		var wg sync.WaitGroup
		for range 100 { // ten seconds of work
			tab := tab.other()
			wg.Go(func() {
				if w := tab.do(incrementing); w.Code != 200 {
					t.Errorf("status %d", w.Code)
				}
			})
		}
		wg.Wait()
		s.store.intercept(nil)
		if n := tab.count(); n != 101 {
			t.Errorf("count %d, want 101", n)
		}
	})
}

// TestStarvation: who always loses the race gets a clear error in bounded time, and
// nothing of it is stored.
func TestStarvation(t *testing.T) {
	s := newSite(t, cloakroom.Options{Timeout: 100 * time.Millisecond})
	tab := s.browser()
	tab.do(incrementing)
	s.store.intercept(func(op, _ string, do func() error) error {
		if op == "replace" {
			return cloakroom.ErrConflict
		}
		return do()
	})
	w := tab.do(incrementing)
	s.store.intercept(nil)
	if w.Code != 503 || tab.count() != 1 || !strings.Contains(s.log.String(), cloakroom.ErrConflict.Error()) {
		t.Errorf("status %d, count %d\n%s", w.Code, tab.count(), s.log)
	}
}

// TestFailedTouch: it is reported, and is no failure of the request.
func TestFailedTouch(t *testing.T) {
	s := newSite(t, cloakroom.Options{})
	tab := s.browser()
	tab.set(a, "1")
	s.clock.advance(10 * time.Minute)
	s.store.once("touch", notApplied)
	if w := tab.do(getting(a)); w.Code != 200 || s.log.count("touch failed") != 1 {
		t.Errorf("status %d\n%s", w.Code, s.log)
	}
}
