// Package storetest checks that a store keeps the contract of [store.Store].
//
// A store runs the whole suite like this:
//
//	func TestConformance(t *testing.T) {
//		dsn := startServer(t)
//		open := func(t testing.TB) store.Store {
//			s, err := mystore.New(dsn)
//			if err != nil {
//				t.Fatal(err)
//			}
//			t.Cleanup(func() { s.Close() })
//			return s
//		}
//		storetest.Run(t, storetest.Config{
//			Abilities: []storetest.Ability{storetest.Owners, storetest.Lists},
//			Open:      open,
//			Peer:      open, // a second client of the same server
//			Precision: time.Second,
//		})
//	}
//
// Every case is a subtest named after the rule that it checks. The suite needs no empty
// store: ids and owners are random.
//
// [Faulty] injects failures into any store, for tests of what uses one. [Benchmark] measures one.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Ability names an optional interface.
type Ability string

// The abilities beyond [store.Store].
const (
	Moves  Ability = "Move"  // [store.Mover]
	Owners Ability = "Owned" // [store.OwnerLister]
	Lists  Ability = "All"   // [store.Lister]
	Sweeps Ability = "Sweep" // [store.Sweeper]
)

// Config says what to test. Only Open is required.
type Config struct {
	// Abilities are those that the store must have. The rules of the others are not checked.
	Abilities []Ability

	// Advance moves the clock of a store whose clock is injected; Now is then required
	// too, and the cases run one after the other. By default the suite waits, in
	// parallel.
	Advance func(time.Duration)

	// Damage turns the record under an id into one that the store cannot read and that has not
	// expired. Without it the rules of such records are not checked.
	Damage func(id string) error

	// Fresh calls Open and Peer for every rule, with the rule's own subtest, for which they return
	// an empty store. It is for a backend that slows down as it fills.
	Fresh bool

	// MaxData is the largest record data in bytes that the store must accept. The
	// default is 900 KB, and at least 1 is needed.
	MaxData int

	// Now is the store's clock. The default is time.Now.
	Now func() time.Time

	// Open returns a handle on the store. It is called once, unless Fresh is set, and
	// cleans up through t.
	Open func(t testing.TB) store.Store

	// Peer returns another handle on the same data, such as a second client or process.
	// By default the handle of Open is used for both sides.
	Peer func(t testing.TB) store.Store

	// Precision is the step in which the store keeps expiries, at most a second. The
	// default is a millisecond.
	Precision time.Duration
}

// Run checks every rule, each in a subtest.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	if cfg.Open == nil {
		t.Fatal("storetest: Config.Open is nil")
	}
	if cfg.Precision < 0 || cfg.Precision > time.Second {
		t.Fatalf("storetest: Config.Precision is %v, want at most a second", cfg.Precision)
	}
	if cfg.Advance != nil && cfg.Now == nil {
		t.Fatal("storetest: Config.Advance needs Config.Now")
	}
	var s, peer store.Store
	if !cfg.Fresh {
		s, peer = cfg.open(t)
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if cfg.Advance == nil {
				t.Parallel()
			}
			if r.needs != "" && !slices.Contains(cfg.Abilities, r.needs) {
				t.Skipf("%s is not among the abilities expected", r.needs)
			}
			if r.damages && cfg.Damage == nil {
				t.Skip("there is no Config.Damage")
			}
			s, peer := s, peer
			if cfg.Fresh {
				s, peer = cfg.open(t)
			}
			if err := check(t.Context(), r, cfg, s, peer); err != nil {
				t.Errorf("%v\nthe rule: %s", err, r.rule)
			}
		})
	}
}

func (c *Config) open(t testing.TB) (s, peer store.Store) {
	s = c.Open(t)
	if c.Peer == nil {
		return s, s
	}
	return s, c.Peer(t)
}

// rule is one case.
type rule struct {
	name  string
	rule  string // the sentence of the contract
	needs Ability
	check func(*caseT)

	damages bool // it needs Config.Damage
}

var rules = slices.Concat(basicRules, expiryRules, damageRules, raceRules, abilityRules)

// caseT is what a case works with. Its methods end the case at the first failure. It is no
// testing.T, so that tests of the suite can see it fail.
type caseT struct {
	cfg   Config
	ctx   context.Context
	store store.FullStore
	peer  store.FullStore // the same data
	begun time.Time
	err   error
}

