package cloakroom

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// limit is a context that ends at a deadline of its own. Until somebody asks for Done it costs
// nothing: a store in this process never does. Then it joins the others of its watch.
type limit struct {
	watch   *watch
	parent  context.Context
	word    atomic.Int64           // four times its end, and the bits below
	awaited atomic.Pointer[waited] // once somebody asked for Done
	// from the end to when the limit began, as nanoseconds since 1970; zero if that is
	// not known
	wall int64
}

// The lower bits of a limit's word.
const (
	limitDetached = 1 << iota // the parent's cancellation does not end it
	limitLate                 // when it began says nothing any more

	limitBits = iota
)

// waited is what a limit needs once somebody waits for its end.
type waited struct {
	done chan struct{}

	// Guarded by the watch.
	at    int      // where the watch has it, -1 when that is over
	err   error    // why it has ended
	after []func() // to be called when it ends; what was called off is nil
}

// watch ends limits in time, all of them by one timer: a timer and a derived context
// for each call of a store would cost as much as a fast server's answer. The timer is
// at rest when nobody waits.
type watch struct {
	mu    sync.Mutex
	all   []*limit
	next  int64 // when the timer comes, by the monotonic clock; 0 while it is at rest
	timer *time.Timer
}

// parentEvery is how often parents of limits are looked at: a cancelled one ends its
// limits so much later at most.
const parentEvery = 20 * time.Millisecond

// newLimit returns a context that ends after d, or, when it is not detached, with its parent.
func (w *watch) newLimit(parent context.Context, d time.Duration, detached bool) *limit {
	l := &limit{watch: w, parent: parent}
	l.begin(monotonic()+int64(d), detached)
	return l
}

// begin sets when a limit ends that is part of something else, by monotonic. It may be
// called for a load, and once more for a commit, which reports whether that can have
// the limit: not once somebody has waited for its end, since a context ends once. What
// a store has left running of the load may go on with the commit then.
func (l *limit) begin(end int64, detached bool) bool {
	word := end << limitBits
	if detached {
		word |= limitDetached
	}
	l.word.Store(word) // first: who waits from now on waits for this end
	return l.awaited.Load() == nil
}

// begun reports whether begin was called.
func (l *limit) begun() bool { return l.word.Load() != 0 }

// end returns when the limit ends, in nanoseconds on the monotonic clock.
func (l *limit) end() int64 { return l.word.Load() >> limitBits }

// detached reports whether the parent's cancellation does not end it.
func (l *limit) detached() bool { return l.word.Load()&limitDetached != 0 }

var epoch = time.Now()

// monotonic costs half of what time.Now does, which also asks for the time of day.
func monotonic() int64 { return int64(time.Since(epoch)) }

// check returns why l has ended by now, or nil.
func (l *limit) check(now int64) error {
	if !l.detached() {
		if err := l.parent.Err(); err != nil {
			return err
		}
	}
	if now >= l.end() {
		return context.DeadlineExceeded
	}
	return nil
}

// late makes [limit.Asked] say nothing: since the limit began, something was waited for.
func (l *limit) late() { l.word.Or(limitLate) }

// checkAsked makes [limit.Asked] say nothing where it would say another time than now,
// when the limit has just begun once more: the clock was set since it first began, or
// the machine slept.
func (l *limit) checkAsked(now time.Time) {
	if off := l.wall + l.end() - now.UnixNano(); off < -int64(time.Millisecond) || off > int64(time.Millisecond) {
		l.late()
	}
}

// extend makes a limit end d from now, if that is later.
func (l *limit) extend(d time.Duration) {
	before := l.word.Load()
	l.word.Store(max(before, (monotonic()+int64(d))<<limitBits|before&limitDetached) | limitLate)
}

// release ends the limit, if anybody waits for that.
func (l *limit) release() {
	if a := l.awaited.Load(); a != nil {
		l.watch.mu.Lock()
		defer l.watch.mu.Unlock()
		l.finish(a, context.Canceled)
	}
}

// finish ends the limit, unless that was done. The watch is held.
func (l *limit) finish(a *waited, err error) {
	if a.at < 0 {
		return
	}
	all := l.watch.all
	last := len(all) - 1
	all[last].awaited.Load().at = a.at
	all[a.at], all[last] = all[last], nil
	l.watch.all = all[:last]
	a.at, a.err = -1, err
	close(a.done)
	for _, f := range a.after {
		if f != nil {
			go f()
		}
	}
	a.after = nil
}

