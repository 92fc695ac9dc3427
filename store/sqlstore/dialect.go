package sqlstore

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Dialect is a kind of database. The zero value is none.
type Dialect int

// The databases that a [Store] can be in.
const (
	SQLite   Dialect = iota + 1 // SQLite 3.35 or later
	Postgres                    // PostgreSQL 11 or later
	MySQL                       // MySQL 8, MariaDB 10.6 or later
)

func (d Dialect) impl() dialect {
	switch d {
	case SQLite:
		return sqlite{}
	case Postgres:
		return postgres{}
	case MySQL:
		return mysql{}
	}
	return nil
}

// String returns the name of the database.
func (d Dialect) String() string {
	if impl := d.impl(); impl != nil {
		return impl.name()
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

// dialect is what differs between databases. A new one is a file with a type that implements it,
// and a name in [Dialect].
type dialect interface {
	name() string

	// nameLimit is the longest name of a table, in bytes.
	nameLimit() int
	// quote makes an identifier of any name.
	quote(name string) string
	// placeholder is how a statement refers to its n-th parameter, from 1. Where
	// numbered is false, a parameter that is used twice is passed twice.
	placeholder(n int) string
	numbered() bool
	// timeIn converts a parameter, and timeOut the expiry column, from and to a time in UTC.
	timeIn(o *Options, sh *shape, param string) string
	timeOut(o *Options, sh *shape, column string) string
	// dataOut selects the data column, as NULL where another program has stored another type.
	// readable is the condition that it is data; table may be "t." for its qualified name.
	dataOut() string
	readable(table string) string
	// textIn casts a parameter to text, if that is needed.
	textIn(param string) string
	// arrays reports whether parameters can be PostgreSQL's arrays, so that one statement can be
	// about several records.
	arrays() bool
	// upsert reports whether an INSERT can take an expired row's place. If not, duplicate
	// recognises its failure.
	upsert() bool
	duplicate(err error) bool
	// skipLocked ends a selection of rows to delete, if it can skip locked ones.
	skipLocked() string
	// sweep is the statement that deletes rows by a condition.
	sweep(condition string) string

	// begin begins a transaction.
	begin() string
	// oneWriter reports whether the database has one writer at a time, so that the store should
	// have one, too.
	oneWriter() bool
	// rollsBackLocally reports whether to roll back a transaction even after its context ended,
	// instead of closing the connection: that might lose the database, and a rollback cannot hang.
	rollsBackLocally() bool
	// noTransaction recognises the failure to roll back a transaction that has ended.
	noTransaction(err error) bool

	// transient reports whether an error means that the statement did nothing and may
	// be tried again.
	transient(err error) bool
	// refusal returns the sentinel for an error that means that nothing was written, or nil.
	refusal(err error) error
	// otherServer reports whether such a refusal means that another server should be asked.
	otherServer(err error) bool
	// outdated reports whether an error means that the table has changed since the statement was
	// made. Nothing was written.
	outdated(err error) bool
	// text is an error's text without any data that it may quote.
	text(err error) string

	// inspect finds out what the table holds.
	inspect(ctx context.Context, s *Store) (shape, error)
	// create returns the statements that make the table.
	create(ctx context.Context, s *Store) ([]string, error)
	// migrate returns the statements that add what a table lacks.
	migrate(ctx context.Context, s *Store, shape shape) ([]string, error)
	// exists reports whether an error means that what a statement adds is there already, as when
	// two processes add it at once.
	exists(err error) bool

	// dsn returns a data source name for a driver. q has the parameters of the URL.
	dsn(driver string, u *url.URL, q *storeurl.Query) (source, error)
}

// shape is what a table can hold.
type shape struct {
	owner   bool          // it has the column owner
	exactID bool          // ids are compared byte for byte
	idMax   int           // the longest id with its prefix, in bytes
	dataMax int           // the most data, in bytes
	step    time.Duration // the resolution of expiries
	zoned   bool          // the column expiry is of a type with a time zone
}

func checkName(what, name string, limit int) error {
	if name == "" || len(name) > limit || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		why := fmt.Sprintf("it must be 1 to %d bytes of UTF-8", limit)
		return wrong(what, quotedShort(name), why)
	}
	return nil
}

// quoted puts a name between quotes, and doubles the quotes in it.
func quoted(name, quote string) string {
	return quote + strings.ReplaceAll(name, quote, quote+quote) + quote
}

// table returns the table's name as an identifier.
func (s *Store) table() string {
	t := s.d.quote(s.opts.Table)
	if s.opts.Schema != "" {
		t = s.d.quote(s.opts.Schema) + "." + t
	}
	return t
}

// key is the column that orders listings.
func (s *Store) key() string {
	if s.opts.Layout == FlaskPostgres {
		return "session_id"
	}
	return "id"
}

// indexName returns a name for the index of a column, within the limit of names.
func (s *Store) indexName(column string) string {
	name := "ix_" + s.opts.Table + "_" + column
	if len(name) > s.d.nameLimit() {
		name = "ix_" + string(version([]byte(s.opts.Table))[:16]) + "_" + column
	}
	return name
}
