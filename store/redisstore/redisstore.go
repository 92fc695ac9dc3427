// Package redisstore keeps sessions in Redis 7 or later, or in Valkey: on one server,
// behind Sentinel, or in a Cluster.
//
// A record is a string under prefix and id, with an expiry: Flask-Session's layout. It is
// recognised by the SHA-1 of its data, so a write by another program, such as a Flask application,
// is noticed. Load asks for data and expiry in one trip; Replace compares and swaps in one step, by
// SET with IFEQ or by a script. Expiries are kept to the millisecond, by the server's clock. Redis
// removes expired records itself: there is nothing to sweep.
//
// The store lists by owner and lists all. It moves a record in one step, except in a Cluster, where
// the two ids lie in different slots; the core then moves it in three.
//
// An owner's index is a hash under prefix, "owner:", the hashed owner and a zero byte, which no id
// has, so that no record has its key. It maps each id to when its entry was written and when it may
// be removed, and expires with the last of them. Record and index lie in different slots of a
// Cluster, so no command or script here has keys in two slots. An entry that a failed Replace has
// left behind lists a record under an owner that it does not have; the core checks the owner in the
// document.
//
// Redis can lose what it acknowledged: by eviction, by a crash without persistence, or in a
// failover, since replication is asynchronous. See docs/stores/redis.md and
// [Options.WaitReplicas].
package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// MaxRecord is the largest data of one record, in bytes: 512 MB, the largest string of Redis. More
// is [store.ErrTooLarge]. So is what exceeds the server's proto-max-bulk-len, if the answer
// arrives: the server closes the connection at once, and with it other commands, so set
// cloakroom.Options.MaxBytes to less.
const MaxRecord = 512 << 20

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Connections, if set, are those of the client. When the server refuses a write because
	// another one should have it, as a demoted primary does, the store closes them and tries once
	// more. Without them such a client asks the wrong server for as long as its connections last.
	Connections *Connections

	// NearCache, if positive, is how long reads may be served from the client's memory, from a
	// millisecond to an hour. The server tells the client which records have changed, so reads are
	// usually as fresh as without. After a sign-out or a revocation by another process, they may
	// find the session while the invalidation is on its way, or until the client notices a dead
	// connection, which takes two seconds with a client that [Opener] made: see
	// docs/stores/redis.md. Writes are exact: a stale base fails the compare-and-swap. The client
	// must not have rueidis.ClientOption.DisableCache set. The default is no cache.
	NearCache time.Duration

	// Prefix begins all keys. The default is "session:", as that of Flask-Session. Listing all
	// lists every string whose key begins with it, so keys of other data must not.
	Prefix string

	// TraceBatch, if set, is called before each pipeline that serves several calls, with the
	// contexts of these calls, for tracing. It returns the context of the pipeline, ctx or a child of
	// it, and what to call when the pipeline has been answered. It must be safe for concurrent use,
	// not use the store, and not keep the callers' contexts. The default is none, which costs
	// nothing.
	TraceBatch func(ctx context.Context, callers []context.Context) (context.Context, func())

	// WaitReplicas is how many replicas must have a write before it is acknowledged, by the WAIT
	// command. Each write then takes a connection of its own for a round trip to the replicas. If
	// they are too few or too slow, it fails with an unknown outcome, and so do this store's loads
	// of the same record, until the replicas have it or for 30 seconds. This makes losing an
	// acknowledged write in a failover unlikely, not impossible: Redis does not promise to promote
	// a replica that has it. The default, zero, does not wait.
	WaitReplicas int

	// WaitTimeout is how long WAIT may wait, from a millisecond to 20 seconds. The
	// default is one second. A context that ends earlier counts too.
	WaitTimeout time.Duration
}

const (
	defaultPrefix      = "session:"
	defaultWaitTimeout = time.Second
	maxWaitTimeout     = 20 * time.Second
	defaultPage        = 100
	maxPage            = 1000
)

