// Package engine keeps sessions in a store: it loads them, commits operations exactly,
// moves them to new tickets, ends them so that no request in flight can bring them
// back, and lists them. It is where the promises of the root package are kept. It knows
// stores and documents, and neither HTTP nor what a request does between a load and a
// commit.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/queue"
	"github.com/cloakroom-go/cloakroom/store"
)

// Config is what an [Engine] is made of. All of it is required, but for Now, Events and
// Tracer.
type Config struct {
	Store         store.Store
	Policy        Policy
	Format        document.Format
	Application   string // whose sessions they are; may be empty
	Persistent    bool   // of the cookies of new sessions
	Idle          time.Duration
	AnonymousIdle time.Duration // Idle for sessions without an owner
	Lifetime      time.Duration
	Timeout       time.Duration // of a load or a commit
	MaxBytes      int
	MaxValues     int
	Now           func() time.Time                   // time.Now if it is nil
	Events        func(context.Context, event.Event) // may be nil
	Tracer        event.Tracer                       // may be nil
	Logger        *slog.Logger
}

// Engine keeps sessions. Make one with [New]. It is safe for concurrent use.
type Engine struct {
	config    Config
	store     store.FullStore
	bounds    document.Bounds
	commits   queue.ByID[State] // those of one session take turns
	limits    deadline.Watch
	reported  reported
	deletions deletions
	now       func() time.Time
	realTime  bool // now is time.Now
}

// New returns an engine. The configuration was checked by the caller.
func New(c Config) *Engine {
	e := &Engine{config: c, store: store.Complete(c.Store), now: c.Now, realTime: c.Now == nil}
	if e.realTime {
		e.now = time.Now
	}
	if !c.Policy.HasIndex {
		e.store = withoutIndex{e.store}
	}
	e.bounds = document.Bounds{Bytes: c.MaxBytes, Values: c.MaxValues, Foreign: c.Policy.Shared()}
	e.commits.Init(func(st *State) { st.Doc.Detach() })
	return e
}

// Now returns what time it is by the clock of the timeouts.
func (e *Engine) Now() time.Time { return e.now() }

// Clocks returns the time by the clock of the timeouts and by the monotonic one, see
// [deadline.Now]. Reading a clock costs as much as a small allocation, so it is read
// once if that will do.
func (e *Engine) Clocks() (now time.Time, ticks int64) {
	if e.realTime {
		now = time.Now()
		return now, deadline.At(now)
	}
	return e.now(), deadline.Now()
}

// Tick returns a number that orders loads and writes, see [queue.ByID].
func (e *Engine) Tick() int64 { return e.commits.Tick() }

// Limit returns a context for an operation that may take the time of a load or a
// commit. Detached, it goes on when the parent is cancelled.
func (e *Engine) Limit(parent context.Context, detached bool) *deadline.Context {
	return e.limits.New(parent, e.config.Timeout, detached)
}

// Embed prepares a limit that is part of something else.
func (e *Engine) Embed(c *deadline.Context, parent context.Context) { c.Init(&e.limits, parent) }

// ArmLoad arms an embedded limit for a load that begins now, by both clocks.
func (e *Engine) ArmLoad(c *deadline.Context, now time.Time, ticks int64, detached bool) {
	end := ticks + int64(e.config.Timeout)
	if e.realTime {
		c.NoteStart(now, end)
	}
	c.Arm(end, detached)
}

// ArmCommit arms for a commit an embedded limit that may have been a load's. It reports
// false where a goroutine already waits on it.
func (e *Engine) ArmCommit(c *deadline.Context, now time.Time, ticks int64) bool {
	if !c.Arm(ticks+int64(e.config.Timeout), true) {
		return false
	}
	c.CheckStart(now)
	return true
}

// maxTries bounds how often one commit is tried, besides the time limit.
const maxTries = 200

// backoff waits before a commit is tried again: a random time of at most 12.8 ms.
func backoff(ctx context.Context, try int) error {
	most := 200 * time.Microsecond << min(try, 6)
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(most)) + 1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errorAt(operation string, err error) error {
	return fmt.Errorf("cloakroom: %s: %w", operation, err)
}