// await makes the limit one that somebody waits for.
func (l *limit) await() *waited {
	if a := l.awaited.Load(); a != nil {
		return a
	}
	w := l.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := l.awaited.Load(); a != nil {
		return a
	}
	a := &waited{done: make(chan struct{}), at: len(w.all)}
	w.all = append(w.all, l)
	l.awaited.Store(a)
	now := monotonic()
	if err := l.check(now); err != nil {
		l.finish(a, err)
	} else {
		w.wake(l.comes(now), now)
	}
	return a
}

// comes returns when l is to be looked at next.
func (l *limit) comes(now int64) int64 {
	end := l.end()
	if !l.detached() && l.parent.Done() != nil {
		return min(end, now+int64(parentEvery))
	}
	return end
}

// wake makes the timer come at a time, or earlier. The watch is held.
func (w *watch) wake(at, now int64) {
	if w.next != 0 && w.next <= at {
		return
	}
	w.next = at
	if w.timer == nil {
		w.timer = time.AfterFunc(time.Duration(at-now), w.look)
	} else {
		w.timer.Reset(time.Duration(at - now))
	}
}

// look ends the limits whose time has come.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := monotonic()
	if w.next == 0 || w.next > now { // it was set anew while it went off
		if w.next != 0 {
			w.timer.Reset(time.Duration(w.next - now))
		}
		return
	}
	w.next = 0
	// what is finished gives its place to one that was looked at
	for i := len(w.all) - 1; i >= 0; i-- {
		l := w.all[i]
		if err := l.check(now); err != nil {
			l.finish(l.awaited.Load(), err)
		} else {
			w.wake(l.comes(now), now)
		}
	}
}

// Deadline is the earlier of the limit's own and the parent's.
func (l *limit) Deadline() (time.Time, bool) {
	own := epoch.Add(time.Duration(l.end()))
	if !l.detached() {
		if d, ok := l.parent.Deadline(); ok && d.Before(own) {
			return d, true
		}
	}
	return own, true
}

func (l *limit) Done() <-chan struct{} { return l.await().done }

func (l *limit) Err() error { return l.errAt(monotonic()) }

// ErrAt is Err for a store that has just called [time.Now], as memstore has.
func (l *limit) ErrAt(now time.Time) error { return l.errAt(int64(now.Sub(epoch))) }

// Asked returns when the core began the load or the commit that this is the limit of,
// in nanoseconds since 1970, and why its caller does not want it any more, if so. Zero
// says nothing. It is for memstore: what has been held up may go by the time at which
// it was asked for, and looking at the clock once more would be a quarter of a load.
func (l *limit) Asked() (nanos int64, err error) {
	word := l.word.Load()
	if l.wall == 0 || word&limitLate != 0 {
		return 0, nil
	}
	if word&limitDetached == 0 {
		err = l.parent.Err()
	}
	return l.wall + word>>limitBits, err
}

func (l *limit) errAt(now int64) error {
	a := l.awaited.Load()
	if a == nil {
		return l.check(now)
	}
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	if a.at >= 0 {
		if err := l.check(now); err != nil {
			l.finish(a, err) // so that Done agrees
		}
	}
	return a.err
}

// AfterFunc is what package context looks for, to derive from a context that is not its
// own without a goroutine.
func (l *limit) AfterFunc(f func()) (stop func() bool) {
	a := l.await()
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	if a.at < 0 {
		go f()
		return func() bool { return false }
	}
	i := len(a.after)
	a.after = append(a.after, f)
	return func() bool {
		l.watch.mu.Lock()
		defer l.watch.mu.Unlock()
		if a.at < 0 || a.after[i] == nil {
			return false
		}
		a.after[i] = nil
		return true
	}
}

// Value implements [context.Context]. Where it leads package context to a parent's
// cancellation, that is not taken for the limit's own, since its channel is another.
func (l *limit) Value(key any) any {
	if l.detached() {
		return context.WithoutCancel(l.parent).Value(key)
	}
	return l.parent.Value(key)
}
