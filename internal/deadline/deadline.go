// Package deadline makes contexts that end at a deadline and cost nothing until a
// goroutine waits for that end: a timer and a derived context for each call of a store
// would cost as much as a fast server's answer. It knows time and contexts, and nothing
// of stores or sessions.
package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Context is a context that ends at its own deadline and, unless it is detached, with
// its parent. Make one with [Watch.New], or embed one and call Init and Arm. Once Done
// was called it joins the others of its watch; a store in this process never calls
// Done.
type Context struct {
	watch   *Watch
	parent  context.Context
	word    atomic.Int64           // four times the deadline, and the bits below
	awaited atomic.Pointer[waited] // set by the first call of Done

	// wall is what, added to the deadline, gives the start in nanoseconds since 1970.
	// It is zero if that is not known.
	wall int64
}

// The lower bits of a Context's word.
const (
	bitDetached = 1 << iota // the parent's cancellation does not end it
	bitStale                // its start says nothing any more

	bits = iota
)

// waited is what a Context needs once a goroutine waits for its end.
type waited struct {
	done chan struct{}

	// Guarded by the watch.
	at    int      // index in Watch.all, -1 after the end
	err   error    // why it has ended
	after []func() // to be called at the end; nil where it was stopped
}

// Watch ends contexts in time, all of them by one timer, which rests while nothing
// waits. The zero value is ready to use.
type Watch struct {
	mu    sync.Mutex
	all   []*Context
	next  int64 // when the timer fires, by Now; 0 while it rests
	timer *time.Timer
}

// parentEvery is how often parents are looked at, so a cancelled one ends its contexts
// at most so much later.
const parentEvery = 20 * time.Millisecond

var epoch = time.Now()

// Now returns the time in nanoseconds on the monotonic clock. It costs half of time.Now.
func Now() int64 { return int64(time.Since(epoch)) }

// At returns Now as of t, which time.Now has returned.
func At(t time.Time) int64 { return int64(t.Sub(epoch)) }

// New returns a context that ends after d and, unless it is detached, with its parent. Call
// Release when it is not needed any more.
func (w *Watch) New(parent context.Context, d time.Duration, detached bool) *Context {
	c := new(Context)
	c.Init(w, parent)
	c.Arm(Now()+int64(d), detached)
	return c
}

// Init prepares an embedded Context.
func (c *Context) Init(w *Watch, parent context.Context) { c.watch, c.parent = w, parent }

type parentKey struct{}

// ParentOf returns the parent of the Context that ctx is or descends from, or else ctx:
// for what goes on after the Context, whose memory may be used again.
func ParentOf(ctx context.Context) context.Context {
	if parent, ok := ctx.Value(parentKey{}).(context.Context); ok {
		return parent
	}
	return ctx
}

// Parent returns the context that Init was given.
func (c *Context) Parent() context.Context { return c.parent }

// Arm sets the deadline, by [Now]. It may be called once more, for another use: it then
// reports false if a goroutine already waits, since a context ends once. What was left
// running of the former use may go on with the next one.
func (c *Context) Arm(end int64, detached bool) bool {
	word := end << bits
	if detached {
		word |= bitDetached
	}
	c.word.Store(word) // first: a goroutine that waits from now on waits for this end
	return c.awaited.Load() == nil
}

// Armed reports whether Arm was called.
func (c *Context) Armed() bool { return c.word.Load() != 0 }

// NoteStart notes that what is armed next, with the given deadline, starts at now.
func (c *Context) NoteStart(now time.Time, end int64) { c.wall = now.UnixNano() - end }

// CheckStart discards the start if the wall clock has jumped since NoteStart, or the
// machine slept. Call it right after Arm, with the time of now.
func (c *Context) CheckStart(now time.Time) {
	off := c.wall + c.end() - now.UnixNano()
	if off < -int64(time.Millisecond) || off > int64(time.Millisecond) {
		c.Stale()
	}
}

// Stale discards the start: something was waited for since.
func (c *Context) Stale() { c.word.Or(bitStale) }

// Started returns when the operation of this deadline began, in nanoseconds since 1970,
// and why its caller does not want it any more, if so. Zero means unknown. A store in
// this process may compare expiries with it: one more look at the clock would be a
// quarter of a load.
func (c *Context) Started() (nanos int64, err error) {
	word := c.word.Load()
	if c.wall == 0 || word&bitStale != 0 {
		return 0, nil
	}
	if word&bitDetached == 0 {
		err = c.parent.Err()
	}
	return c.wall + word>>bits, err
}