// check runs one rule and returns how it was broken.
func check(ctx context.Context, r rule, cfg Config, s, peer store.Store) error {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxData == 0 {
		cfg.MaxData = 900_000
	}
	if cfg.Precision == 0 {
		cfg.Precision = time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // a bound, not a measure
	defer cancel()
	c := &caseT{
		begun: time.Now(), cfg: cfg, ctx: ctx, store: store.Complete(s), peer: store.Complete(peer),
	}
	done := make(chan struct{})
	go func() { // of its own, since failing ends the goroutine
		defer close(done)
		r.check(c)
	}()
	<-done
	return c.err
}

func (c *caseT) Fatalf(format string, args ...any) {
	c.err = fmt.Errorf(format, args...)
	runtime.Goexit()
}

// want fails unless err is the one expected; nil is success.
func (c *caseT) want(err, want error, format string, args ...any) {
	if !errors.Is(err, want) || (want == nil) != (err == nil) {
		wanted := "success"
		if want != nil {
			wanted = want.Error()
		}
		c.Fatalf("%s: got %v, want %s", fmt.Sprintf(format, args...), err, wanted)
	}
}

func random() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// record returns one that lives for an hour, in steps that every store can keep.
func (c *caseT) record(data string) store.Record {
	now := c.cfg.Now()
	return store.Record{
		Data:     []byte(data),
		Expires:  now.Add(time.Hour).Truncate(time.Second),
		Deadline: now.Add(12 * time.Hour).Truncate(time.Second),
	}
}

// owned returns a record with an owner.
func (c *caseT) owned(data, owner string) store.Record {
	r := c.record(data)
	r.Owner = owner
	return r
}

// create stores r and returns it with its version.
func (c *caseT) create(id string, r store.Record) store.Record {
	v, err := c.store.Create(c.ctx, id, r)
	c.want(err, nil, "Create")
	if v == "" {
		c.Fatalf("Create returned an empty version")
	}
	r.Version = v
	return r
}

// replace stores data in place of old and returns the new record.
func (c *caseT) replace(id string, old store.Record, data string) store.Record {
	r := old
	r.Data = []byte(data)
	v, err := c.store.Replace(c.ctx, id, old, r)
	c.want(err, nil, "Replace of the current version")
	if v == "" {
		c.Fatalf("Replace returned an empty version")
	}
	r.Version = v
	return r
}

// holds fails unless both handles load want's data and version.
func (c *caseT) holds(id string, want store.Record) store.Record {
	var got store.Record
	for _, s := range []store.Store{c.store, c.peer} {
		var err error
		got, err = s.Load(c.ctx, id)
		c.want(err, nil, "Load")
		if string(got.Data) != string(want.Data) {
			c.Fatalf("loaded %s, want %s", brief(got.Data), brief(want.Data))
		}
		if got.Version != want.Version {
			c.Fatalf("loaded version %q, want %q", got.Version, want.Version)
		}
	}
	return got
}

// expires fails unless a record has an expiry, within the store's precision. A store that counts
// remaining time by the system's clock, in whole seconds, is late by the time that a busy machine
// delays its calls, which is added.
func (c *caseT) expires(got store.Record, want time.Time) {
	most := c.cfg.Precision
	if most == time.Second && c.cfg.Advance == nil {
		most += time.Since(c.begun)
	}
	if d := got.Expires.Sub(want).Abs(); d > most {
		c.Fatalf("the expiry is %v, want %v: they differ by %v, more than %v",
			got.Expires, want, d, most)
	}
}

// missing fails unless neither handle finds a record.
func (c *caseT) missing(id string) {
	for _, s := range []store.Store{c.store, c.peer} {
		_, err := s.Load(c.ctx, id)
		c.want(err, store.ErrNotFound, "Load of a record that must not be there")
	}
}

func brief(b []byte) string {
	if len(b) <= 40 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q... of %d bytes", b[:40], len(b))
}

// short is a lifetime that the suite waits for.
func (c *caseT) short() time.Duration { return max(100*time.Millisecond, 2*c.cfg.Precision) }

// pass lets time go by until records of a short lifetime have expired.
func (c *caseT) pass() {
	d := c.short() + c.cfg.Precision + time.Millisecond
	if c.cfg.Advance != nil {
		c.cfg.Advance(d)
		return
	}
	select {
	case <-time.After(d):
	case <-c.ctx.Done():
	}
}

// each runs f in n goroutines that start together, half of them on the peer, and
// returns their errors.
func (c *caseT) each(n int, f func(i int, s store.FullStore) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		s := c.store
		if i%2 == 1 {
			s = c.peer
		}
		wg.Go(func() {
			<-start
			errs[i] = f(i, s)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneWinner fails unless exactly one error is nil and all others are lost.
func (c *caseT) oneWinner(what string, errs []error, lost ...error) {
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !slices.ContainsFunc(lost, func(l error) bool { return errors.Is(err, l) }) {
			c.Fatalf("%s: a loser got %v, want %v", what, err, lost)
		}
	}
	if won != 1 {
		c.Fatalf("%s: %d of %d succeeded, want exactly one", what, won, len(errs))
	}
}
