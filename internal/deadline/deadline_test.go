package deadline

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newContext returns a context with a watch of its own.
func newContext(parent context.Context, d time.Duration, detached bool) *Context {
	return new(Watch).New(parent, d, detached)
}

// bubble runs a test in a bubble whose clock shows some hours, as a process's does, and no time
// before its start.
func bubble(t *testing.T, test func(t *testing.T)) {
	outside := epoch
	defer func() { epoch = outside }()
	synctest.Test(t, func(t *testing.T) {
		epoch = time.Now().Add(-5 * time.Hour)
		test(t)
	})
}

// TestContext: a context in every respect, whether or not a goroutine waits for its end.
func TestContext(t *testing.T) {
	type key struct{}
	bubble(t, func(t *testing.T) {
		for _, asked := range []bool{false, true} {
			for _, detached := range []bool{false, true} {
				parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
				l := newContext(parent, time.Second, detached)
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
				l.Release()
			}
		}
		l := newContext(t.Context(), time.Second, true)
		time.Sleep(2 * time.Second)
		if !errors.Is(l.Err(), context.DeadlineExceeded) {
			t.Errorf("%v", l.Err())
		}
		l.Release()
	})
}

// TestArmAgain: a context that was a load's is a commit's only while no goroutine has
// waited for its end, and ends once.
func TestArmAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, asked := range []string{"while loading", "in between", "later", "never"} {
			w := new(Watch)
			parent, cancel := context.WithCancel(t.Context())
			l := w.New(parent, time.Second, false)
			var done <-chan struct{}
			if asked == "while loading" {
				done = l.Done()
			}
			l.Release()
			if asked == "in between" { // by what the store has left running
				done = l.Done()
			}
			time.Sleep(time.Second / 2)
			if got := l.Arm(Now()+int64(time.Second), true); got != (done == nil) {
				t.Errorf("asked %s: the commit can have the limit: %v", asked, got)
			} else if !got {
				l.Release()
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
			l.Release()
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

// TestDetached: what a detached context is asked for leads to no parent's end, and what its parent
// knows besides it knows too.
func TestDetached(t *testing.T) {
	type key struct{}
	reason := errors.New("the reason")
	parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "v"))
	detached, attached := newContext(parent, time.Hour, true), newContext(parent, time.Hour, false)
	defer detached.Release()
	defer attached.Release()
	cancel(reason)
	if err := context.Cause(detached); err != nil || detached.Value(key{}) != "v" {
		t.Errorf("%v, %v", err, detached.Value(key{}))
	}
	over := newContext(parent, -1, true)
	if err := context.Cause(over); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, reason) {
		t.Errorf("its end is its parent's: %v", err)
	}
	if err := context.Cause(attached); !errors.Is(err, reason) || attached.Value(key{}) != "v" {
		t.Errorf("%v, %v", err, attached.Value(key{}))
	}
}

// TestSmall: what a context says of itself, before it is armed and after its end.
func TestSmall(t *testing.T) {
	var c Context
	c.Init(new(Watch), t.Context())
	if c.Armed() || c.Parent() != t.Context() {
		t.Error("armed before its time")
	}
	if c.Arm(Now()-1, true); !c.Armed() {
		t.Error("not armed")
	}
	if at, err := c.Started(); at != 0 || err != nil {
		t.Errorf("a start that was not noted is at %d, %v", at, err)
	}
	if err := c.ErrAt(time.Now()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	called := make(chan struct{})
	if c.AfterFunc(func() { close(called) })() {
		t.Error("what has ended is stopped")
	}
	<-called
	begun := time.Now()
	early, cancel := context.WithDeadline(t.Context(), begun.Add(time.Minute))
	defer cancel()
	for detached, want := range map[bool]time.Duration{false: time.Minute, true: time.Hour} {
		l := newContext(early, time.Hour, detached)
		if at, ok := l.Deadline(); !ok || at.Sub(begun) < want || at.Sub(begun) > want+time.Minute {
			t.Errorf("detached %v: %v, %v", detached, at.Sub(begun), ok)
		}
	}
	later := newContext(early, time.Second, false)
	if at, ok := later.Deadline(); !ok || at.Sub(begun) > 30*time.Second {
		t.Errorf("the parent's is later: %v, %v", at.Sub(begun), ok)
	}
}

// TestRealTime: contexts end by the real clock: each by its own deadline, and also by a parent's
// end, where the timer was set for a later time.
func TestRealTime(t *testing.T) {
	w := new(Watch)
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	long, short := w.New(t.Context(), time.Hour, true), w.New(t.Context(), 20*time.Millisecond, true)
	child := w.New(parent, time.Hour, false)
	defer long.Release()
	long.Done()
	for want, l := range map[error]*Context{context.DeadlineExceeded: short, context.Canceled: child} {
		if l == child {
			cancel()
		}
		select {
		case <-l.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("it does not end: %v", want)
		}
		if err := l.Err(); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if long.Err() != nil {
		t.Error("another one has ended too")
	}
}

// TestErrAndDone: once Err tells of the end, Done has ended too, and so for good.
func TestErrAndDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ended := func(l *Context) bool {
			select {
			case <-l.Done():
				return true
			default:
				return false
			}
		}
		parent, cancel := context.WithCancel(t.Context())
		l := newContext(parent, time.Second, false)
		if ended(l) {
			t.Error("ended before its time")
		}
		cancel() // the watch looks at the parent later
		if ended(l) || !errors.Is(l.Err(), context.Canceled) || !ended(l) {
			t.Errorf("%v, ended %v", l.Err(), ended(l))
		}
		l.Release()
		if time.Sleep(time.Hour); !errors.Is(l.Err(), context.Canceled) {
			t.Errorf("the reason becomes %v", l.Err())
		}
	})
}

