package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// rig is an engine on a store in memory, with a clock to turn, faults to inject, and its log.
type rig struct {
	*Engine
	t      *testing.T
	mem    *memstore.Store
	faulty *storetest.Faulty
	clock  *clock
	log    *buffer
	calls  *calls
}

const (
	testIdle      = 30 * time.Minute
	testAnonymous = 20 * time.Minute
	testLifetime  = 8 * time.Hour
)

// newRig returns an engine with the configuration that these functions make of the usual one.
func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	c := &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)}
	mem, err := memstore.New(memstore.Options{Now: c.Now, SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	return rigOn(t, mem, mem, c, change...)
}

// rigOn is newRig on a store that is there already, with a store in front of it perhaps.
func rigOn(
	t *testing.T, mem *memstore.Store, s store.Store, c *clock, change ...func(*Config),
) *rig {
	t.Helper()
	r := &rig{t: t, mem: mem, clock: c, log: &buffer{}, calls: &calls{}}
	r.faulty = storetest.NewFaulty(s)
	r.faulty.Decide = r.calls.note
	config := Config{
		Store: terse{r.faulty}, Policy: Own("", false), Format: document.MessagePack,
		Idle: testIdle, AnonymousIdle: testAnonymous, Lifetime: testLifetime,
		Timeout: 10 * time.Second, MaxBytes: 1 << 20, MaxValues: 100,
		Now: c.Now, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range change {
		f(&config)
	}
	r.Engine = New(config)
	t.Cleanup(func() {
		if n := r.faulty.Left(); n > 0 && !t.Failed() {
			t.Errorf("%d faults were not met", n)
		}
	})
	return r
}

// other returns another engine on the same store, as another process has it: it meets no faults.
func (r *rig) other(change ...func(*Config)) *rig {
	r.t.Helper()
	return rigOn(r.t, r.mem, r.mem, r.clock, change...)
}

// moveless makes the store one that cannot move records.
func moveless(c *Config) {
	full := store.Complete(c.Store)
	c.Store = struct {
		store.Store
		store.OwnerLister
		store.Lister
		store.Sweeper
	}{full, full, full, full}
}

// terse is a store that tells no more than it must: its errors wrap the sentinels, and Load leaves
// out what it may.
type terse struct{ store.FullStore }

func wrapped(err error) error {
	if err != nil {
		err = fmt.Errorf("wrapped: %w", err)
	}
	return err
}

func (s terse) Load(ctx context.Context, id string) (store.Record, error) {
	r, err := s.FullStore.Load(ctx, id)
	r.Owner, r.Deadline = "", time.Time{}
	return r, wrapped(err)
}

func (s terse) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	v, err := s.FullStore.Create(ctx, id, r)
	return v, wrapped(err)
}

func (s terse) Replace(
	ctx context.Context, id string, old, next store.Record,
) (store.Version, error) {
	v, err := s.FullStore.Replace(ctx, id, old, next)
	return v, wrapped(err)
}

func (s terse) Touch(ctx context.Context, id string, r store.Record, expires time.Time) error {
	return wrapped(s.FullStore.Touch(ctx, id, r, expires))
}

func (s terse) Delete(ctx context.Context, id string, r store.Record) error {
	return wrapped(s.FullStore.Delete(ctx, id, r))
}

func (s terse) Move(
	ctx context.Context, id string, old, seal store.Record, newID string, next store.Record,
) (store.Version, error) {
	v, err := s.FullStore.Move(ctx, id, old, seal, newID, next)
	return v, wrapped(err)
}

// inject makes the next calls of an operation fail.
func (r *rig) inject(op storetest.Op, faults ...storetest.Fault) { r.faulty.Inject(op, faults...) }

// before runs f before the next call of an operation.
func (r *rig) before(op storetest.Op, f func()) {
	r.inject(op, storetest.Before(func(context.Context) { f() }))
}

// time returns the time limit of one operation.
func (r *rig) time() *deadline.Context {
	limit := r.Limit(r.t.Context(), true)
	r.t.Cleanup(limit.Release)
	return limit
}

// commit prepares a commit of operations on a state.
func (r *rig) commit(st State, ops ...document.Operation) *Commit {
	return &Commit{Engine: r.Engine, Limit: r.time(), Ops: ops, Base: st, Tick: r.Tick()}
}

// run commits operations on a state, and makes it what the session is then.
func (r *rig) run(st *State, ops ...document.Operation) Result {
	r.t.Helper()
	c := r.commit(*st, ops...)
	res, err := c.Run()
	if err != nil {
		r.t.Fatalf("commit: %v", err)
	}
	*st = *c.Next()
	return res
}

// begin returns a new session with the values that operations give it.
func (r *rig) begin(ops ...document.Operation) State {
	r.t.Helper()
	st := r.NewState()
	r.run(&st, ops...)
	return st
}

// signedIn returns a new session of an owner.
func (r *rig) signedIn(owner string) State {
	r.t.Helper()
	return r.begin(r.login(owner))
}

func (r *rig) login(owner string) document.Operation {
	now := r.Now()
	return document.Operation{Kind: document.SignIn, Login: &document.Login{
		Owner: owner, ValueName: r.config.Policy.OwnerName, At: now, Deadline: now.Add(testLifetime),
	}}
}

func renew() document.Operation { return document.Operation{Kind: document.Renew} }

func set(name, value string) document.Operation { return document.SetText(name, value) }

func remove(name string) document.Operation {
	return document.Operation{Kind: document.Delete, Name: name}
}

// change is an operation that must be committed exactly.
func change(f func(*document.Draft) error) document.Operation {
	return document.Operation{Kind: document.Change, Must: true, Change: f}
}

// count adds one to a number.
func count(name string) document.Operation {
	return change(func(d *document.Draft) error {
		n := 0
		if at := d.At(name); at.Present() {
			var err error
			if n, err = document.Decode[int](at, name); err != nil {
				return err
			}
		}
		value, err := document.Encode(d.Format(), name, n+1)
		if err == nil {
			d.Set(name, value)
		}
		return err
	})
}

// load returns the session stored under an id, or fails the test.
func (r *rig) load(id string) State {
	r.t.Helper()
	var st State
	if err := r.Engine.load(r.t.Context(), id, &st); err != nil {
		r.t.Fatalf("load: %v", err)
	}
	return st
}

// gone reports whether there is no session under an id: no record, or a seal.
func (r *rig) gone(id string) bool {
	r.t.Helper()
	var st State
	err := r.Engine.load(r.t.Context(), id, &st)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.t.Fatalf("load: %v", err)
	}
	return err != nil || st.Doc.Sealed()
}

