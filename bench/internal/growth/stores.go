package growth

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bench/internal/sections"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// Stores are those that can be measured.
func Stores() []string { return []string{"memory", "file", "sqlite", "postgres", "redis"} }

// open opens an empty store.
func open(t testing.TB, store string) (*Population, error) {
	p := &Population{store: store, fillers: runtime.NumCPU()}
	var err error
	switch store {
	case "memory":
		m, err := memstore.New(memstore.Options{SweepEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		p.alone, p.kept, p.bytes = true, m, heap
	case "file":
		dir := t.TempDir()
		p.alone = true
		p.kept, err = filestore.New(dir, filestore.Options{NoSync: true})
		p.bytes = func() (int64, error) { return folder(dir) }
	case "sqlite":
		p.alone = true
		err = p.sqlite(t)
	case "postgres":
		server := servers.StartPostgres(t, servers.SQLOptions{})
		var db *sql.DB
		db, p.kept, err = sections.Postgres(t, server.URL(t), new(sections.Wire))
		p.fillers = 16
		p.bytes = func() (n int64, err error) {
			const size = "SELECT pg_total_relation_size('sessions')"
			err = db.QueryRowContext(t.Context(), size).Scan(&n)
			return n, err
		}
	case "redis":
		server := servers.StartRedis(t, servers.RedisOptions{})
		s, closer, opening := redisstore.Open(t.Context(), server.URL())
		if opening != nil {
			return nil, opening
		}
		t.Cleanup(func() { _ = closer.Close() })
		p.kept, p.fillers = s, 64
		p.bytes = func() (int64, error) {
			return strconv.ParseInt(server.Info("used_memory"), 10, 64)
		}
	}
	if err != nil {
		return nil, err
	}
	p.manager, err = cloakroom.New(p.kept, cloakroom.Options{Idle: lifetime, Lifetime: lifetime})
	return p, err
}

// sqlite opens a database in a file.
func (p *Population) sqlite(t testing.TB) error {
	path := filepath.Join(t.TempDir(), "sessions.db")
	db, err := sections.SQLite(t, path)
	if err != nil {
		return err
	}
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: sqlstore.SQLite})
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = store.Close() })
	p.kept = store
	p.bytes = func() (int64, error) {
		if _, err := db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return 0, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	return store.CreateTable(t.Context())
}

// heap returns what the live objects of this process take.
func heap() (int64, error) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), nil
}

// folder returns what the files of sessions take on the disk, from a sixteenth of them.
func folder(dir string) (int64, error) {
	const part = 16
	shards, err := filepath.Glob(filepath.Join(dir, "sessions", "0?"))
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, shard := range shards {
		err := filepath.WalkDir(shard, func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			sum += onDisk(info)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return sum * part, nil
}
