package linear

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// place is a kind of store in which the promises are proven.
type place struct {
	name    string
	ops     int // the least number of operations in the long mode
	moves   bool
	listing bool
	without []kind
	loses   bool // a failover loses the latest acknowledged writes
	start   func(t testing.TB) *backend
}

// backend is a place that runs.
type backend struct {
	url    string           // for processes, each with its own store
	local  store.Store      // instead of url, for a place in this process
	clock  func() time.Time // the place's time
	faults []fault          // of the place, besides those of the processes
	noNaps bool             // sessions do not expire in real time
}

// fault is something that happens and is over when do returns.
type fault struct {
	name string
	do   func(r *run, lots *rand.Rand) error
}

// short returns how long a fault lasts.
func short(lots *rand.Rand) time.Duration { return time.Duration(50+lots.IntN(250)) * time.Millisecond }

// plainly returns a fault that begins, lasts, and ends.
func plainly(name string, begin, end func()) fault {
	return fault{name, func(_ *run, lots *rand.Rand) error {
		begin()
		time.Sleep(short(lots))
		end()
		return nil
	}}
}

// network are the faults of a connection.
func network(p *servers.Proxy) []fault {
	return []fault{
		plainly("connections cut", p.Cut, p.Mend),
		plainly("network stalled", p.Stall, p.Mend),
		plainly("stalled half-way through a message", func() { p.StallAfter(700) }, p.Mend),
		plainly("network slow", func() { p.Delay(3 * time.Millisecond) }, func() { p.Delay(0) }),
	}
}

// machine are the faults of a server that keeps what it acknowledged.
func machine(t testing.TB, p *servers.Process, restart func(testing.TB)) []fault {
	return []fault{
		plainly("server paused", func() { p.Pause(t) }, func() { p.Resume(t) }),
		plainly("server killed and restarted", p.Kill, func() { restart(t) }),
	}
}

var places = []place{
	{name: "memory", ops: 600_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		return &backend{local: memory(t)}
	}},
	{name: "memory, jumping clock", ops: 150_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		var offset atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		s, err := memstore.New(memstore.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		jump := func(name string, d time.Duration) fault {
			return fault{name, func(r *run, lots *rand.Rand) error {
				r.jump(func() {
					offset.Add(int64(d))
					time.Sleep(short(lots))
				})
				return nil
			}}
		}
		return &backend{local: s, clock: now, noNaps: true, faults: []fault{
			jump("clock jumps ahead", idle*3/2), jump("clock jumps a little ahead", idle/3),
			jump("clock jumps back", -idle), jump("clock jumps a little back", -idle/4),
		}}
	}},
	{name: "files", ops: 60_000, listing: true, start: func(t testing.TB) *backend {
		dir, full := smallDisk(t)
		// make the folders while there is room
		if _, err := filestore.New(dir, filestore.Options{}); err != nil {
			t.Fatal(err)
		}
		b := &backend{url: "file://" + dir + "?sync=off", faults: []fault{losingFiles(t, dir)}}
		if full != nil {
			b.faults = append(b.faults, *full)
		}
		return b
	}},
	{name: "Redis", ops: 80_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		r := servers.StartRedis(t, servers.RedisOptions{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}})
		p := servers.StartProxy(t, r.Addr)
		return &backend{url: "redis://" + p.Addr, faults: append(append(network(p), machine(t, r.Process, r.Restart)...),
			losingAll("all data lost", func() { r.Do(t, "FLUSHALL") }))}
	}},
	{name: "Redis, near cache", ops: 60_000, moves: true, listing: true, without: []kind{get}, start: func(t testing.TB) *backend {
		// Reads may be stale, as documented, and nothing else: writes are exact.
		r := servers.StartRedis(t, servers.RedisOptions{})
		return &backend{url: "redis://" + r.Addr + "?near_cache=1m", faults: []fault{losingAll("all data lost", func() { r.Do(t, "FLUSHALL") })}}
	}},
	{name: "Redis Cluster, WAIT", ops: 25_000, listing: true, start: func(t testing.TB) *backend {
		c := servers.StartCluster(t, servers.RedisOptions{})
		return &backend{url: c.URL() + "&wait_replicas=1", faults: []fault{failover(t, c)}}
	}},
	{name: "Redis Cluster, asynchronous", ops: 25_000, without: []kind{login, revoke}, loses: true, start: func(t testing.TB) *backend {
		c := servers.StartCluster(t, servers.RedisOptions{})
		f := failover(t, c)
		return &backend{url: c.URL(), faults: []fault{{f.name, func(r *run, lots *rand.Rand) (err error) {
			r.rewind(func() { err = f.do(r, lots) })
			return err
		}}}}
	}},
	{name: "memcached", ops: 60_000, start: func(t testing.TB) *backend {
		m := servers.StartMemcached(t)
		p := servers.StartProxy(t, m.Addr)
		return &backend{url: "memcached://" + p.Addr, faults: append(network(p),
			plainly("server paused", func() { m.Pause(t) }, func() { m.Resume(t) }),
			losingAll("server restarted, which empties it", func() {
				m.Kill()
				m.Restart(t)
			}))}
	}},
	{name: "SQLite", ops: 40_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		file := t.TempDir() + "/sessions.db"
		return &backend{url: "sqlite://" + file + "?synchronous=off", faults: []fault{
			losingRows(t, "sqlite", "file:"+file+"?_pragma=busy_timeout(20000)", "DELETE FROM sessions"),
		}}
	}},
	{name: "SQLite in memory", ops: 40_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		store, err := openStore(t.Context(), "sqlite::memory:")
		if err != nil {
			t.Fatal(err)
		}
		return &backend{local: store}
	}},
	{name: "PostgreSQL", ops: 40_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		s := servers.StartPostgres(t, servers.SQLOptions{Durable: true})
		rawURL := s.URL(t)
		return database(t, s, rawURL, losingRows(t, "pgx", rawURL, "TRUNCATE sessions"))
	}},
	{name: "MariaDB", ops: 30_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		s := servers.StartMariaDB(t, servers.SQLOptions{Durable: true})
		rawURL := s.URL(t)
		name := rawURL[strings.LastIndex(rawURL, "/"):]
		return database(t, s, rawURL, losingRows(t, "mysql", "root@tcp("+s.Addr+")"+name, "TRUNCATE sessions"))
	}},
	{name: "FerretDB, one request at a time", ops: 20_000, listing: true, start: func(t testing.TB) *backend {
		f := servers.StartFerretDB(t)
		return &backend{url: f.URL(), faults: append(append(network(f.Proxy), machine(t, f.Process, f.Restart)...), losingDocuments(t, f.URL()))}
	}},
	{name: "DynamoDB Local", ops: 20_000, moves: true, listing: true, start: func(t testing.TB) *backend {
		d := servers.StartDynamoDB(t, servers.DynamoDBOptions{Durable: true})
		p := servers.StartProxy(t, d.Addr)
		through := servers.DynamoDB{Addr: p.Addr}
		// the others are rarer: Java is slow to start and to warm up
		faults := slices.Repeat(network(p), 3)
		faults = append(faults, machine(t, d.Process, d.Restart)...)
		return &backend{url: through.URL("Sessions"), faults: append(faults, losingTable(t, d, d.URL("Sessions")))}
	}},
}

