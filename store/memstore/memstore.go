// Package memstore keeps sessions in the memory of one process.
//
// It suits tests, development, and services of a single process whose sessions may end with it. The
// time of an operation does not depend on the number of sessions, except when one of 1,024 indexes
// grows. A session costs about 175 bytes of memory beyond its data, its id of 64 bytes included,
// and about 190 more if it is the only one of its owner. About 160 bytes for each session of a peak
// are kept for the next peak.
//
// Without limits it grows for as long as clients make sessions, and any client can: set
// [Options.MaxBytes] or [Options.MaxRecords] to what the process can spare, by URL
// memory:?max_records=100000, and make anonymous sessions short by Options.AnonymousIdle of package
// cloakroom. At a limit new sessions fail, and live ones stay.
//
// The store compares expiries to the nanosecond and has every ability: it moves records atomically,
// lists by owner, lists all, and sweeps, also by itself, see [Options.SweepEvery].
package memstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/store"
)

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// MaxBytes limits the memory that records may take, in bytes: their data and ids
	// and 200 bytes for each record. Zero, the default, means no limit.
	//
	// At a limit the store first removes expired records. If that makes no room,
	// Create, Move and a Replace that makes its record larger return [store.ErrFull].
	// Live sessions are never evicted: otherwise any client that makes sessions could sign
	// all users out. A record that could never fit is [store.ErrTooLarge].
	MaxBytes int64

	// MaxRecords limits the number of records in the same way. Zero, the default, means
	// no limit.
	MaxRecords int

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// SweepEvery is how often expired records are removed in the background, by the real clock. The
	// default is one minute; negative switches it off and leaves that to calls of Sweep. Nothing
	// runs while the store is empty.
	SweepEvery time.Duration
}

// ErrClosed is what every operation returns after [Store.Close].
var ErrClosed = errors.New("memstore: store is closed")

const (
	shardCount        = 64
	recordOverhead    = 200 // what MaxBytes counts for a record beside its data and id
	defaultSweepEvery = time.Minute
	defaultPage       = 100
	maxPage           = 10_000
)

// Store is a [store.FullStore] in memory. Make one with [New]. It is safe for concurrent use.
type Store struct {
	seed       maphash.Seed
	now        func() time.Time
	realTime   bool // now is time.Now
	maxBytes   int64
	maxRecords int64
	every      time.Duration

	bytes   atomic.Int64
	records atomic.Int64
	closed  atomic.Bool

	armed   atomic.Bool // a background sweep is due or running
	timerMu sync.Mutex  // guards timer, and closed while a timer is set
	timer   *time.Timer
	running sync.WaitGroup

	shards [shardCount]shard
	owners [shardCount]ownerShard
}

var _ store.FullStore = (*Store)(nil)

// New returns an empty store, or an error that names an option that is out of range. Call
// [Store.Close] when the store is not needed any more.
func New(opts Options) (*Store, error) {
	switch {
	case opts.MaxBytes < 0:
		return nil, fmt.Errorf("memstore: Options.MaxBytes is negative: %d", opts.MaxBytes)
	case opts.MaxRecords < 0:
		return nil, fmt.Errorf("memstore: Options.MaxRecords is negative: %d", opts.MaxRecords)
	}
	s := &Store{
		seed:       maphash.MakeSeed(),
		now:        opts.Now,
		maxBytes:   opts.MaxBytes,
		maxRecords: int64(opts.MaxRecords),
		every:      opts.SweepEvery,
	}
	if s.now == nil {
		s.now, s.realTime = time.Now, true
	}
	if s.every == 0 {
		s.every = defaultSweepEvery
	}
	for i := range s.shards {
		s.owners[i].byName = make(map[string]*owner)
	}
	return s, nil
}

// Len returns the number of records, including expired ones that are not removed yet.
func (s *Store) Len() int { return int(s.records.Load()) }

// Bytes returns the memory that the records take as [Options.MaxBytes] counts it.
func (s *Store) Bytes() int64 { return s.bytes.Load() }

