// Package sqlstore keeps sessions in a table of SQLite, PostgreSQL, MySQL or MariaDB,
// through database/sql. It imports no driver: the caller's program does.
//
// The table is as Flask-Session's SQLAlchemy store has it: a numbered row for each
// record, with its id under a prefix, its data, and its expiry in UTC, whatever time
// zone the connection has. One nullable column more, owner, lets it list by owner. A
// table that Flask made works as it is, without that listing until [Store.Migrate] has
// added the column.
//
// A record's version is the SHA-256 of its data. Replace is one conditional UPDATE that
// compares the data itself, so a write by anybody, such as a Flask application, is
// noticed; Create is one INSERT that may take an expired row's place. Nothing is
// selected first, and nothing of the application's own transactions is touched: every
// statement takes a connection from the pool and commits by itself, and Move has a
// transaction of its own.
//
// Expiries are compared with the application's clock and kept in microseconds; a
// DATETIME column of MySQL, such as Flask makes, keeps whole seconds, and a record then
// ends up to a second early. Nothing removes expired rows by itself: call Sweep now and
// then, or set [Options.SweepInterval] or [Options.SweepEvery].
//
// In PostgreSQL, loads and replacements that come while twice as many as there are
// processors are under way share a statement. The outcome of each is what it would be
// alone.
//
// A statement that the database rolled back, by a deadlock for one, or that was never
// sent, is repeated a few times. One whose outcome is unknown never is, except a read.
// The drivers that this store is tested with (pgx, go-sql-driver/mysql,
// modernc.org/sqlite) return driver.ErrBadConn, upon which database/sql repeats a
// statement, only when nothing of it was sent. See docs/stores/sql.md.
package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store"
)

// MaxRecord is the largest data of one record, in bytes: 256 MiB, or less where the
// column or the server holds less. More is [store.ErrTooLarge], and is not sent.
const MaxRecord = 256 << 20

// Layout is what the table looks like.
type Layout int

const (
	// SQLAlchemy is the layout of Flask-Session's store for SQLAlchemy, and the default.
	SQLAlchemy Layout = iota

	// FlaskPostgres is that of Flask-Session's store for PostgreSQL, which was not in a release up to 0.8: the id is
	// the primary key, and expiry is in a time zone, see [Options.Zone].
	FlaskPostgres
)

// Options configure a [Store]. Only Dialect is required.
type Options struct {
	// Dialect is the kind of database: [SQLite], [Postgres] or [MySQL], which MariaDB is too.
	Dialect Dialect

	// Layout is what the table looks like. The default is [SQLAlchemy].
	Layout Layout

	// Logger gets the failures of sweeping in the background. The default is slog.Default().
	Logger *slog.Logger

	// NoPrepare sends statements with their parameters each time instead of preparing
	// them once a connection. It is for poolers between here and the server that cannot
	// keep prepared statements, such as PgBouncer before 1.21 when it pools
	// transactions; the driver then needs a setting likewise.
	NoPrepare bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// Prefix is put before every id. The default is "session:", which is
	// Flask-Session's. At most 64 bytes of UTF-8, without control characters. Rows with
	// another prefix are not seen, but swept.
	Prefix string

	// Schema is the schema that the table is in; for MySQL the database, for SQLite an
	// attached file. The default is what the connection uses.
	Schema string

	// SweepBatch is how many rows one statement of the background sweeps removes at
	// most. The default is 500, the most 10,000.
	SweepBatch int

	// SweepEvery, if positive, sweeps in the background on average once in so many
	// calls of Load and Create, about as many as there are requests that use a session.
	// Flask-Session calls it SESSION_CLEANUP_N_REQUESTS. The default is not to.
	SweepEvery int

	// SweepInterval, if positive, sweeps in the background so often, each time up to a
	// fifth earlier or later, so that several processes do not sweep together. At least
	// a second. The default is not to.
	SweepInterval time.Duration

	// Table is the table's name. The default is "sessions", or "flask_sessions" in the
	// layout [FlaskPostgres].
	Table string

	// Zone is the time zone of the expiry column in the layout [FlaskPostgres], as
	// PostgreSQL names it: the one that Flask's connections have. The default is what
	// the connection of each call has, so all connections must have the same. It must
	// be empty in the other layout, which is in UTC.
	Zone string
}

