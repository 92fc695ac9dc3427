package redisstore

import (
	"context"
	"errors"
	"hash/maphash"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

// recentFor is how long reads of an id bypass the near cache after a write of this process, unless
// one of them is answered earlier. By then the client has noticed a dead connection.
const recentFor = 5 * time.Second

// recentWrites knows which ids this process wrote just now. The server sends an invalidation after
// it has answered the writer, so without this the process would now and then not see its own write.
// A read that began after the write, on the connection that gets the invalidations, is answered
// after the invalidation: from then on the cache is right again.
//
// Its size is fixed. Ids that share a place make each other bypass the cache a little longer.
type recentWrites struct {
	seed   maphash.Seed
	start  time.Time
	places [1 << 13]recentPlace
}

type recentPlace struct {
	until atomic.Int64 // reads bypass the cache until then, in nanoseconds since start

	mu      sync.Mutex
	id      uint64 // the hash of the id
	several bool   // another id shares the place, so no read ends the bypass
	writing int    // writes under way
	seq     uint64 // moves with each beginning and end of a write
}

func newRecentWrites() *recentWrites {
	return &recentWrites{seed: maphash.MakeSeed(), start: time.Now()}
}

func (w *recentWrites) place(id string) (*recentPlace, uint64) {
	h := maphash.String(w.seed, id)
	return &w.places[h%uint64(len(w.places))], h
}

// begin notes that a write of id begins. Call end when it has ended, whatever its outcome.
func (w *recentWrites) begin(id string) (end func()) {
	p, h := w.place(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing > 0 || p.until.Load() > int64(time.Since(w.start)) {
		p.several = p.several || p.id != h
	} else {
		p.id, p.several = h, false
	}
	p.writing++
	p.seq++
	p.until.Store(math.MaxInt64)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.writing--
		p.seq++
		if p.writing == 0 {
			p.until.Store(int64(time.Since(w.start) + recentFor))
		}
	}
}

// bypassed reports whether a read of id must ask the server, with the state of writes when it
// began. Call answered after the server has answered.
func (w *recentWrites) bypassed(id string) (answered func(), state uint64, bypass bool) {
	p, h := w.place(id)
	until := p.until.Load()
	if until == 0 || until < int64(time.Since(w.start)) {
		return nil, 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seq := p.seq
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.writing == 0 && p.seq == seq && !p.several && p.id == h {
			p.until.Store(0)
		}
	}, seq, true
}

// wrote notes that a write of id begins. Call what it returns when the write has ended.
func (s *Store) wrote(id string) func() {
	if s.recent == nil {
		return func() {}
	}
	return s.recent.begin(id)
}

// loadNear is Load through the near cache. To bypass the cache it passes an argument that was not
// passed before, which means nothing to the script. Such a call must go through the cache too: it
// would use another connection otherwise.
func (s *Store) loadNear(ctx context.Context, id string) (store.Record, error) {
	if s.troubled() {
		s.nearMisses.Add(1)
		return s.load(ctx, s.key(id))
	}
	answered, state, bypass := s.recent.bypassed(id)
	var seq uint64
	if s.mirror != nil && !bypass {
		r, at, ok := s.mirror.get(id)
		if ok {
			s.nearHits.Add(1)
			return r, nil
		}
		seq = at
	}
	key := s.key(id)
	script := s.client.B().EvalshaRo().Sha1(nearScript.sha).Numkeys(1).Key(key)
	var res rueidis.RedisResult
	if bypass {
		fresh := script.Arg(strconv.FormatUint(state, 10))
		res = s.client.DoCache(ctx, fresh.Cache().ToStaticTTL(), time.Millisecond)
	} else {
		res = s.client.DoCache(ctx, script.Cache().ToStaticTTL(), s.opts.NearCache)
	}
	s.note(res.NonRedisError())
	if res.IsCacheHit() {
		s.nearHits.Add(1)
	} else {
		s.nearMisses.Add(1)
	}
	if unknownScript(res) {
		return scripted(s.read(ctx, nearScript, key))
	}
	r, err := scripted(res)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
	case bypass:
		answered()
	case s.mirror != nil && err == nil:
		s.mirror.put(id, seq, r, res.CachePXAT())
	}
	return r, err
}