// TestStarted: a store may go by when a load or a commit began, unless something was
// waited for since.
func TestStarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		l := &Context{watch: new(Watch), parent: parent}
		begin := func(detached bool) int64 {
			time.Sleep(time.Second / 4)
			end, now := Now()+int64(time.Minute), time.Now().UnixNano()
			if l.wall == 0 {
				l.NoteStart(time.Unix(0, now), end)
			}
			l.Arm(end, detached)
			time.Sleep(time.Second / 4)
			return now
		}
		check := func(what string, want int64, failed bool) {
			t.Helper()
			if got, err := l.Started(); got != want || (err != nil) != failed {
				t.Errorf("%s: asked at %d, want %d; %v", what, got, want, err)
			}
		}
		check("never begun and without a clock", 0, false)
		at := begin(false)
		check("load", at, false)
		l.Stale()
		check("load that was late", 0, false)
		at = begin(false)
		cancel()
		check("load whose caller is gone", at, true)
		at = begin(true)
		check("commit", at, false)
		l.CheckStart(time.Unix(0, at))
		check("commit by the same clock", at, false)
		for _, d := range []time.Duration{-time.Hour, time.Hour} {
			l.Arm(l.end(), true)
			l.CheckStart(time.Unix(0, at).Add(d))
			check("commit after the clock was set", 0, false)
		}
		begin(true)
		l.Extend(time.Hour)
		check("commit after a queue", 0, false)
		l.Extend(time.Second) // which is no extension
		if d, _ := l.Deadline(); time.Until(d) != time.Hour {
			t.Errorf("%v are left", time.Until(d))
		}
	})
}

// TestWatch: limits end in any order, in time, with their parents, or when they are
// released, and then the timer rests.
func TestWatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := new(Watch)
		parent, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		var ended [4]struct {
			err  error
			took time.Duration
		}
		var wg sync.WaitGroup
		limits := [4]*Context{
			w.New(t.Context(), 3*time.Second, true),
			w.New(parent, 2*time.Second, false),
			w.New(t.Context(), time.Second, true),
			w.New(t.Context(), time.Hour, true),
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
		limits[3].Release()
		limits[3].Release()
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

// TestEachEnds: the end of one context takes no other one out of the watch.
func TestEachEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := new(Watch)
		begun := time.Now()
		var limits []*Context
		for i := range 3 {
			l := w.New(t.Context(), time.Duration(i+1)*time.Second, true)
			l.Done()
			limits = append(limits, l)
		}
		for i, l := range limits {
			<-l.Done()
			if took := time.Since(begun); took != time.Duration(i+1)*time.Second {
				t.Errorf("limit %d ends after %v", i, took)
			}
		}
	})
}

// wakes returns when the timer fires, or 0.
func (w *Watch) wakes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next
}

// TestTimerRests: the timer wakes for a parent only where that can end, and for a deadline in time.
func TestTimerRests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		for name, test := range map[string]struct {
			parent   context.Context
			detached bool
			limit    time.Duration
			wakes    time.Duration
		}{
			"a parent that cannot end":  {context.Background(), false, time.Minute, time.Minute},
			"detached":                  {parent, true, time.Minute, time.Minute},
			"a parent that can end":     {parent, false, time.Minute, parentEvery},
			"a deadline that is before": {parent, false, parentEvery / 4, parentEvery / 4},
		} {
			w := new(Watch)
			begun := Now()
			l := w.New(test.parent, test.limit, test.detached)
			l.Done()
			if wakes := time.Duration(w.wakes() - begun); wakes != test.wakes {
				t.Errorf("%s: it wakes after %v", name, wakes)
			}
			if <-l.Done(); Now()-begun != int64(test.limit) {
				t.Errorf("%s: it ends after %v", name, time.Duration(Now()-begun))
			}
		}
	})
}

// TestTimerFiresOften: where the timer fires twice, or early, since it was set again while it
// fired, nothing ends sooner or later for that.
func TestTimerFiresOften(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := new(Watch)
		w.look()
		begun := Now()
		l := w.New(t.Context(), time.Second, true)
		l.Done()
		if w.look(); l.Err() != nil {
			t.Error("it has ended before its time")
		}
		if <-l.Done(); Now()-begun != int64(time.Second) {
			t.Errorf("it ends after %v", time.Duration(Now()-begun))
		}
		if w.look(); w.wakes() != 0 {
			t.Error("the timer does not rest")
		}
	})
}

// TestAwaitedAtOnce: goroutines that begin to wait at once wait for one end.
func TestAwaitedAtOnce(t *testing.T) {
	w := new(Watch)
	l := w.New(t.Context(), time.Hour, true)
	const waiters = 4
	ends := make(chan (<-chan struct{}), waiters)
	w.mu.Lock()
	for range waiters {
		go func() { ends <- l.Done() }()
	}
	stacks := make([]byte, 1<<20)
	for blocked := 0; blocked < waiters; runtime.Gosched() {
		blocked = bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("(*Context).await("))
	}
	w.mu.Unlock()
	for range waiters {
		if <-ends != l.Done() || len(w.all) != 1 {
			t.Errorf("one waits for another end; %d are watched", len(w.all))
		}
	}
	l.Release()
}

func BenchmarkContext(b *testing.B) {
	var w Watch
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.New(context.Background(), time.Second, false).Release()
		}
	})
	b.Run("awaited", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l := w.New(context.Background(), time.Second, false)
			l.Done()
			l.Release()
		}
	})
}
