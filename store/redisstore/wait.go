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

// mayBeRefused is the size from which a server may refuse a command before it has read all of it:
// proto-max-bulk-len is at least 1 MB. Without Pin, the client would reuse the command's memory
// while it is still sending it.
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

// write makes a write of key, and waits for replicas if it is told to: waited is why they do not
// have it, and matters only if something was written. If another server should have had the write,
// it is made once more, on a new connection.
func (s *Store) write(
	ctx context.Context, key string, build builder,
) (res rueidis.RedisResult, waited error) {
	res, waited = s.writeSent(ctx, key, build)
	if s.renewed(ctx, key, res.Error()) {
		res, waited = s.writeSent(ctx, key, build)
	}
	return res, waited
}

// writeSent repeats writeOnce until the write was sent. A client that does not read from an idle
// connection notices only by a write that the store has closed it: nothing was sent then, unless
// connections were closed during the write.
func (s *Store) writeSent(
	ctx context.Context, key string, build builder,
) (res rueidis.RedisResult, waited error) {
	for range reconnectTries {
		closed := s.renewedAt.Load()
		res, waited = s.writeOnce(ctx, key, build)
		unsent := errors.Is(res.NonRedisError(), net.ErrClosed)
		if !unsent || closed == 0 || s.renewedAt.Load() != closed {
			break
		}
	}
	return res, waited
}

func (s *Store) writeOnce(
	ctx context.Context, key string, build builder,
) (res rueidis.RedisResult, waited error) {
	if s.unheld == nil {
		return s.call(ctx, func(ctx context.Context) rueidis.RedisResult {
			return s.writeNow(ctx, build(s.client.B()))
		}), nil
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

// writeAndWait writes and waits on a connection of its own: WAIT is for the writes of its
// connection. Such a connection follows no redirection of a Cluster, or WAIT would ask
// a node that wrote nothing.
func (s *Store) writeAndWait(ctx context.Context, build builder) (rueidis.RedisResult, error) {
	conn, release := s.client.Dedicate()
	defer release()
	want, timeout := int64(s.opts.WaitReplicas), s.opts.WaitTimeout
	wait := conn.B().Wait().Numreplicas(want).Timeout(timeout.Milliseconds()).Build()
	results := conn.DoMulti(ctx, large(build(conn.B())), wait)
	if results[0].NonRedisError() != nil || results[1].NonRedisError() != nil {
		conn.Close() // what is still on its way must not meet the next user
	}
	n, err := results[1].AsInt64()
	if err == nil && n < want {
		err = fmt.Errorf("%d of %d replicas have it after %v", n, want, timeout)
	}
	return results[0], err
}

// unheldFor is how long a write that too few replicas have is remembered: longer than a commit may
// take.
const unheldFor = 30 * time.Second

// unheld remembers keys whose latest write may not be on enough replicas. After an unknown outcome
// the core loads the record, and would take what the master has as acknowledged. So a load of such
// a key waits for the replicas too, see [Store.loadHeld].
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
	several bool   // another key shares the place, so no write clears it
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

// clear notes that replicas have a write of key, and so all before it.
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

// loadHeld loads what the replicas have, or fails. It makes a write that changes nothing, because
// WAIT waits for the writes of its own connection; the replicas then have all earlier ones too.
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

// holdScript returns data and expiry of KEYS[1], and makes a write. No other client sees the key
// that it makes and deletes if there is none.
const holdScript = `local v = redis.call('GET', KEYS[1])
if not v then
  redis.call('SET', KEYS[1], '')
  redis.call('DEL', KEYS[1])
  return false
end
local e = redis.call('PEXPIRETIME', KEYS[1])
if e > 0 then redis.call('PEXPIREAT', KEYS[1], e) else redis.call('SET', KEYS[1], v) end
return {v, e}`
