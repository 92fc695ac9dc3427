package cloakroom

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

func newGates() *gates {
	g := new(gates)
	g.init()
	return g
}

// TestGateOrder: the turn goes to whoever waits longest, and a gate that nobody uses is gone.
func TestGateOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGates()
		l := newLimit(t.Context(), time.Minute, true)
		first, err := g.enter(l, "id", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				at, err := g.enter(newLimit(t.Context(), time.Minute, true), "id", time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i) // the turn guards it
				at.leave(nil, 0)
			})
			synctest.Wait()
		}
		first.leave(nil, 0)
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
		for i := range g.buckets {
			if g.buckets[i].first != nil {
				t.Error("a gate is left")
			}
		}
	})
}

// TestGateTimeout: a waiter gives up when nothing went forward for as long as it was
// told, not before.
func TestGateTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGates()
		holder, err := g.enter(newLimit(t.Context(), time.Hour, true), "id", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		done := make(chan error)
		var next *gate
		for i := range 2 {
			go func() {
				at, err := g.enter(newLimit(t.Context(), time.Second, true), "id", time.Second)
				if i == 0 {
					next = at // and keep the turn
				}
				done <- err
			}()
			synctest.Wait()
		}
		time.Sleep(900 * time.Millisecond)
		holder.leave(&state{}, g.tick()) // something went forward
		if err := <-done; err != nil || time.Since(start) != 900*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 1900*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		next.leave(nil, 0)
		if _, err := g.enter(newLimit(t.Context(), time.Second, true), "id", time.Second); err != nil {
			t.Errorf("the gate is stuck: %v", err)
		}
	})
}

// TestGateHandsOver: the next in line gets what the one before committed, and its time
// limit anew.
func TestGateHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGates()
		holder, err := g.enter(newLimit(t.Context(), time.Second, true), "id", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(900 * time.Millisecond)
			holder.leave(&state{id: "committed"}, g.tick())
		}()
		time.Sleep(time.Millisecond)
		l := newLimit(t.Context(), time.Second, true)
		at, err := g.enter(l, "id", time.Second)
		if err != nil || at.latest == nil || at.latest.id != "committed" || at.tick == 0 {
			t.Fatalf("%v, got %v", err, at.latest)
		}
		if d, ok := l.Deadline(); !ok || time.Until(d) < 990*time.Millisecond {
			t.Errorf("%v are left for the commit", time.Until(d))
		}
		at.leave(nil, 0)
	})
}

// newLimit returns a limit with a watch of its own.
func newLimit(parent context.Context, d time.Duration, detached bool) *deadline.Context {
	return new(deadline.Watch).New(parent, d, detached)
}

// TestCloseBeforeCookie: somebody may close a session of the middleware while its
// header is being written. The header has the ticket all the same: without one it would
// clear the cookie.
func TestCloseBeforeCookie(t *testing.T) {
	m, err := New(store.Complete(nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ticket := ticket.New()
	var s Session
	s.open(t.Context(), m, &exchange{m: m}, tickets{first: ticket, sent: 1})
	s.cookie = cookieSet
	s.Close()
	if c := s.cookieLocked(); c == nil || c.Value != ticket {
		t.Error("the cookie is not that of the session")
	}
	s.close()
	if s.body != &nobody {
		t.Error("what is finished keeps its memory")
	}
}