const (
	defaultPrefix     = "session:"
	defaultSweepBatch = 500
	defaultPage       = 100
	maxPage           = 1000
	maxBatch          = 10_000
	maxPrefix         = 64
)

// ErrClosed is what every operation returns after [Store.Close].
var ErrClosed = errors.New("sqlstore: store is closed")

// Store is a [store.Store] in a table. Make one with [New]. It is safe for concurrent
// use, also by several processes on one table.
type Store struct {
	db    *sql.DB
	opts  Options
	d     dialect
	place string // the table, for messages

	gate            chan struct{} // one writer at a time, where the database has no more; else nil
	loads, replaces *batches
	known           atomic.Pointer[queries]
	looked          atomic.Int64 // when the table was looked at last, in nanoseconds since started
	// when all new connections led to the wrong server, likewise; 0 for never
	misled  atomic.Int64
	started time.Time

	closed   atomic.Bool
	mu       sync.Mutex // for what follows
	prepared []*sql.Stmt
	sweeper  sweeper
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.Mover       = (*Store)(nil)
	_ store.OwnerLister = (*Store)(nil)
	_ store.Lister      = (*Store)(nil)
	_ store.Sweeper     = (*Store)(nil)
)

// New returns a store that uses db, which stays the caller's to configure and to close. It makes no call: the table
// is looked at with the first operation. [Store.CreateTable] makes it. A SQLite database in memory needs
// db.SetMaxOpenConns(1), since every connection has a database of its own.
//
// Limit db by SetMaxOpenConns: otherwise database/sql opens a connection for each
// request of a burst, and the server refuses those beyond its own limit, sign-ins among
// them. Give it as many idle connections by SetMaxIdleConns, or it keeps two, and opens
// others, which know no prepared statements, again and again. Ten are plenty.
//
// A SQLite database has no write-ahead log unless its data source name asks for one: see
// [SQLitePragmas]. A handler that holds a transaction of the same SQLite file, or rows of a query
// where db has one connection, while it answers waits for itself, and gets an error
// when its time is up.
//
// An option that is missing or out of range is an error that names it. Call [Store.Close] when the store is not needed
// any more, before db is closed.
func New(db *sql.DB, opts Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	d := opts.Dialect.impl()
	if d == nil {
		return nil, fmt.Errorf("sqlstore: Options.Dialect is %d: it must be SQLite, Postgres or MySQL", int(opts.Dialect))
	}
	opts = opts.withDefaults()
	if err := opts.check(d); err != nil {
		return nil, err
	}
	s := &Store{db: db, opts: opts, d: d, started: time.Now(), place: opts.Table}
	if opts.Schema != "" {
		s.place = opts.Schema + "." + opts.Table
	}
	if d.oneWriter() {
		s.gate = make(chan struct{}, 1)
	}
	s.loads = newBatches(s.loadOne, s.loadMany)
	s.replaces = newBatches(s.replaceOne, s.replaceMany)
	s.sweeper.start(s)
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	if o.SweepBatch == 0 {
		o.SweepBatch = defaultSweepBatch
	}
	if o.Table == "" {
		o.Table = "sessions"
		if o.Layout == FlaskPostgres {
			o.Table = "flask_sessions"
		}
	}
	return o
}

func (o *Options) check(d dialect) error {
	switch {
	case o.Layout != SQLAlchemy && o.Layout != FlaskPostgres:
		return fmt.Errorf("sqlstore: Options.Layout is %d: it must be SQLAlchemy or FlaskPostgres", int(o.Layout))
	case o.Layout == FlaskPostgres && o.Dialect != Postgres:
		return fmt.Errorf("sqlstore: Options.Layout is FlaskPostgres, and Options.Dialect is %v", o.Dialect)
	case o.Zone != "" && o.Layout != FlaskPostgres:
		return fmt.Errorf("sqlstore: Options.Zone is %q: only the layout FlaskPostgres has one", o.Zone)
	case len(o.Zone) > 64 || !isZone(o.Zone):
		return fmt.Errorf("sqlstore: Options.Zone is %.100q: it must be the name of a time zone", o.Zone)
	case len(o.Prefix) > maxPrefix || !utf8.ValidString(o.Prefix) || strings.ContainsFunc(o.Prefix, unicode.IsControl):
		return fmt.Errorf("sqlstore: Options.Prefix is %.300q: it must be at most %d bytes of UTF-8 without control characters", o.Prefix, maxPrefix)
	case o.SweepBatch < 0 || o.SweepBatch > maxBatch:
		return fmt.Errorf("sqlstore: Options.SweepBatch is %d: it must be from 1 to %d", o.SweepBatch, maxBatch)
	case o.SweepEvery < 0:
		return fmt.Errorf("sqlstore: Options.SweepEvery is negative: %d", o.SweepEvery)
	case o.SweepInterval != 0 && o.SweepInterval < time.Second:
		return fmt.Errorf("sqlstore: Options.SweepInterval is %v: it must be at least 1s, or 0 for never", o.SweepInterval)
	}
	if err := checkName("Options.Table", o.Table, d.nameLimit()); err != nil {
		return err
	}
	if o.Schema != "" {
		return checkName("Options.Schema", o.Schema, d.nameLimit())
	}
	return nil
}

