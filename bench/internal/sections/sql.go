package sections

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// Connections, as many as sqlstore opens for a URL. For scs with 64 clients, pgxpool's
// own default (four, or one for each processor) is slower, and so are 25 and 64.
const (
	sqliteConns   = 8
	postgresConns = 10
)

// SQLite opens a database in a file with the settings of sqlstore's URLs, for both
// libraries in the comparison: a write-ahead log that is synced at checkpoints, as
// SQLite's manual advises.
func SQLite(t testing.TB, path string) (*sql.DB, error) {
	const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)" +
		"&_pragma=synchronous(normal)"
	db, err := sql.Open("sqlite", "file:"+path+pragmas)
	if err != nil {
		return nil, err
	}
	closeLater(t, db)
	db.SetMaxOpenConns(sqliteConns)
	db.SetMaxIdleConns(sqliteConns)
	return db, db.PingContext(t.Context())
}

func sqlite(t testing.TB) (*Opened, error) {
	dir := t.TempDir()
	rawURL := "sqlite://" + filepath.Join(dir, "cloakroom.db") + "?synchronous=normal"
	store, closer, err := sqlstore.Open(t.Context(), sqlstore.SQLite, "sqlite", rawURL)
	if err != nil {
		return nil, err
	}
	closeLater(t, closer)
	o := &Opened{Store: store, Sites: []*measure.Site{sites.Bare("sqlite")}}
	if _, err := o.add(Cloakroom, "sqlite", store); err != nil {
		return nil, err
	}
	db, err := SQLite(t, filepath.Join(dir, "scs.db"))
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)",
		"CREATE INDEX sessions_expiry_idx ON sessions (expiry)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			return nil, err
		}
	}
	o.Sites = append(o.Sites, sites.SCS("sqlite", sqlite3store.NewWithCleanupInterval(db, 0))...)
	return o, nil
}

// Postgres opens a database of a server for sqlstore, with as many connections as
// sqlstore opens for a URL. wire counts what they carry.
func Postgres(t testing.TB, url string, wire *Wire) (*sql.DB, *sqlstore.Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, err
	}
	config.DialFunc = wire.dial
	db := stdlib.OpenDB(*config)
	closeLater(t, db)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	store, err := sqlstore.New(db, sqlstore.Options{Dialect: sqlstore.Postgres})
	if err != nil {
		return nil, nil, err
	}
	closeLater(t, store)
	return db, store, store.CreateTable(t.Context())
}

func postgres(t testing.TB) (*Opened, error) {
	server := servers.StartPostgres(t, servers.SQLOptions{})
	var wire Wire
	_, store, err := Postgres(t, server.URL(t), &wire)
	if err != nil {
		return nil, err
	}
	o := &Opened{Store: store, Sites: []*measure.Site{sites.Bare("postgres")}}
	if _, err := o.add(Cloakroom, "postgres", store); err != nil {
		return nil, err
	}
	pool, err := pgxPool(t, server.URL(t), &wire)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, " +
			"expiry TIMESTAMPTZ NOT NULL)",
		"CREATE INDEX sessions_expiry_idx ON sessions (expiry)",
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			return nil, err
		}
	}
	o.Sites = append(o.Sites, sites.SCS("postgres", pgxstore.NewWithCleanupInterval(pool, 0))...)
	for _, s := range o.Sites {
		s.Wire = wire.n.Load
	}
	return o, nil
}

// pgxPool returns the pool for scs's store: pgx itself, without database/sql.
func pgxPool(t testing.TB, url string, wire *Wire) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.DialFunc = wire.dial
	config.MaxConns = postgresConns
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(t.Context()), config)
	if err == nil {
		t.Cleanup(pool.Close)
	}
	return pool, err
}