// Extend moves the deadline to d from now, if that is later.
func (c *Context) Extend(d time.Duration) {
	before := c.word.Load()
	c.word.Store(max(before, (Now()+int64(d))<<bits|before&bitDetached) | bitStale)
}

// Release ends the context, if a goroutine waits for that.
func (c *Context) Release() {
	if a := c.awaited.Load(); a != nil {
		c.watch.mu.Lock()
		defer c.watch.mu.Unlock()
		c.finish(a, context.Canceled)
	}
}

func (c *Context) end() int64     { return c.word.Load() >> bits }
func (c *Context) detached() bool { return c.word.Load()&bitDetached != 0 }

// check returns why c has ended by now, or nil.
func (c *Context) check(now int64) error {
	if !c.detached() {
		if err := c.parent.Err(); err != nil {
			return err
		}
	}
	if now >= c.end() {
		return context.DeadlineExceeded
	}
	return nil
}

// finish ends the context, unless that was done. The watch is locked.
func (c *Context) finish(a *waited, err error) {
	if a.at < 0 {
		return
	}
	all := c.watch.all
	last := len(all) - 1
	all[last].awaited.Load().at = a.at
	all[a.at], all[last] = all[last], nil
	c.watch.all = all[:last]
	a.at, a.err = -1, err
	close(a.done)
	for _, f := range a.after {
		if f != nil {
			go f()
		}
	}
	a.after = nil
}

// await makes c one that a goroutine waits for.
func (c *Context) await() *waited {
	if a := c.awaited.Load(); a != nil {
		return a
	}
	w := c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := c.awaited.Load(); a != nil {
		return a
	}
	a := &waited{done: make(chan struct{}), at: len(w.all)}
	w.all = append(w.all, c)
	c.awaited.Store(a)
	now := Now()
	if err := c.check(now); err != nil {
		c.finish(a, err)
	} else {
		w.wake(c.comes(now), now)
	}
	return a
}

// comes returns when c is to be looked at next.
func (c *Context) comes(now int64) int64 {
	end := c.end()
	if !c.detached() && c.parent.Done() != nil {
		return min(end, now+int64(parentEvery))
	}
	return end
}

// wake makes the timer fire at a time, or earlier. The watch is locked.
func (w *Watch) wake(at, now int64) {
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

// look ends the contexts whose time has come, and wakes for the next. It may come twice, or early,
// where the timer was set again while it fired.
func (w *Watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := Now()
	w.next = 0
	// Backwards, since finish fills the place with the last one, which was looked at already.
	for i := len(w.all) - 1; i >= 0; i-- {
		c := w.all[i]
		if err := c.check(now); err != nil {
			c.finish(c.awaited.Load(), err)
		} else {
			w.wake(c.comes(now), now)
		}
	}
}

// Deadline returns the earlier of the own deadline and the parent's.
func (c *Context) Deadline() (time.Time, bool) {
	own := epoch.Add(time.Duration(c.end()))
	if !c.detached() {
		if d, ok := c.parent.Deadline(); ok && d.Before(own) {
			return d, true
		}
	}
	return own, true
}

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} { return c.await().done }

// Err implements [context.Context].
func (c *Context) Err() error { return c.errAt(Now()) }

// ErrAt is Err for a caller that has just called [time.Now].
func (c *Context) ErrAt(now time.Time) error { return c.errAt(At(now)) }

func (c *Context) errAt(now int64) error {
	a := c.awaited.Load()
	if a == nil {
		return c.check(now)
	}
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	if a.at >= 0 {
		if err := c.check(now); err != nil {
			c.finish(a, err) // so that Done agrees
		}
	}
	return a.err
}

// AfterFunc is what package context looks for, to derive from a foreign context without a
// goroutine.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	a := c.await()
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	if a.at < 0 {
		go f()
		return func() bool { return false }
	}
	i := len(a.after)
	a.after = append(a.after, f)
	return func() bool {
		c.watch.mu.Lock()
		defer c.watch.mu.Unlock()
		if a.at < 0 || a.after[i] == nil {
			return false
		}
		a.after[i] = nil
		return true
	}
}

// Value implements [context.Context]. Where it leads package context to a parent's
// cancellation, that is not taken for this one's, since its channel is another.
func (c *Context) Value(key any) any {
	if key == (parentKey{}) {
		return c.parent
	}
	if c.detached() {
		return context.WithoutCancel(c.parent).Value(key)
	}
	return c.parent.Value(key)
}
