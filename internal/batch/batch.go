// Package batch performs the calls of several goroutines at once, as one pipeline of commands or
// one statement, where they would have to wait for each other anyway: most of what a small call
// to a database costs is its way there and back.
//
// While few calls are under way, each runs alone and at once, so an idle process loses nothing.
// A batch begins after all of its calls have come: none reads what was read before it asked.
//
// The package knows neither sessions nor any store.
package batch

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Config configures a [Queue] of calls, each with a question Q and an answer A. All fields but
// Patience and Trace are required.
type Config[Q, A any] struct {
	// Busy is how many runs, of one call or of a batch, may be under way while calls wait. Idle,
	// at least as many, may be while none waits.
	Busy, Idle int

	// Many performs a batch of at least two calls, and returns an answer for each in the order
	// of the questions. Its context ends when all its callers have given up.
	Many func(context.Context, []Q) []A

	// One performs one call, with the caller's context and in the caller's goroutine.
	One func(context.Context, Q) A

	// Patience, if positive, is how long calls wait for runs that do not end, such as one that
	// waits for a lock, before one run above Busy begins. It is exact to [Interval].
	Patience time.Duration

	// Size is how many calls a batch has at most.
	Size int

	// Trace, if set, is called before Many, with its context and those of the callers. It
	// returns the context for Many, and what to call after it. It must not keep the callers'
	// contexts, which are reused once their calls have returned.
	Trace func(ctx context.Context, callers []context.Context) (context.Context, func())
}

// Interval is how often the contexts of waiting calls are checked: a call returns so much after
// the end of its context at most. One timer for all costs less than a channel for each.
const Interval = 10 * time.Millisecond

// Queue collects calls into batches. Make one with [New]. It is safe for concurrent use.
type Queue[Q, A any] struct {
	Config[Q, A]

	mu       sync.Mutex
	runs     int // under way
	waiting  []*call[Q, A]
	since    time.Time // when the first of waiting became the first
	batches  []*batch[Q, A]
	timer    *time.Timer
	watching bool // the timer runs
}

// call is a call that waits for a run, or is part of one.
type call[Q, A any] struct {
	ctx      context.Context
	question Q
	answer   A
	err      error // of ctx
	alone    bool  // the caller has to run it, and then to leave
	done     chan struct{}
}

// batch is a run of several calls.
type batch[Q, A any] struct {
	ctx       context.Context
	cancel    context.CancelFunc
	questions []Q
	calls     []*call[Q, A] // nil for one whose caller gave up
	left      int           // how many are not nil

	// callers are the contexts of the calls while Trace has them: no call returns meanwhile.
	callers []context.Context
}

// New returns a queue. It starts no goroutine.
func New[Q, A any](c Config[Q, A]) *Queue[Q, A] { return &Queue[Q, A]{Config: c} }

// Do performs a call, alone or in a batch. Its error is that of ctx, if that ends while the call
// waits or is part of a batch: then it may have been performed or not.
func (q *Queue[Q, A]) Do(ctx context.Context, question Q) (A, error) {
	q.mu.Lock()
	if q.runs < q.Busy || len(q.waiting) == 0 && q.runs < q.Idle {
		q.runs++
		q.mu.Unlock()
		return q.runOne(ctx, question), nil
	}
	c := q.wait(ctx, question)
	q.mu.Unlock()
	<-c.done
	if c.alone {
		return q.runOne(ctx, question), nil
	}
	return c.answer, c.err
}

// runOne performs one call, which has been counted as a run.
func (q *Queue[Q, A]) runOne(ctx context.Context, question Q) A {
	defer q.leave()
	return q.One(ctx, question)
}

// wait adds a call to those that wait. q.mu is held.
func (q *Queue[Q, A]) wait(ctx context.Context, question Q) *call[Q, A] {
	c := &call[Q, A]{ctx: ctx, question: question, done: make(chan struct{})}
	if len(q.waiting) == 0 {
		q.since = time.Now()
	}
	q.waiting = append(q.waiting, c)
	switch {
	case q.watching:
	case q.timer == nil:
		q.timer = time.AfterFunc(Interval, q.watch)
	default:
		q.timer.Reset(Interval)
	}
	q.watching = true
	return c
}

