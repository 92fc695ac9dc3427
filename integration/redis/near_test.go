package redis

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestNearConformance(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		nearConforms(t, single, servers.StartRedis(t, servers.RedisOptions{Program: program}).URL())
	})
}

// loads returns how many the server got.
func loads(t *testing.T, r *servers.Redis) int {
	t.Helper()
	n := 0
	for _, command := range []string{"evalsha_ro", "eval_ro"} {
		var one int
		fmt.Sscanf(r.CommandStats(t, command), "calls=%d", &one)
		n += one
	}
	return n
}

// TestNearCache: reads cost no call, changes of others arrive, and of one's own are
// there at once.
func TestNearCache(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{})
	near, other := open(t, r.URL(), "near_cache=1h"), open(t, r.URL())
	ctx := t.Context()
	id := hexID(1)
	record := lasting("0")
	var err error
	if record.Version, err = near.Create(ctx, id, record); err != nil {
		t.Fatal(err)
	}
	load := func() string {
		t.Helper()
		got, err := near.Load(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return string(got.Data)
	}
	load() // the server gets to know the script
	load() // asks the server, since it was just written
	load() // fills the cache
	r.Do(t, "CONFIG", "RESETSTAT")
	hits, misses := near.NearCache()
	for range 100 {
		if got := load(); got != "0" {
			t.Fatalf("loaded %q", got)
		}
	}
	if n := loads(t, r); n != 0 {
		t.Errorf("100 loads took %d calls, want none", n)
	}
	if h, m := near.NearCache(); h != hits+100 || m != misses {
		t.Errorf("100 loads were counted as %d hits and %d misses", h-hits, m-misses)
	}

	for i := 1; i <= 200; i++ {
		text := strconv.Itoa(i)
		next := lasting(text)
		if i%2 == 0 { // a change by another client arrives
			if next.Version, err = other.Replace(ctx, id, record, next); err != nil {
				t.Fatal(err)
			}
			servers.Until(t, "the change arrives", func() error {
				if got := load(); got != text {
					return fmt.Errorf("%q", got)
				}
				return nil
			})
		} else { // one's own is there at once
			if next.Version, err = near.Replace(ctx, id, record, next); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if got := load(); got != text {
					t.Fatalf("loaded %q after writing %q", got, text)
				}
			}
		}
		record = next
	}

	// The expiry that is cached is the one by now.
	until := time.Now().Add(3 * time.Hour).Truncate(time.Second)
	if err := near.Touch(ctx, id, record, until); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := near.Load(ctx, id); err != nil || !got.Expires.Equal(until) {
			t.Errorf("touched to %v, loaded %v, %v", until, got.Expires, err)
		}
	}
	stale := record
	if record.Version, err = other.Replace(ctx, id, record, lasting("foreign")); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Replace(ctx, id, stale, lasting("lost")); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("a replace of a stale base: %v, want ErrConflict", err)
	}
	if err := near.Delete(ctx, id, store.Record{}); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Load(ctx, id); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("loading what was deleted here: %v", err)
	}
}

// TestNearOwnWrites: no read of a process misses a write of its own, with many at once.
func TestNearOwnWrites(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{})
	near := open(t, r.URL(), "near_cache=1h")
	ctx := t.Context()
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			id := hexID(g)
			record := lasting("0")
			var err error
			if record.Version, err = near.Create(ctx, id, record); err != nil {
				t.Error(err)
				return
			}
			for i := range 200 {
				next := lasting(strconv.Itoa(i))
				if next.Version, err = near.Replace(ctx, id, record, next); err != nil {
					t.Errorf("write %d: %v", i, err)
					return
				}
				record = next
				for range 3 {
					got, err := near.Load(ctx, id)
					if err != nil || got.Version != record.Version {
						t.Errorf("after write %d: %q, %v", i, got.Data, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestNearDeadConnection: what was revoked elsewhere is not served for longer than two
// seconds when the connection is dead and nothing says so.
func TestNearDeadConnection(t *testing.T) {
	r := servers.StartRedis(t, servers.RedisOptions{})
	p := servers.StartProxy(t, r.Addr)
	near, other := open(t, "redis://"+p.Addr, "near_cache=1h"), open(t, r.URL())
	ctx := t.Context()
	id := hexID(1)
	if _, err := other.Create(ctx, id, lasting("live")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := near.Load(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	clock := servers.StartClock(t)
	p.Stall()
	if err := other.Delete(ctx, id, store.Record{}); err != nil {
		t.Fatal(err)
	}
	revoked := clock.Now()
	last := time.Duration(0)
	for last < 4*time.Second {
		began := clock.Now()
		if _, err := near.Load(ctx, id); err != nil {
			break
		}
		last = began - revoked
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("a revoked session was served for %v", last)
	if last > 2*time.Second {
		t.Errorf("a revoked session was served for %v, want at most 2s", last)
	}
	p.Mend()
	servers.Until(t, "the client has connected again", func() error {
		_, err := near.Load(ctx, id)
		if errors.Is(err, cloakroom.ErrNotFound) {
			return nil
		}
		return fmt.Errorf("loaded %w", err)
	})
}