// Store is a [store.Store] in Redis. Make one with [New]. It is safe for concurrent use.
type Store struct {
	client rueidis.Client
	prefix string
	match  string // the pattern of all keys
	opts   Options

	cluster       bool
	loads, writes *batches
	compares      atomic.Int32 // whether the server has SET with IFEQ, see replace

	// Nanoseconds since start; 0 for never.
	troubledAt atomic.Int64 // the last connection error
	renewedAt  atomic.Int64 // when connections were last closed, see renewed

	renewing sync.Mutex // held while connections are closed
	start    time.Time
	recent   *recentWrites // nil without a near cache
	mirror   *mirror       // nil if the client does not tell of invalidations, too
	unheld   *unheld       // nil without waiting for replicas

	nearHits, nearMisses atomic.Int64 // see NearCache
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Mover       = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
)

// New returns a store that uses client, which the caller closes. The client must read from masters
// only: no SendToReplicas and no ReplicaOnly. rueidis never repeats a write by itself; DisableRetry
// keeps it from repeating reads for as long as the server is away. ConnWriteTimeout and
// Dialer.Timeout should be about a second, or requests wait until their own time limit when the
// server hangs; [Opener] sets both.
//
// New makes no call. An option out of range is an error that names it.
func New(client rueidis.Client, opts Options) (*Store, error) {
	if client == nil {
		return nil, errors.New("redisstore: the client is nil")
	}
	if opts.Prefix == "" {
		opts.Prefix = defaultPrefix
	}
	if opts.WaitTimeout == 0 {
		opts.WaitTimeout = defaultWaitTimeout
	}
	switch {
	case opts.NearCache != 0 && (opts.NearCache < time.Millisecond || opts.NearCache > time.Hour):
		return nil, outOfRange("NearCache", opts.NearCache, "from 1ms to 1h, or 0 for none")
	case opts.WaitReplicas < 0:
		const text = "redisstore: Options.WaitReplicas is negative: %d"
		return nil, fmt.Errorf(text, opts.WaitReplicas)
	case opts.WaitTimeout < time.Millisecond || opts.WaitTimeout > maxWaitTimeout:
		return nil, outOfRange("WaitTimeout", opts.WaitTimeout, "from 1ms to 20s")
	}
	s := &Store{
		client:  client,
		prefix:  opts.Prefix,
		match:   escapeGlob(opts.Prefix) + "*",
		opts:    opts,
		cluster: client.Mode() == rueidis.ClientModeCluster,
		start:   time.Now(),
	}
	s.loads, s.writes = newBatches(client, &s.opts), newBatches(client, &s.opts)
	if opts.NearCache > 0 {
		s.recent = newRecentWrites()
	}
	if opts.WaitReplicas > 0 {
		s.unheld = newUnheld()
	}
	return s, nil
}

// NearCache returns how many loads the near cache has answered since the store was made, and how
// many had to ask the server. Both are zero without [Options.NearCache].
func (s *Store) NearCache() (hits, misses int64) { return s.nearHits.Load(), s.nearMisses.Load() }

func outOfRange(option string, value any, want string) error {
	return fmt.Errorf("redisstore: Options.%s is %v: it must be %s", option, value, want)
}

func (s *Store) key(id string) string { return s.prefix + id }

// ownerKey ends in a byte that no id has, since an id may be "owner:" and 64 digits.
func (s *Store) ownerKey(owner string) string { return s.prefix + "owner:" + owner + "\x00" }

// version tells data apart within this process, at a fraction of the cost of digest.
func version(data []byte) store.Version {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], maphash.Bytes(versionSeed, data))
	return store.Version(b[:])
}

var versionSeed = maphash.MakeSeed()

// digest is what the scripts compare: redis.sha1hex of the data.
func digest(data []byte) string {
	sum := sha1.Sum(data)
	var digits [2 * sha1.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// latest is the last expiry that is sent, in the year 9999: Redis refuses those that overflow.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli()

// millis returns t as Redis takes it, rounded down. Redis refuses anything less than 1.
func millis(t time.Time) int64 {
	ms := t.Unix()
	if ms > latest/1000 {
		return latest
	}
	if ms < 1 {
		return 1
	}
	return t.UnixMilli()
}

// never is the expiry of a record that another program stored without one.
var never = time.UnixMilli(latest)

// expiry is the reverse of millis, for an answer to PEXPIRETIME.
func expiry(ms int64) time.Time {
	if ms < 0 || ms == math.MaxInt64 {
		return never
	}
	return time.UnixMilli(ms)
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}
