// Package redisstore keeps sessions in Redis 7 or later, or in Valkey: on one server,
// behind Sentinel, or in a Cluster.
//
// A record is a string under prefix and id, with an expiry: Flask-Session's layout. It
// is recognised by the SHA-1 of its data, so a write by anybody, such as a Flask
// application, is noticed. Load asks for data and expiry in one trip; Replace compares
// and swaps in one step, by SET with IFEQ or by a script. Expiries are kept to the
// millisecond, by the server's clock, and Redis removes what has expired: there is
// nothing to sweep.
//
// The store lists by owner and lists all. It moves records in one step except in a Cluster,
// where the two ids lie in different slots; the core then does it in three.
//
// An owner's index is a hash under prefix, "owner:", the hashed owner and a zero byte,
// which no id has, so that it is nobody's record. It maps ids to when the entry was
// written and when it may be forgotten, and expires with the last of them. Record and
// index lie in different slots of a Cluster: no command or script here has keys in two.
// An entry that an unsuccessful Replace has left behind lists a record under an owner
// that it does not have; the core checks the owner in the document.
//
// What Redis acknowledged it can lose: by eviction, by a crash without persistence, or in a failover, for
// replication is asynchronous. See docs/stores/redis.md and [Options.WaitReplicas].
package redisstore

import (
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

// MaxRecord is the largest data of one record, in bytes: 512 MB, the largest string of
// Redis. More is [store.ErrTooLarge]. What exceeds the server's proto-max-bulk-len is
// too, if the answer arrives: the server closes the connection at once, which other
// commands were using, so set cloakroom.Options.MaxBytes to less.
const MaxRecord = 512 << 20

// Options configure a [Store]. The zero value is ready to use.
type Options struct {
	// Connections, if set, are those of the client. The store closes them when the
	// server refuses a write because another one should have it, as a primary that was
	// demoted does, and tries once more. Without them such a client goes on asking the
	// wrong server for as long as the connections last.
	Connections *Connections

	// NearCache, if positive, serves reads from the client's memory for at most so
	// long, from a millisecond to an hour. The server tells the client which records
	// were changed, so what is read is usually as fresh as without. See
	// docs/stores/redis.md for how stale it may be: after a sign-out or a revocation by
	// another process, reads may find the session for as long as the invalidation is on
	// its way, or until the client notices a dead connection, within two seconds with a
	// client as [Opener] makes it. Writes are exact: a stale base fails the
	// compare-and-swap. The client must not have rueidis.ClientOption.DisableCache set.
	// The default is no cache.
	NearCache time.Duration

	// Prefix begins all keys. The default is "session:", as that of Flask-Session. Listing all
	// lists every string whose key begins with it, so no other data may.
	Prefix string

	// WaitReplicas is how many replicas must have a write before it is acknowledged, by
	// the WAIT command. Each write then takes a connection of its own for a round trip
	// to the replicas, and fails with an unknown outcome when they are too few or too
	// slow; so do this store's loads of the same record, until the replicas have it or
	// for 30 seconds. It makes losing an acknowledged write in a failover unlikely, not
	// impossible: Redis does not promise to promote a replica that has it. The default,
	// zero, does not wait.
	WaitReplicas int

	// WaitTimeout is how long WAIT may wait, from a millisecond to 20 seconds. The
	// default is one second. A context that ends earlier counts too.
	WaitTimeout time.Duration
}

const (
	defaultPrefix      = "session:"
	defaultWaitTimeout = time.Second
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
	compares      atomic.Int32 // whether the server does so by itself, see replace

	troubledAt atomic.Int64 // nanoseconds since start, of the last connection error; 0 for none
	renewedAt  atomic.Int64 // likewise, when connections were closed, see renewed
	renewing   sync.Mutex   // held meanwhile
	start      time.Time
	recent     *recentWrites // nil without a near cache
	mirror     *mirror       // nil too where the client does not tell of invalidations
	unheld     *unheld       // nil without waiting for replicas
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Mover       = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
)

// New returns a store that uses client, which stays the caller's to close. The client
// must read from masters only: no SendToReplicas and no ReplicaOnly. rueidis never
// repeats a write by itself; DisableRetry keeps it from repeating reads for as long as
// the server is away. ConnWriteTimeout and Dialer.Timeout should be about a second, or
// requests wait out their own time limit when the server hangs; [Opener] sets both.
//
// It makes no call. An option out of range is an error that names it.
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
		return nil, fmt.Errorf("redisstore: Options.NearCache is %v: it must be from 1ms to 1h, or 0 for none", opts.NearCache)
	case opts.WaitReplicas < 0:
		return nil, fmt.Errorf("redisstore: Options.WaitReplicas is negative: %d", opts.WaitReplicas)
	case opts.WaitTimeout < time.Millisecond || opts.WaitTimeout > 20*time.Second:
		return nil, fmt.Errorf("redisstore: Options.WaitTimeout is %v: it must be from 1ms to 20s", opts.WaitTimeout)
	}
	s := &Store{
		client:  client,
		prefix:  opts.Prefix,
		match:   escapeGlob(opts.Prefix) + "*",
		opts:    opts,
		cluster: client.Mode() == rueidis.ClientModeCluster,
		start:   time.Now(),
		loads:   newBatches(client),
		writes:  newBatches(client),
	}
	if opts.NearCache > 0 {
		s.recent = newRecentWrites()
	}
	if opts.WaitReplicas > 0 {
		s.unheld = newUnheld()
	}
	return s, nil
}

func (s *Store) key(id string) string { return s.prefix + id }

// ownerKey ends in a byte that no id has, since an id may be "owner:" and 64 digits too.
func (s *Store) ownerKey(owner string) string { return s.prefix + "owner:" + owner + "\x00" }

// version tells contents apart within this process. Scripts go by digest, which costs more.
func version(data []byte) store.Version {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], maphash.Bytes(versionSeed, data))
	return store.Version(b[:])
}

var versionSeed = maphash.MakeSeed()

// digest is what the scripts compute of what is stored.
func digest(data []byte) string {
	sum := sha1.Sum(data)
	var digits [2 * sha1.Size]byte
	hex.Encode(digits[:], sum[:])
	return string(digits[:])
}

// latest is the last expiry that is passed on, in the year 9999: Redis refuses what overflows.
var latest = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli()

// millis returns t as Redis takes it, no later than t. Redis refuses anything less than 1.
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

// never stands for the expiry of a record that somebody else stored without one.
var never = time.UnixMilli(latest)

// expiry is the reverse of millis, for what PEXPIRETIME tells.
func expiry(ms int64) time.Time {
	if ms < 0 || ms == math.MaxInt64 {
		return never
	}
	return time.UnixMilli(ms)
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}
