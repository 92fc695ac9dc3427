// Package sqlstore keeps sessions in a table of SQLite, PostgreSQL, MySQL or MariaDB,
// through database/sql. It imports no driver: the caller's program does.
//
// The table is as Flask-Session's SQLAlchemy store has it: a numbered row for each record, with its
// id under a prefix, its data, and its expiry in UTC, whatever time zone the connection has. A
// further, nullable column, owner, is for listing by owner. A table that Flask made works as it is,
// without that listing until [Store.Migrate] has added the column.
//
// A record's version is the SHA-256 of its data. Replace is one conditional UPDATE that compares
// the data itself, so a write by another program, such as a Flask application, is noticed. Create
// is one INSERT that may take an expired row's place. Nothing is selected first. Every statement
// takes a connection from the pool and commits by itself, and Move has a transaction of its own:
// none joins a transaction of the application.
//
// Expiries are compared with the application's clock and kept in microseconds. A DATETIME column of
// MySQL, such as Flask makes, keeps whole seconds: a record then ends up to a second early. Expired
// rows stay until they are swept: call Sweep now and then, or set [Options.SweepInterval] or
// [Options.SweepEvery].
//
// In PostgreSQL, loads share a statement, and so do replacements, while twice as many as there are
// processors are under way. The outcome of each is what it would be alone.
//
// A statement that the database rolled back, as by a deadlock, or that was never sent, is repeated
// a few times. One whose outcome is unknown is not, unless it only reads. The drivers that this
// store is tested with (pgx, go-sql-driver/mysql, modernc.org/sqlite) return driver.ErrBadConn,
// upon which database/sql repeats a statement, only if nothing of it was sent. See
// docs/stores/sql.md.
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

	// FlaskPostgres is that of Flask-Session's store for PostgreSQL, which is in no release up to
	// 0.8: the id is the primary key, and expiry is in a time zone, see [Options.Zone].
	FlaskPostgres
)