// text returns a value of the session stored under an id, empty if it has none.
func (r *rig) text(id, name string) string {
	r.t.Helper()
	return valueOf[string](r, id, name)
}

func (r *rig) number(id, name string) int {
	r.t.Helper()
	return valueOf[int](r, id, name)
}

func valueOf[T any](r *rig, id, name string) (v T) {
	r.t.Helper()
	st := r.load(id)
	if at := st.Doc.At(name); at.Present() {
		var err error
		if v, err = document.Decode[T](at, name); err != nil {
			r.t.Fatal(err)
		}
	}
	return v
}

// live returns how many sessions the store holds.
func (r *rig) live() int {
	r.t.Helper()
	n := 0
	for _, err := range r.All(r.t.Context()) {
		if err != nil {
			r.t.Fatal(err)
		}
		n++
	}
	return n
}

// endSealed ends the session under an id, which a seal names.
func (r *rig) endSealed(ctx *deadline.Context, id string) (*State, ending, error) {
	return (&ender{Engine: r.Engine, limit: ctx, ctx: ctx}).endSealed(id)
}

// garbage stores a record that reads as no session, and returns its id.
func (r *rig) garbage(owner string) string {
	r.t.Helper()
	_, id := r.config.Policy.Mint()
	end := r.Now().Add(testIdle)
	rec := store.Record{Data: []byte("garbage"), Expires: end, Deadline: end}
	if owner != "" {
		rec.Owner = ticket.Digest("", owner)
	}
	if _, err := r.mem.Create(r.t.Context(), id, rec); err != nil {
		r.t.Fatal(err)
	}
	return id
}

// want fails the test unless an error is the one that is expected.
func (r *rig) want(err, want error) {
	r.t.Helper()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		r.t.Fatalf("got %v, want %v", err, want)
	}
}

