package sqlstore

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

type postgres struct{}

func (postgres) name() string             { return "PostgreSQL" }
func (postgres) nameLimit() int           { return 63 } // longer ones are truncated
func (postgres) quote(name string) string { return quoted(name, `"`) }
func (postgres) placeholder(n int) string { return "$" + strconv.Itoa(n) }
func (postgres) numbered() bool           { return true }
func (postgres) textIn(p string) string   { return "CAST(" + p + " AS VARCHAR)" }
func (postgres) arrays() bool             { return true }
func (postgres) upsert() bool             { return true }
func (postgres) duplicate(error) bool     { return false }
func (postgres) skipLocked() string       { return " FOR UPDATE SKIP LOCKED" }
func (postgres) begin() string            { return "BEGIN ISOLATION LEVEL READ COMMITTED" }
func (postgres) oneWriter() bool          { return false }
func (postgres) noTransaction(error) bool { return false }
func (postgres) rollsBackLocally() bool   { return false }
func (postgres) text(err error) string    { return err.Error() }
func (postgres) transient(err error) bool { return slices.Contains(repeatable, sqlState(err)) }
func (postgres) exists(err error) bool    { return slices.Contains(alreadyThere, sqlState(err)) }

var (
	repeatable = []string{
		"40001", // serialization failure
		"40P01", // deadlock
		"55P03", // lock not available
		"53300", // too many connections
	}
	alreadyThere = []string{
		"23505", // a name in the catalog, if two processes made one table at once
		"42701", // column
		"42710", // index
		"42P07", // table
	}
)

// zoneOf is the expression for the zone of the expiry column in the layout FlaskPostgres.
func zoneOf(o *Options) string {
	if o.Zone == "" {
		return "current_setting('TimeZone')"
	}
	return quoted(o.Zone, "'")
}

func (postgres) dataOut() string              { return "data" }
func (postgres) readable(table string) string { return "(" + table + "data IS NOT NULL)" }

func (postgres) timeIn(o *Options, sh *shape, param string) string {
	p := "CAST(" + param + " AS TIMESTAMP)"
	switch {
	case sh.zoned:
		p = "(" + p + " AT TIME ZONE 'UTC')"
	case o.Layout == FlaskPostgres:
		p = "(" + p + " AT TIME ZONE 'UTC' AT TIME ZONE " + zoneOf(o) + ")"
	}
	return p
}

func (postgres) timeOut(o *Options, sh *shape, column string) string {
	switch {
	case sh.zoned:
		return "(" + column + " AT TIME ZONE 'UTC')"
	case o.Layout == FlaskPostgres:
		return "(" + column + " AT TIME ZONE " + zoneOf(o) + " AT TIME ZONE 'UTC')"
	}
	return column
}

func (postgres) sweep(condition string) string {
	return "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE " + condition +
		" ORDER BY expiry LIMIT {limit}{lock}) AND " + condition
}

func (postgres) refusal(err error) error {
	switch sqlState(err) {
	case "22001", "54000": // too long for its column, or beyond a limit of the server
		return store.ErrTooLarge
	case "53100", "53200": // disk or memory full
		return store.ErrFull
	case "53300": // too many connections, after all tries
		return store.ErrRefused
	case readOnlyTransaction, cannotConnectNow:
		return store.ErrRefused
	}
	// Not 57P01 and 57P02, which a server that shuts down sends instead of an answer: what it did
	// is not known.
	if slices.Contains(refusedClasses, sqlClass(err)) {
		return store.ErrRefused
	}
	return nil
}

const (
	readOnlyTransaction = "25006" // as in a standby
	cannotConnectNow    = "57P03" // it starts up, shuts down, or recovers
)

// refusedClasses are the classes of errors that mean that nothing was done.
var refusedClasses = []string{
	"0A", // not supported, as on a standby
	"22", // bad data
	"23", // a constraint of another program
	"28", // authorization
	"3D", // no such database
	"3F", // no such schema
	"42", // no such table or column, or no right
}

func (postgres) otherServer(err error) bool {
	state := sqlState(err)
	return state == readOnlyTransaction || state == cannotConnectNow
}

// outdated: a column is missing or has another type, or a plan's result would have.
func (postgres) outdated(err error) bool {
	switch sqlState(err) {
	case "0A000":
		return strings.Contains(err.Error(), "cached plan")
	case "42703", "42804", "42883", "42P18", "26000":
		return true
	}
	return false
}

