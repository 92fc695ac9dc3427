package queue

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLine: turns come in order, and Taken tells whether a goroutine has one.
func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var l Line
		if l.Taken() || l.Join() != nil || !l.Taken() {
			t.Fatal("the first does not get the turn at once")
		}
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				mu.Lock()
				turn := l.Join()
				mu.Unlock()
				if _, err := l.Wait(&mu, turn, time.Minute); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				if next := l.Leave(true); next != (i < 4) {
					t.Errorf("turn %d: a next one: %v", i, next)
				}
				mu.Unlock()
			})
			synctest.Wait()
		}
		mu.Lock()
		l.Leave(false)
		mu.Unlock()
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
		if l.Taken() || l.Leave(false) {
			t.Error("the line is not free in the end")
		}
	})
}

// TestLineGivesUp: a waiter gives up when for as long as it was told nothing moved, and
// only then. A turn that ends without having moved anything is given on, and resets no
// waiter's time.
func TestLineGivesUp(t *testing.T) {
	for moved, want := range map[bool]time.Duration{true: 1600 * time.Millisecond, false: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var l Line
			l.Join()
			start := time.Now()
			first, second := l.Join(), l.Join()
			go func() {
				time.Sleep(600 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				l.Leave(moved)
			}()
			left, err := l.Wait(&mu, first, time.Second)
			wantLeft := time.Duration(0)
			if moved {
				wantLeft = time.Second
			}
			if err != nil || left != wantLeft {
				t.Errorf("moved %v: %v left, %v", moved, left, err)
			}
			// The time of the second counts from now.
			if _, err := l.Wait(&mu, second, 400*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("moved %v: %v", moved, err)
			}
			if took := time.Since(start); took > want {
				t.Errorf("moved %v: gave up after %v", moved, took)
			}
			mu.Lock()
			if l.Leave(true) || l.Taken() {
				t.Error("one that gave up is still in line")
			}
			mu.Unlock()
		})
	}
}

// TestLineTurnComesLast: a turn that comes just when its waiter gives up is taken, or it would be lost.
func TestLineTurnComesLast(t *testing.T) {
	var mu sync.Mutex
	var l Line
	l.Join()
	first, second := l.Join(), l.Join()
	l.Leave(true)
	if l.cancel(&mu, first) {
		t.Error("the turn that came is lost")
	}
	if !l.cancel(&mu, second) || l.cancel(&mu, second) {
		t.Error("one that waits cannot give up, or twice")
	}
	if l.Leave(true) || l.Taken() {
		t.Error("one that gave up has the turn")
	}
}