// waitInLine returns when a goroutine waits for a turn.
func waitInLine(t *testing.T) {
	t.Helper()
	stacks, waits := make([]byte, 1<<20), []byte("queue.(*Line).Wait(")
	for range 5000 {
		if n := runtime.Stack(stacks, true); bytes.Contains(stacks[:n], waits) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no goroutine waits for its turn")
}

// calls notes the calls of a store for which no fault was injected.
type calls struct {
	mu  sync.Mutex
	ops []string
}

func (c *calls) note(op storetest.Op, _ string) storetest.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops = append(c.ops, string(op))
	return storetest.Fault{}
}

// since runs f and returns the calls that it made, in order.
func (c *calls) since(f func()) string {
	take := func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		ops := strings.Join(c.ops, " ")
		c.ops = nil
		return ops
	}
	take()
	f()
	return take()
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// TestClocks: the injected clock goes before the real one, which is read once where it will do.
func TestClocks(t *testing.T) {
	r := newRig(t)
	if now, _ := r.Clocks(); !now.Equal(r.clock.Now()) || !r.Now().Equal(now) {
		t.Errorf("%v is the clock's %v", now, r.clock.Now())
	}
	before := time.Now()
	wall := newRig(t, func(c *Config) { c.Now = nil })
	now, ticks := wall.Clocks()
	if now.Before(before) || time.Now().Before(now) {
		t.Errorf("the real clock shows %v", now)
	}
	if later, more := wall.Clocks(); later.Before(now) || more < ticks {
		t.Errorf("the clock goes backwards: %v after %v", more, ticks)
	}
}

// TestEmbeddedLimit: a load's limit becomes a commit's, with all of its time, unless a goroutine
// waits for the end of the load.
func TestEmbeddedLimit(t *testing.T) {
	for _, realTime := range []bool{true, false} {
		r := newRig(t, func(c *Config) {
			if realTime {
				c.Now = nil
			}
		})
		for _, waits := range []bool{false, true} {
			var c deadline.Context
			r.Embed(&c, t.Context())
			now, ticks := r.Clocks()
			r.ArmLoad(&c, now, ticks, false)
			if started, err := c.Started(); (started != 0) != realTime || err != nil ||
				c.Err() != nil {
				t.Errorf("a load: started at %d, %v", started, err)
			}
			if waits {
				c.Done()
			}
			if got := r.ArmCommit(&c, now, ticks); got == waits {
				t.Errorf("a goroutine waits %v: %v", waits, got)
			}
			c.Release()
		}
	}
}

// TestErrorsNameThePlace: every error names what was done, and none an id.
func TestErrorsNameThePlace(t *testing.T) {
	r := newRig(t)
	st := r.begin(set("a", "1"))
	r.faulty.Decide = func(storetest.Op, string) storetest.Fault {
		return storetest.Failed().Reporting(store.ErrFull)
	}
	_, err := r.commit(st, set("a", "2")).Run()
	ended := r.End(r.time(), st.ID, nil, "", Cause{})
	touched := r.Touch(t.Context(), &st)
	for want, err := range map[string]error{"commit": err, "end": ended, "touch": touched} {
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), st.ID) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestStoreDown: while a store is down, what waits for it tries again until its time is up, and not
// without a pause.
func TestStoreDown(t *testing.T) {
	for name, try := range map[string]func(r *rig, st State) error{
		"commit": func(r *rig, st State) error {
			_, err := r.commit(st, set("a", "2")).Run()
			return err
		},
		"move": func(r *rig, st State) error {
			_, err := r.commit(st, renew()).Run()
			return err
		},
		"create": func(r *rig, _ State) error {
			_, err := r.commit(r.NewState(), set("a", "2")).Run()
			return err
		},
		"end": func(r *rig, st State) error { return r.End(r.time(), st.ID, &st, "", Cause{}) },
		"end by a seal": func(r *rig, st State) error {
			_, _, err := r.endSealed(r.time(), st.ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit = 300 * time.Millisecond
				r := newRig(t, func(c *Config) { c.Timeout = limit })
				st := r.begin(set("a", "1"))
				tries := 0
				r.faulty.Decide = func(storetest.Op, string) storetest.Fault {
					tries++
					return storetest.Failed()
				}
				begun := time.Now()
				err := try(r, st)
				took := time.Since(begun)
				if r.want(err, storetest.ErrInjected); took != limit || tries < 10 {
					t.Errorf("%d tries, and it gives up after %v", tries, took)
				}
			})
		})
	}
}