// postgresTypes are the types that the columns may have.
var postgresTypes = map[string]struct {
	any  []string
	must string
}{
	"session_id": {[]string{"varchar", "text"}, "VARCHAR(512)"},
	"data":       {[]string{"bytea"}, "BYTEA"},
	"expiry":     {[]string{"timestamp", "timestamptz"}, "TIMESTAMP"},
	"owner":      {[]string{"varchar", "text"}, "VARCHAR(64)"},
}

// inspect reads the catalog. It does not select from the table: what a connection has prepared
// fails after a column was added.
func (d postgres) inspect(ctx context.Context, s *Store) (shape, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT a.attname, CAST(t.typname AS TEXT),"+
		" COALESCE(NULLIF(a.atttypmod, -1), NULLIF(own.typtypmod, -1), -1)"+
		" FROM pg_attribute a JOIN pg_type own ON own.oid = a.atttypid"+
		" JOIN pg_type t ON t.oid = COALESCE(NULLIF(own.typbasetype, 0), own.oid)"+
		" WHERE a.attrelid = to_regclass(CAST($1 AS TEXT))"+
		" AND a.attnum > 0 AND NOT a.attisdropped", s.table())
	if err != nil {
		return shape{}, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	columns := map[string]bool{}
	sh := shape{exactID: true, idMax: math.MaxInt, dataMax: MaxRecord, step: time.Microsecond}
	for rows.Next() {
		var name, kind string
		var modifier int
		if err := rows.Scan(&name, &kind, &modifier); err != nil {
			return shape{}, err
		}
		columns[name] = true
		if want, ours := postgresTypes[name]; ours && !slices.Contains(want.any, kind) {
			return shape{}, wrongType(name, kind, want.must)
		}
		switch name {
		case "owner":
			sh.owner = true
		case "expiry":
			sh.zoned = kind == "timestamptz"
			for digits := modifier; digits >= 0 && digits < 6; digits++ {
				sh.step *= 10
			}
		}
	}
	if err := rows.Err(); err != nil {
		return shape{}, err
	}
	return sh, missing(columns, s.key())
}

func (d postgres) create(ctx context.Context, s *Store) ([]string, error) {
	// An identity needs no right of its own to insert a row, as the sequence of a BIGSERIAL does.
	columns := "id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY," +
		" session_id VARCHAR(512) NOT NULL UNIQUE"
	if s.opts.Layout == FlaskPostgres {
		columns = "session_id VARCHAR(512) NOT NULL PRIMARY KEY," +
			" created TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC')"
	}
	columns += ", data BYTEA, expiry TIMESTAMP, owner VARCHAR(64)"
	var list []string
	if s.opts.Schema != "" {
		var there bool
		const exists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)"
		if err := s.db.QueryRowContext(ctx, exists, s.opts.Schema).Scan(&there); err != nil {
			return nil, err
		}
		if !there { // even if it is there, IF NOT EXISTS needs the right to make one
			list = append(list, "CREATE SCHEMA IF NOT EXISTS "+d.quote(s.opts.Schema))
		}
	}
	// Room in each page lets an update stay in it, so that the indexes need not change.
	table := "CREATE TABLE IF NOT EXISTS " + s.table() + " (" + columns + ") WITH (fillfactor = 85)"
	return append(append(list, table), d.indexes(s, nil)...), nil
}

// indexes returns the statements that make the missing indexes. indexed are the columns that an
// index begins with.
func (d postgres) indexes(s *Store, indexed map[string]bool) []string {
	var list []string
	index := func(column, columns string) {
		if !indexed[column] {
			name := d.quote(s.indexName(column))
			list = append(list, "CREATE INDEX IF NOT EXISTS "+name+" ON "+s.table()+" ("+columns)
		}
	}
	index("expiry", "expiry)")
	index("owner", "owner, "+s.key()+") WHERE owner IS NOT NULL")
	return list
}

func (d postgres) migrate(ctx context.Context, s *Store, shape shape) ([]string, error) {
	indexed, err := s.columnsBy(ctx, "SELECT a.attname FROM pg_index i"+
		" JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"+
		" WHERE i.indisvalid AND i.indrelid = to_regclass(CAST($1 AS TEXT))", s.table())
	if err != nil {
		return nil, err
	}
	var list []string
	if !shape.owner {
		list = append(list, "ALTER TABLE "+s.table()+" ADD COLUMN IF NOT EXISTS owner VARCHAR(64)")
	}
	return append(list, d.indexes(s, indexed)...), nil
}

// isZone reports whether a text may be the name of a time zone.
func isZone(text string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return strings.Trim(text, letters+"0123456789_+-/:.") == ""
}
