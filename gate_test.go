package cloakroom

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

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
func newLimit(parent context.Context, d time.Duration, detached bool) *limit {
	return new(watch).newLimit(parent, d, detached)
}

// TestLimit: a context in every respect, whether or not somebody waits for its end.
func TestLimit(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		for _, asked := range []bool{false, true} {
			for _, detached := range []bool{false, true} {
				parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
				l := newLimit(parent, time.Second, detached)
				if asked {
					l.Done()
				}
				if d, ok := l.Deadline(); l.Err() != nil || l.Value(key{}) != "v" || !ok || time.Until(d) != time.Second {
					t.Errorf("asked %v, detached %v: %v, %v, %v", asked, detached, l.Err(), l.Value(key{}), time.Until(d))
				}
				child, stop := context.WithCancel(l)
				cancel()
				time.Sleep(parentEvery)
				synctest.Wait()
				if ended := l.Err() != nil; ended == detached || ended != (child.Err() != nil) {
					t.Errorf("asked %v, detached %v: after the parent's end: %v, child %v", asked, detached, l.Err(), child.Err())
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if l.Err() == nil || child.Err() == nil {
					t.Errorf("asked %v, detached %v: not ended in time", asked, detached)
				}
				stop()
				l.release()
			}
		}
		l := newLimit(t.Context(), time.Second, true)
		time.Sleep(2 * time.Second)
		if !errors.Is(l.Err(), context.DeadlineExceeded) {
			t.Errorf("%v", l.Err())
		}
		l.release()
	})
}

// TestLimitOfCommit: a limit that was a load's is a commit's only while nobody has
// waited for its end, and ends once.
func TestLimitOfCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, asked := range []string{"while loading", "in between", "later", "never"} {
			w := new(watch)
			parent, cancel := context.WithCancel(t.Context())
			l := w.newLimit(parent, time.Second, false)
			var done <-chan struct{}
			if asked == "while loading" {
				done = l.Done()
			}
			l.release()
			if asked == "in between" { // by what the store has left running
				done = l.Done()
			}
			time.Sleep(time.Second / 2)
			if got := l.begin(monotonic()+int64(time.Second), true); got != (done == nil) {
				t.Errorf("asked %s: the commit can have the limit: %v", asked, got)
			} else if !got {
				l.release()
			}
			if asked == "later" {
				done = l.Done()
			}
			cancel()
			time.Sleep(time.Second - 1)
			over := asked == "while loading" || asked == "in between"
			if err := l.Err(); (err != nil) != over || over && done == nil {
				t.Errorf("asked %s: before the end of a commit: %v", asked, err)
			}
			l.release()
			synctest.Wait()
			if done != nil {
				<-done
				if l.Err() == nil {
					t.Errorf("asked %s: ended without an error", asked)
				}
			}
			if len(w.all) != 0 {
				t.Errorf("asked %s: %d limits are watched", asked, len(w.all))
			}
		}
	})
}

// TestAsked: a store may go by when a load or a commit began, unless something was
// waited for since.
func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		l := &limit{watch: new(watch), parent: parent}
		begin := func(detached bool) int64 {
			time.Sleep(time.Second / 4)
			end, now := monotonic()+int64(time.Minute), time.Now().UnixNano()
			if l.wall == 0 {
				l.wall = now - end
			}
			l.begin(end, detached)
			time.Sleep(time.Second / 4)
			return now
		}
		check := func(what string, want int64, failed bool) {
			t.Helper()
			if got, err := l.Asked(); got != want || (err != nil) != failed {
				t.Errorf("%s: asked at %d, want %d; %v", what, got, want, err)
			}
		}
		check("never begun and without a clock", 0, false)
		at := begin(false)
		check("load", at, false)
		l.late()
		check("load that was late", 0, false)
		at = begin(false)
		cancel()
		check("load whose caller is gone", at, true)
		at = begin(true)
		check("commit", at, false)
		l.checkAsked(time.Unix(0, at))
		check("commit by the same clock", at, false)
		for _, d := range []time.Duration{-time.Hour, time.Hour} {
			l.begin(l.end(), true)
			l.checkAsked(time.Unix(0, at).Add(d))
			check("commit after the clock was set", 0, false)
		}
		begin(true)
		l.extend(time.Hour)
		check("commit after a queue", 0, false)
		if d, _ := l.Deadline(); time.Until(d) != time.Hour {
			t.Errorf("%v are left", time.Until(d))
		}
	})
}

// TestWatch: limits end in any order, in time, with their parents, or when they are
// released, and then the timer rests.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(watch)
		parent, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		var ended [4]struct {
			err  error
			took time.Duration
		}
		var wg sync.WaitGroup
		limits := [4]*limit{
			w.newLimit(t.Context(), 3*time.Second, true),
			w.newLimit(parent, 2*time.Second, false),
			w.newLimit(t.Context(), time.Second, true),
			w.newLimit(t.Context(), time.Hour, true),
		}
		for i, l := range limits {
			wg.Go(func() {
				<-l.Done()
				ended[i].err, ended[i].took = l.Err(), time.Since(begun)
			})
			synctest.Wait()
		}
		called := make(chan int, 2)
		limits[0].AfterFunc(func() { called <- 0 })
		stop := limits[0].AfterFunc(func() { called <- 1 })
		if !stop() || stop() {
			t.Error("stop must tell what it stopped, once")
		}
		time.Sleep(time.Second / 2)
		cancel()
		time.Sleep(time.Second)
		limits[3].release()
		limits[3].release()
		wg.Wait()
		for i, want := range []struct {
			err  error
			took time.Duration
		}{
			{context.DeadlineExceeded, 3 * time.Second}, {context.Canceled, time.Second / 2},
			{context.DeadlineExceeded, time.Second}, {context.Canceled, 3 * time.Second / 2},
		} {
			if late := ended[i].took - want.took; !errors.Is(ended[i].err, want.err) || late < 0 || late > parentEvery {
				t.Errorf("limit %d ended after %v with %v, want %v and %v", i, ended[i].took, ended[i].err, want.took, want.err)
			}
		}
		if i := <-called; i != 0 || len(called) > 0 {
			t.Errorf("function %d was called, and %d more", i, len(called))
		}
		limits[0].AfterFunc(func() { called <- 2 })
		if i := <-called; i != 2 {
			t.Errorf("function %d was called", i)
		}
		time.Sleep(time.Minute)
		if w.next != 0 || len(w.all) != 0 {
			t.Errorf("the timer does not rest: next %d, %d limits", w.next, len(w.all))
		}
	})
}

// TestCloseBeforeCookie: somebody may close a session of the middleware while its
// header is being written. The header has the ticket all the same: without one it would
// clear the cookie.
func TestCloseBeforeCookie(t *testing.T) {
	m, err := New(store.Complete(nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ticket := newTicket()
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
