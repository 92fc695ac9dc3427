package sqlstore

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

type postgres struct{}

func (postgres) name() string             { return "PostgreSQL" }
func (postgres) nameLimit() int           { return 63 } // it cuts longer ones off
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
	}
	alreadyThere = []string{
		"23505", // two made one table at once: a name in the catalog
		"42701", // column
		"42710", // index
		"42P07", // table
	}
)

// zoneOf is the expression for the zone of a table that is not in UTC.
func zoneOf(o *Options) string {
	if o.Zone == "" {
		return "current_setting('TimeZone')"
	}
	return quoted(o.Zone, "'")
}

func (postgres) timeIn(o *Options, param string) string {
	p := "CAST(" + param + " AS TIMESTAMP)"
	if o.Layout == FlaskPostgres {
		p = "(" + p + " AT TIME ZONE 'UTC' AT TIME ZONE " + zoneOf(o) + ")"
	}
	return p
}

func (postgres) timeOut(o *Options, column string) string {
	if o.Layout == FlaskPostgres {
		return "(" + column + " AT TIME ZONE " + zoneOf(o) + " AT TIME ZONE 'UTC')"
	}
	return column
}

func (postgres) sweep(condition string) string {
	return "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE " + condition + " ORDER BY expiry LIMIT {limit}{lock}) AND " + condition
}

func (postgres) refusal(err error) error {
	switch sqlState(err) {
	case "22001", "54000": // too long for its column, or beyond a limit of the server
		return cloakroom.ErrTooLarge
	case "53100", "53200": // disk or memory full
		return cloakroom.ErrFull
	}
	return nil
}

func (postgres) inspect(ctx context.Context, s *Store) (shape, error) {
	// Not by selecting from it: what a connection has prepared fails when a column was added.
	columns, err := s.columnsBy(ctx, "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(CAST($1 AS TEXT)) AND attnum > 0 AND NOT attisdropped", s.table())
	if err != nil {
		return shape{}, err
	}
	return shape{owner: columns["owner"], exactID: true, idMax: math.MaxInt, dataMax: MaxRecord, step: time.Microsecond}, missing(columns, s.key())
}

func (d postgres) create(s *Store) []string {
	columns := "id BIGSERIAL PRIMARY KEY, session_id VARCHAR(512) NOT NULL UNIQUE, data BYTEA, expiry TIMESTAMP, owner VARCHAR(64)"
	if s.opts.Layout == FlaskPostgres {
		columns = "session_id VARCHAR(512) NOT NULL PRIMARY KEY, created TIMESTAMP DEFAULT (now() AT TIME ZONE 'UTC'), data BYTEA, expiry TIMESTAMP, owner VARCHAR(64)"
	}
	var list []string
	if s.opts.Schema != "" {
		list = append(list, "CREATE SCHEMA IF NOT EXISTS "+d.quote(s.opts.Schema))
	}
	// Room in each page lets an update stay in it, and so leave the indexes alone.
	return slices.Concat(list, []string{"CREATE TABLE IF NOT EXISTS " + s.table() + " (" + columns + ") WITH (fillfactor = 85)"}, d.indexes(s))
}

func (d postgres) indexes(s *Store) []string {
	index := func(column, columns string) string {
		return "CREATE INDEX IF NOT EXISTS " + d.quote(s.indexName(column)) + " ON " + s.table() + " (" + columns + ")"
	}
	return []string{index("expiry", "expiry"), index("owner", "owner, "+s.key()) + " WHERE owner IS NOT NULL"}
}

func (d postgres) migrate(_ context.Context, s *Store, shape shape) ([]string, error) {
	var list []string
	if !shape.owner {
		list = append(list, "ALTER TABLE "+s.table()+" ADD COLUMN IF NOT EXISTS owner VARCHAR(64)")
	}
	return append(list, d.indexes(s)...), nil
}

// isZone reports whether a text may be the name of a time zone.
func isZone(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/:.") == ""
}