// Options configure a [Store]. Only Dialect is required.
type Options struct {
	// Dialect is the kind of database: [SQLite], [Postgres], or [MySQL], also for MariaDB.
	Dialect Dialect

	// Layout is what the table looks like. The default is [SQLAlchemy].
	Layout Layout

	// Logger gets the failures of sweeping in the background. The default is slog.Default().
	Logger *slog.Logger

	// NoPrepare sends each statement in full instead of preparing it once per connection. It is for
	// poolers that cannot keep prepared statements, such as PgBouncer before 1.21 when it pools
	// transactions. The driver then needs a setting for that, too.
	NoPrepare bool

	// Now is the clock that expiries are compared with. The default is time.Now.
	Now func() time.Time

	// Prefix is put before every id: at most 64 bytes of UTF-8, without control characters. The
	// default is "session:", as that of Flask-Session. Rows with another prefix are not listed, but
	// swept.
	Prefix string

	// Schema is where the table is: for PostgreSQL the schema, for MySQL the database, for SQLite
	// an attached file. The default is what the connection uses.
	Schema string

	// SweepBatch is how many rows one statement of a background sweep removes at most: up to
	// 10,000. The default is 500.
	SweepBatch int

	// SweepEvery, if positive, sweeps in the background on average once in so many calls of Load
	// and Create, which is about once in so many requests that use a session. Flask-Session calls
	// it SESSION_CLEANUP_N_REQUESTS. The default is never.
	SweepEvery int

	// SweepInterval, if positive, is how often to sweep in the background, at least a second. It
	// varies by a fifth, so that several processes do not sweep together. The default is never.
	SweepInterval time.Duration

	// Table is the table's name. The default is "sessions", or "flask_sessions" in the
	// layout [FlaskPostgres].
	Table string

	// TraceBatch, if set, is called before each statement that serves several calls, with the
	// contexts of these calls, for tracing. It returns the context of the statement, ctx or a child
	// of it, and what to call when the statement has ended. It must be safe for concurrent use, not
	// use the store, and not keep the callers' contexts. Only PostgreSQL has such statements. The
	// default is none, which costs nothing.
	TraceBatch func(ctx context.Context, callers []context.Context) (context.Context, func())

	// Zone is the time zone of the expiry column in the layout [FlaskPostgres], as PostgreSQL names
	// it: that of Flask's connections. The default is that of this store's connections, which must
	// all have the same. It must be empty in the other layout, which is in UTC.
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
	place string // the table, for errors

	gate            chan struct{} // holds the one writer; nil if the database has more
	loads, replaces *batches
	known           atomic.Pointer[queries] // nil until the table was inspected

	// Nanoseconds since started.
	looked  atomic.Int64 // when the table was last inspected
	misled  atomic.Int64 // when new connections last led to the wrong server; 0 for never
	started time.Time

	closed   atomic.Bool
	mu       sync.Mutex // guards what follows
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

// New returns a store that uses db, which the caller configures and closes. It makes no call: the
// first operation inspects the table. [Store.CreateTable] makes the table.
//
// Limit db by SetMaxOpenConns: otherwise database/sql opens a connection for each request of a
// burst, and the server refuses those beyond its own limit, sign-ins among them. Set
// SetMaxIdleConns to the same number: otherwise two are kept, and the others are opened again and
// again, without prepared statements. Ten are plenty.
//
// A SQLite database in memory needs db.SetMaxOpenConns(1), since every connection has a database of
// its own. One in a file has no write-ahead log unless its data source name asks for one: see
// [SQLitePragmas]. A handler waits for itself, until its time is up, if it calls the store while it
// holds a transaction on the same SQLite file, or rows of a query when db has one connection.
//
// An option that is missing or out of range is an error that names it. Call [Store.Close] when the
// store is not needed any more, before db is closed.
func New(db *sql.DB, opts Options) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	d := opts.Dialect.impl()
	if d == nil {
		return nil, wrong("Dialect", int(opts.Dialect), "it must be SQLite, Postgres or MySQL")
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
	s.loads = newBatches(&s.opts, s.loadOne, s.loadMany)
	s.replaces = newBatches(&s.opts, s.replaceOne, s.replaceMany)
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

// wrong says what is wrong with an option.
func wrong(option string, value any, why string) error {
	return fmt.Errorf("sqlstore: Options.%s is %v: %s", option, value, why)
}

// quotedShort quotes the beginning of a text, for an error.
func quotedShort(text string) string { return fmt.Sprintf("%.100q", text) }

func (o *Options) check(d dialect) error {
	switch {
	case o.Layout != SQLAlchemy && o.Layout != FlaskPostgres:
		return wrong("Layout", int(o.Layout), "it must be SQLAlchemy or FlaskPostgres")
	case o.Layout == FlaskPostgres && o.Dialect != Postgres:
		return wrong("Layout", "FlaskPostgres", fmt.Sprintf("Options.Dialect is %v", o.Dialect))
	case o.Zone != "" && o.Layout != FlaskPostgres:
		return wrong("Zone", quotedShort(o.Zone), "only the layout FlaskPostgres has one")
	case len(o.Zone) > 64 || !isZone(o.Zone):
		return wrong("Zone", quotedShort(o.Zone), "it must be the name of a time zone")
	case len(o.Prefix) > maxPrefix, !utf8.ValidString(o.Prefix),
		strings.ContainsFunc(o.Prefix, unicode.IsControl):
		return wrong("Prefix", quotedShort(o.Prefix),
			"it must be at most 64 bytes of UTF-8 without control characters")
	case o.SweepBatch < 0 || o.SweepBatch > maxBatch:
		return wrong("SweepBatch", o.SweepBatch, fmt.Sprintf("it must be from 1 to %d", maxBatch))
	case o.SweepEvery < 0:
		return fmt.Errorf("sqlstore: Options.SweepEvery is negative: %d", o.SweepEvery)
	case o.SweepInterval != 0 && o.SweepInterval < time.Second:
		return wrong("SweepInterval", o.SweepInterval, "it must be at least 1s, or 0 for never")
	}
	if err := checkName("Table", o.Table, d.nameLimit()); err != nil {
		return err
	}
	if o.Schema != "" {
		return checkName("Schema", o.Schema, d.nameLimit())
	}
	return nil
}

// Close stops the background sweeps, waits until one that is under way has ended, and closes the
// prepared statements. The database stays open. Operations return [ErrClosed] from then on. Close
// may be called again.
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

// recheck is how often a table without an owner column is inspected again, while records have
// owners.
const recheck = 10 * time.Second

// queries returns the statements for the table as it is. owner says whether the caller would use an
// owner column, which may have been added since the table was inspected.
func (s *Store) queries(ctx context.Context, owner bool) (*queries, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	q := s.known.Load()
	if q == nil {
		return s.look(ctx)
	}
	age := time.Since(s.started) - time.Duration(s.looked.Load())
	if owner && !q.shape.owner && age >= recheck {
		return s.look(ctx)
	}
	return q, nil
}

// with calls do with the statements for the table as it is, see queries. If they turn out to be
// outdated, as after a migration, do has done nothing, and is called again with new ones.
func (s *Store) with(ctx context.Context, owner bool, do func(*queries) error) error {
	for try := 1; ; try++ {
		q, err := s.queries(ctx, owner)
		if err != nil {
			return err
		}
		err = do(q)
		if err == nil || ctx.Err() != nil || !s.outdated(err) || try >= s.maxForgotten() {
			return err
		}
		s.forget(q)
	}
}

// maxForgotten is how often a call may find its statements outdated: several times on each
// connection, since a driver keeps some by itself, and more while migrations follow each other.
func (s *Store) maxForgotten() int { return 16 + 4*s.db.Stats().OpenConnections }

// outdated reports whether a statement was not run because it was made for another table, or
// because another call has found that out and closed it.
func (s *Store) outdated(err error) bool {
	if !isSentinel(err) && s.d.outdated(err) {
		return true
	}
	return strings.HasSuffix(err.Error(), "sql: statement is closed")
}

// forget closes the statements on all connections, so that they are prepared anew. Of several calls
// with the same statements, one does so.
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
	s.prepared = slices.DeleteFunc(s.prepared, func(stmt *sql.Stmt) bool {
		return slices.Contains(old, stmt)
	})
	s.mu.Unlock()
	for _, stmt := range old {
		_ = stmt.Close() // it is not used again, even if this fails
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

// look inspects the table, and makes new statements if it has changed.
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
	s.known.CompareAndSwap(before, q) // or another call has just stored its own
	return q, nil
}
