package redisstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

type builder = func(rueidis.Builder) rueidis.Completed

// mayBeRefused is the size of a command that a server may refuse before it has read all
// of it: proto-max-bulk-len is at least 1 MB. The client would use the command's memory
// again while it still sends it.
const mayBeRefused = 1 << 19

func size(cmd rueidis.Completed) (n int) {
	for _, arg := range cmd.Commands() {
		n += len(arg)
	}
	return n
}

func large(cmd rueidis.Completed) rueidis.Completed {
	if size(cmd) < mayBeRefused {
		return cmd
	}
	return cmd.Pin()
}

// write makes a write of key, and waits for replicas if it is told to. waited says
// whether they have it, and matters only if something was written. Where another server
// should have had it, it is made once more, on a new connection.
func (s *Store) write(
	ctx context.Context, key string, build builder,
) (res rueidis.RedisResult, waited error) {
	res, waited = s.writeSent(ctx, key, build)
	if s.renewed(ctx, key, res.Error()) {
		res, waited = s.writeSent(ctx, key, build)
	}
	return res, waited
}

// writeSent is writeOnce until it was sent. A client that does not listen on an idle
// connection only notices by a write that the store closed it: nothing was sent on it
// then, unless that was done just now.
func (s *Store) writeSent(
	ctx context.Context, key string, build builder,
) (res rueidis.RedisResult, waited error) {
	for range reconnectTries {
		closed := s.renewedAt.Load()
		res, waited = s.writeOnce(ctx, key, build)
		if closed == 0 || s.renewedAt.Load() != closed || !errors.Is(res.NonRedisError(), net.ErrClosed) {
			break
		}
	}
	return res, waited
}

func (s *Store) writeOnce(
	ctx context.Context, key string, build builder,
) (res rueidis.RedisResult, waited error) {
	if s.unheld == nil {
		return s.call(ctx, func(ctx context.Context) rueidis.RedisResult { return s.writeNow(ctx, build(s.client.B())) }), nil
	}
	got := make(chan error, 1)
	res = s.watch(ctx, func(ctx context.Context) rueidis.RedisResult {
		res, err := s.writeAndWait(ctx, build)
		got <- err
		return res
	})
	select {
	case waited = <-got:
	default:
		waited = ctx.Err()
	}
	if waited == nil {
		s.unheld.clear(key)
	} else {
		s.unheld.note(key)
	}
	return res, waited
}

func (s *Store) writeNow(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	if s.cluster || size(cmd) > maxShared {
		return s.client.Do(ctx, large(cmd))
	}
	return send(ctx, s.writes, cmd)[0]
}

// writeAndWait does both on a connection of its own: WAIT means the writes of its
// connection. Such a connection follows no redirection of a Cluster, or WAIT would ask
// a node that wrote nothing.
func (s *Store) writeAndWait(ctx context.Context, build builder) (rueidis.RedisResult, error) {
	conn, release := s.client.Dedicate()
	defer release()
	wait := conn.B().Wait().Numreplicas(int64(s.opts.WaitReplicas)).Timeout(s.opts.WaitTimeout.Milliseconds()).Build()
	results := conn.DoMulti(ctx, large(build(conn.B())), wait)
	if results[0].NonRedisError() != nil || results[1].NonRedisError() != nil {
		conn.Close() // what is still on its way must not meet the next user
	}
	n, err := results[1].AsInt64()
	if err == nil && n < int64(s.opts.WaitReplicas) {
		err = fmt.Errorf("%d of %d replicas have it after %v", n, s.opts.WaitReplicas, s.opts.WaitTimeout)
	}
	return results[0], err
}

// unheldFor is how long a write that too few replicas had is remembered: longer than a
// commit may take.
const unheldFor = 30 * time.Second

// unheld remembers keys whose latest write too few replicas have, as far as is known. After an
// unknown outcome the core loads the record, and would take what it finds on the master for done. So a
// load of such a key waits for the replicas too, see [Store.loadHeld].
//
// Its size is fixed. Keys that share a place make each other wait.
type unheld struct {
	seed   maphash.Seed
	start  time.Time
	places [1 << 12]unheldPlace
}

type unheldPlace struct {
	until atomic.Int64 // in nanoseconds since start

	mu      sync.Mutex
	key     uint64 // the hash of the key
	several bool   // another key too, so that none speaks for all
}

func newUnheld() *unheld { return &unheld{seed: maphash.MakeSeed(), start: time.Now()} }

func (u *unheld) place(key string) (*unheldPlace, uint64) {
	h := maphash.String(u.seed, key)
	return &u.places[h%uint64(len(u.places))], h
}

func (u *unheld) active(p *unheldPlace) bool {
	until := p.until.Load()
	return until != 0 && until > int64(time.Since(u.start))
}

func (u *unheld) note(key string) {
	p, h := u.place(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !u.active(p) {
		p.key, p.several = h, false
	}
	p.several = p.several || p.key != h
	p.until.Store(int64(time.Since(u.start) + unheldFor))
}

// clear is called when replicas have a write of key. They have what came before it too.
func (u *unheld) clear(key string) {
	p, h := u.place(key)
	if p.until.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key == h && !p.several {
		p.until.Store(0)
	}
}

func (u *unheld) noted(key string) bool {
	p, _ := u.place(key)
	return u.active(p)
}

// loadHeld loads what the replicas have, or fails. It writes, without changing
// anything, because WAIT waits for what its own connection wrote; the replicas then
// have what came before too.
func (s *Store) loadHeld(ctx context.Context, key string) (store.Record, error) {
	res, waited := s.write(ctx, key, func(b rueidis.Builder) rueidis.Completed {
		return b.Eval().Script(holdScript).Numkeys(1).Key(key).Build()
	})
	r, err := scripted(res)
	if waited != nil && (err == nil || errors.Is(err, store.ErrNotFound)) {
		err = waited
	}
	return r, err
}

// holdScript returns data and expiry of KEYS[1], and writes. Nobody sees the record
// that it makes for a moment where there was none.
const holdScript = `local v = redis.call('GET', KEYS[1])
if not v then
  redis.call('SET', KEYS[1], '')
  redis.call('DEL', KEYS[1])
  return false
end
local e = redis.call('PEXPIRETIME', KEYS[1])
if e > 0 then redis.call('PEXPIREAT', KEYS[1], e) else redis.call('SET', KEYS[1], v) end
return {v, e}`
