package queue

import (
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newQueue() *ByID[string] {
	q := new(ByID[string])
	q.Init(func(s *string) { *s += ", kept" })
	return q
}

// TestByIDOrder: the turn goes to the one that has waited longest, other ids wait for
// nothing, and the line of an id that is not in use is gone.
func TestByIDOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		first, left, err := q.Enter("id", time.Minute)
		if err != nil || left != 0 || first.Waited() {
			t.Fatal(left, err)
		}
		other, _, err := q.Enter("another", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		q.Leave(other, nil, 0)
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				turn, _, err := q.Enter("id", time.Minute)
				if err != nil || !turn.Waited() {
					t.Errorf("waited %v, %v", turn.Waited(), err)
					return
				}
				order = append(order, i) // the turn guards it
				q.Leave(turn, nil, 0)
			})
			synctest.Wait()
		}
		q.Leave(first, nil, 0)
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("order %v", order)
			}
		}
		for i := range q.buckets {
			if q.buckets[i].first != nil {
				t.Error("a line is left")
			}
		}
		again, _, _ := q.Enter("id", time.Minute)
		if state, tick := again.Latest(); state != nil || tick != 0 || again.Waited() {
			t.Error("a line that is used again has a past")
		}
	})
}

// TestByIDNeighbours: ids whose turns lie in one list wait for each other no more than any others,
// and the end of one leaves the other in its place.
func TestByIDNeighbours(t *testing.T) {
	q := newQueue()
	at := func(id string) uint64 { return maphash.String(q.seed, id) % uint64(len(q.buckets)) }
	ids := []string{"id"}
	for i := 0; len(ids) < 3; i++ {
		if id := strconv.Itoa(i); at(id) == at("id") {
			ids = append(ids, id)
		}
	}
	var turns []*Turn[string]
	for _, id := range ids {
		turn, left, err := q.Enter(id, time.Second)
		if err != nil || left != 0 || turn.Waited() {
			t.Fatalf("it waits for its neighbour: %v, %v", left, err)
		}
		turns = append(turns, turn)
	}
	q.Leave(turns[1], nil, 0)
	for _, id := range []string{ids[0], ids[2]} {
		if _, _, err := q.Enter(id, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a turn that is taken: %v", err)
		}
	}
	again, _, err := q.Enter(ids[1], time.Minute)
	if err != nil || again.Waited() {
		t.Errorf("a turn that is free: %v", err)
	}
}

// TestByIDAlone: a turn that none waits for costs no memory, and its state is not kept.
func TestByIDAlone(t *testing.T) {
	q := newQueue()
	q.keep = func(*string) { t.Error("a state is kept that none waits for") }
	state := "committed"
	allocs := testing.AllocsPerRun(100, func() {
		turn, _, err := q.Enter("id", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		q.Leave(turn, &state, q.Tick())
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestByIDTimeout: a waiter gives up when nothing moved for as long as it was told, not before.
func TestByIDTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		holder, _, err := q.Enter("id", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		done := make(chan error)
		var next *Turn[string]
		for i := range 2 {
			go func() {
				turn, _, err := q.Enter("id", time.Second)
				if i == 0 {
					next = turn // and keep the turn
				}
				done <- err
			}()
			synctest.Wait()
		}
		time.Sleep(900 * time.Millisecond)
		q.Leave(holder, new(string), q.Tick()) // something moved
		if err := <-done; err != nil || time.Since(start) != 900*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		err = <-done
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) ||
			took != 1900*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		q.Leave(next, nil, 0)
		if _, _, err := q.Enter("id", time.Second); err != nil {
			t.Errorf("the line is stuck: %v", err)
		}
	})
}

// TestByIDHandsOver: the next in line gets a copy of what the one before left, and all
// of its time since then.
func TestByIDHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		holder, _, err := q.Enter("id", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		began := q.Tick()
		go func() {
			time.Sleep(900 * time.Millisecond)
			state := "committed"
			q.Leave(holder, &state, began)
		}()
		time.Sleep(time.Millisecond)
		turn, left, err := q.Enter("id", time.Second)
		state, tick := turn.Latest()
		if err != nil || state == nil || *state != "committed, kept" || tick != began {
			t.Fatalf("%v at %d, %v", state, tick, err)
		}
		if left < 990*time.Millisecond {
			t.Errorf("%v are left", left)
		}
		q.Leave(turn, nil, 0)
	})
}
