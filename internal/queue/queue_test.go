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

// TestLineTurnComesLast: a turn that comes just when its waiter gives up is taken, or it would be
// lost.
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

// TestLineMovedBefore: what a turn moved before a waiter came gives that one no time.
func TestLineMovedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var l Line
		l.Join()
		l.Join()
		l.Leave(true)
		time.Sleep(time.Second / 4)
		turn := l.Join()
		go func() {
			time.Sleep(time.Second / 4)
			mu.Lock()
			defer mu.Unlock()
			l.Leave(false)
		}()
		if left, err := l.Wait(&mu, turn, time.Second); left != 0 || err != nil {
			t.Errorf("%v are left, %v", left, err)
		}
	})
}

// hooked is a lock that first does something else.
type hooked struct {
	sync.Mutex
	before func()
}

func (h *hooked) Lock() {
	h.before()
	h.Mutex.Lock()
}

// TestLineLate: a waiter that notices late that its turn has come has no time left, and not less
// than none.
func TestLineLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Line
		l.Join()
		turn := l.Join()
		go func() {
			time.Sleep(time.Second / 2)
			l.Leave(true)
		}()
		slow := &hooked{before: func() { time.Sleep(time.Hour) }}
		if left, err := l.Wait(slow, turn, time.Second); left != 0 || err != nil {
			t.Errorf("%v are left, %v", left, err)
		}
	})
}

// TestLineTurnComesMeanwhile: a turn that comes while its waiter gives up is taken all the same,
// and no time is left of it.
func TestLineTurnComesMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Line
		l.Join()
		turn, locks := l.Join(), 0
		given := &hooked{before: func() {
			if locks++; locks == 2 { // it has seen that no time is left
				l.Leave(true)
			}
		}}
		if left, err := l.Wait(given, turn, time.Second); left != 0 || err != nil || locks != 2 {
			t.Errorf("%v are left, %v, after %d looks", left, err, locks)
		}
		if !l.Taken() {
			t.Error("the turn is lost")
		}
	})
}