// database returns a place on a SQL server behind a proxy.
func database(t testing.TB, s *servers.SQLServer, rawURL string, lost fault) *backend {
	p := servers.StartProxy(t, s.Addr)
	return &backend{
		url:    strings.Replace(rawURL, s.Addr, p.Addr, 1),
		faults: append(append(network(p), machine(t, s.Process, s.Restart)...), lost),
	}
}

// failover kills a master, and starts it again when its replica has taken over.
func failover(t testing.TB, c *servers.Cluster) fault {
	return fault{"master killed, replica takes over", func(_ *run, lots *rand.Rand) error {
		masters := c.Masters()
		if len(masters) == 0 {
			return errors.New("the Cluster has no masters")
		}
		victim := masters[lots.IntN(len(masters))]
		before := len(masters)
		victim.Kill()
		servers.Until(t, "a replica takes over", func() error {
			if n := len(c.Masters()); n < before {
				return fmt.Errorf("%d masters of %d", n, before)
			}
			return nil
		})
		victim.Restart(t)
		c.Settle(t)
		return nil
	}}
}

// smallDisk returns a folder on a file system of its own and the fault of filling it up,
// or an ordinary folder where no file system can be mounted.
func smallDisk(t testing.TB) (string, *fault) {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mounting a small disk: %v", err)
		}
		t.Logf("no small disk, so it is never full: mounting one: %v", err)
		return dir, nil
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting the small disk: %v", err)
		}
	})
	filler := filepath.Join(dir, "filler")
	return filepath.Join(dir, "sessions"), &fault{"disk full", func(_ *run, lots *rand.Rand) error {
		f, err := os.Create(filler)
		if err != nil {
			return err
		}
		block := make([]byte, 64<<10)
		for err == nil {
			_, err = f.Write(block)
		}
		for err = nil; err == nil; { // to the last byte
			_, err = f.Write(block[:1])
		}
		time.Sleep(short(lots))
		return errors.Join(f.Close(), os.Remove(filler))
	}}
}