// leave ends a run of one call, and begins one for those that wait.
func (q *Queue[Q, A]) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := q.next(); b != nil {
		go q.runBatches(b)
	}
}

// runBatches performs batches until none waits.
func (q *Queue[Q, A]) runBatches(b *batch[Q, A]) {
	for b != nil {
		answers := q.perform(b)
		b.cancel()
		b = q.settle(b, answers)
	}
}

// perform performs a batch, within what Trace begins.
func (q *Queue[Q, A]) perform(b *batch[Q, A]) []A {
	ctx := b.ctx
	if b.callers != nil {
		var end func()
		ctx, end = q.Trace(ctx, b.callers)
		defer end()
		q.mu.Lock()
		b.callers = nil
		q.mu.Unlock()
	}
	return q.Many(ctx, b.questions)
}

// settle hands out the answers of a batch, and returns the next one, or nil.
func (q *Queue[Q, A]) settle(b *batch[Q, A], answers []A) *batch[Q, A] {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, c := range b.calls {
		if c != nil {
			c.answer = answers[i]
			close(c.done)
		}
	}
	at := slices.Index(q.batches, b)
	q.batches = slices.Delete(q.batches, at, at+1)
	return q.next()
}

// next is called when a run has ended. It returns the batch that takes its place, or nil where
// a single call does, or none. q.mu is held.
func (q *Queue[Q, A]) next() *batch[Q, A] {
	if q.runs > q.Busy || len(q.waiting) == 0 {
		q.runs--
		return nil
	}
	return q.take()
}

// take makes a batch of calls that wait, as a run that is counted already. A single call gets
// the run to itself; where none is left, the run ends. It returns nil then. q.mu is held.
func (q *Queue[Q, A]) take() *batch[Q, A] {
	calls := make([]*call[Q, A], 0, min(len(q.waiting), q.Size))
	n := 0
	for ; n < len(q.waiting) && len(calls) < q.Size; n++ {
		if c := q.waiting[n]; !gaveUp(c) {
			calls = append(calls, c)
		}
	}
	q.waiting = slices.Delete(q.waiting, 0, n)
	if len(q.waiting) > 0 {
		q.since = time.Now()
	}
	switch len(calls) {
	case 0:
		q.runs--
		return nil
	case 1:
		calls[0].alone = true
		close(calls[0].done)
		return nil
	}
	b := &batch[Q, A]{calls: calls, left: len(calls), questions: make([]Q, len(calls))}
	for i, c := range calls {
		b.questions[i] = c.question
	}
	if q.Trace != nil {
		b.callers = make([]context.Context, len(calls))
		for i, c := range calls {
			b.callers[i] = c.ctx
		}
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	q.batches = append(q.batches, b)
	return b
}

// gaveUp reports whether a call's context has ended. Its caller then returns. q.mu is held.
func gaveUp[Q, A any](c *call[Q, A]) bool {
	if c.err = c.ctx.Err(); c.err == nil {
		return false
	}
	close(c.done)
	return true
}

// watch lets callers go whose contexts have ended, cancels batches that none waits for, and
// begins one more run when patience has ended. It comes again while there are calls.
func (q *Queue[Q, A]) watch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, gaveUp[Q, A])
	for _, b := range q.batches {
		b.dropGivenUp()
	}
	if q.Patience > 0 && len(q.waiting) > 0 && time.Since(q.since) >= q.Patience {
		q.runs++
		if b := q.take(); b != nil {
			go q.runBatches(b)
		}
	}
	if q.watching = len(q.waiting)+len(q.batches) > 0; q.watching {
		q.timer.Reset(Interval)
	}
}

func (b *batch[Q, A]) dropGivenUp() {
	if b.callers != nil {
		return
	}
	for i, c := range b.calls {
		if c != nil && gaveUp(c) {
			b.calls[i] = nil
			b.left--
		}
	}
	if b.left == 0 {
		b.cancel()
	}
}