// Close stops the background sweep and waits for one that is running. Operations return [ErrClosed]
// from then on. Close may be called again, and always returns nil.
func (s *Store) Close() error {
	s.timerMu.Lock()
	s.closed.Store(true)
	if s.timer != nil && s.timer.Stop() {
		s.running.Done()
	}
	s.timer = nil
	s.timerMu.Unlock()
	s.running.Wait()
	return nil
}

// unusable returns why the store does nothing, or nil.
func (s *Store) unusable() error {
	if s.closed.Load() {
		return ErrClosed
	}
	return nil
}

// check is what every operation begins with. It returns what time it is. Those on one
// record hold its lock by then, so that none goes by an earlier time than one before
// it, and revives what that one found expired.
func (s *Store) check(ctx context.Context, op string) (now int64, err error) {
	if err := s.unusable(); err != nil {
		return 0, err
	}
	t := s.now()
	if d, ok := ctx.(*deadline.Context); ok && s.realTime {
		err = d.ErrAt(t) // Err would look at the clock again: a tenth of a call
	} else {
		err = ctx.Err()
	}
	if err != nil {
		return 0, fmt.Errorf("memstore: %s: %w", op, err)
	}
	return nanos(t), nil
}

// checkStarted is check on a locked shard, by the time at which the caller's operation began. It goes
// by no earlier time than others before it have: what one found expired does not come back.
func (s *Store) checkStarted(ctx context.Context, sh *shard, op string) (now int64, err error) {
	if d, ok := ctx.(*deadline.Context); ok && s.realTime && s.unusable() == nil {
		if started, err := d.Started(); started != 0 && err == nil {
			if now, ok = sh.notBefore(started); ok {
				return now, nil
			}
		}
	}
	return s.check(ctx, op)
}

// arm schedules a background sweep, unless one is. An empty store sets no timer, so it can be
// garbage-collected without Close.
func (s *Store) arm() {
	if s.every < 0 || s.armed.Load() || !s.armed.CompareAndSwap(false, true) {
		return
	}
	s.timerMu.Lock()
	defer s.timerMu.Unlock()
	if s.closed.Load() {
		return
	}
	s.running.Add(1)
	s.timer = time.AfterFunc(s.every, s.background)
}

func (s *Store) background() {
	defer s.running.Done()
	s.sweepAll()
	s.armed.Store(false)
	if s.records.Load() > 0 && !s.closed.Load() {
		s.arm()
	}
}

// sweepAll removes every expired record. Its heaps yield only records whose time may have come, so
// it does at most one step for each operation that created or touched a record since.
func (s *Store) sweepAll() {
	const batch = 256 // so that a shard is not locked for long
	now := s.nanos()
	for i := range s.shards {
		for !s.closed.Load() {
			if _, _, more := s.sweepShard(i, now, batch); !more {
				break
			}
		}
	}
}

// reserve counts records and bytes that are about to be stored, and reports whether they fit.
// Negative numbers give back, and always fit.
func (s *Store) reserve(records, bytes int64) bool {
	if n := s.records.Add(records); records > 0 && s.maxRecords > 0 && n > s.maxRecords {
		s.records.Add(-records)
		return false
	}
	if n := s.bytes.Add(bytes); bytes > 0 && s.maxBytes > 0 && n > s.maxBytes {
		s.bytes.Add(-bytes)
		s.records.Add(-records)
		return false
	}
	return true
}

func size(id string, data []byte) int64 { return int64(len(id) + len(data) + recordOverhead) }

func (s *Store) nanos() int64 { return nanos(s.now()) }

var (
	earliest = time.Unix(0, math.MinInt64+1)
	latest   = time.Unix(0, math.MaxInt64)
)

// noTime stands for the zero time, which has no Unix nanoseconds.
const noTime = math.MinInt64

func nanos(t time.Time) int64 {
	switch sec := t.Unix(); {
	case -1<<33 < sec && sec < 1<<33: // almost always
		return t.UnixNano()
	case t.IsZero():
		return noTime
	case t.Before(earliest):
		return math.MinInt64 + 1
	case t.After(latest):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == noTime {
		return time.Time{}
	}
	return time.Unix(0, n)
}