// Close stops sweeping in the background, waits until a sweep under way has ended, and closes the prepared
// statements. The database stays open. Operations return [ErrClosed] from then on. Close may be called again.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed.Swap(true)
	prepared := s.prepared
	s.prepared = nil
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.sweeper.stop()
	var errs []error
	for _, stmt := range prepared {
		errs = append(errs, stmt.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sqlstore: close: %w", err)
	}
	return nil
}

// version is the digest of a record's data.
func version(data []byte) store.Version {
	sum := sha256.Sum256(data)
	return store.Version(hex.EncodeToString(sum[:]))
}

// recheck is how often a table without an owner column is looked at again, when records
// have owners.
const recheck = 10 * time.Second

// queries returns the statements for the table as it is. owner says whether the caller
// has use for an owner column: when there was none, it may have come since.
func (s *Store) queries(ctx context.Context, owner bool) (*queries, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	q := s.known.Load()
	if q != nil && (q.shape.owner || !owner || time.Since(s.started)-time.Duration(s.looked.Load()) < recheck) {
		return q, nil
	}
	return s.look(ctx)
}

// with calls do with the statements for the table as it is, see queries. Where the
// table is another by now than they were made for, as after a migration, do has done
// nothing, and is called with new ones.
func (s *Store) with(ctx context.Context, owner bool, do func(*queries) error) error {
	for try := 1; ; try++ {
		q, err := s.queries(ctx, owner)
		if err != nil {
			return err
		}
		err = do(q)
		if err == nil || try == maxForgotten || ctx.Err() != nil || !s.outdated(err) {
			return err
		}
		s.forget(q)
	}
}

// maxForgotten is how often a call uses statements that turn out to be outdated. Those
// that the driver keeps for each connection by itself are found one by one.
const maxForgotten = 8

// outdated reports whether a statement was not run because it was made for another table, or
// because another call has found that out.
func (s *Store) outdated(err error) bool {
	return !isSentinel(err) && s.d.outdated(err) || strings.HasSuffix(err.Error(), "sql: statement is closed")
}

// forget closes the statements, on all connections, so that they are prepared anew.
// Only one of several calls does so.
func (s *Store) forget(q *queries) {
	if !s.known.CompareAndSwap(q, nil) {
		return
	}
	var old []*sql.Stmt
	s.mu.Lock()
	q.each(func(st *statement) {
		if stmt := st.stmt.Load(); stmt != nil {
			old = append(old, stmt)
		}
	})
	s.prepared = slices.DeleteFunc(s.prepared, func(stmt *sql.Stmt) bool { return slices.Contains(old, stmt) })
	s.mu.Unlock()
	for _, stmt := range old {
		_ = stmt.Close() // whatever comes of it: it is of no use
	}
}

// inspect asks the dialect what the table has.
func (s *Store) inspect(ctx context.Context) (shape, error) {
	for try := 1; ; try++ {
		sh, err := s.d.inspect(ctx, s)
		if err == nil || !s.transient(err) || !s.pause(ctx, try) {
			return sh, err
		}
	}
}

// look looks at the table.
func (s *Store) look(ctx context.Context) (*queries, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	shape, err := s.inspect(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the table: %w", err)
	}
	s.looked.Store(int64(time.Since(s.started)))
	before := s.known.Load()
	if before != nil && before.shape == shape {
		return before, nil
	}
	q := newQueries(s, shape)
	s.known.CompareAndSwap(before, q) // or somebody else saw it at the same time
	return q, nil
}
