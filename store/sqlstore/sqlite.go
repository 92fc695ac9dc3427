package sqlstore

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

type sqlite struct{}

func (sqlite) name() string                                     { return "SQLite" }
func (sqlite) nameLimit() int                                   { return 255 }
func (sqlite) quote(name string) string                         { return quoted(name, `"`) }
func (sqlite) placeholder(int) string                           { return "?" }
func (sqlite) numbered() bool                                   { return false }
func (sqlite) timeIn(_ *Options, _ *shape, param string) string { return param }
func (sqlite) otherServer(error) bool                           { return false }
func (sqlite) textIn(param string) string                       { return param }
func (sqlite) arrays() bool                                     { return false }
func (sqlite) upsert() bool                                     { return true }
func (sqlite) duplicate(error) bool                             { return false }
func (sqlite) skipLocked() string                               { return "" }
func (sqlite) oneWriter() bool                                  { return true }
func (sqlite) rollsBackLocally() bool                           { return true }
func (sqlite) text(err error) string                            { return err.Error() }

// begin takes the writer's lock: of two transactions that began by reading, one could not write.
func (sqlite) begin() string { return "BEGIN IMMEDIATE" }

func (sqlite) noTransaction(err error) bool {
	return strings.Contains(err.Error(), "no transaction is active")
}

// timeOut casts, since a driver would make a time of the column.
func (sqlite) timeOut(_ *Options, _ *shape, column string) string {
	return "CAST(" + column + " AS TEXT)"
}

func (d sqlite) dataOut() string { return "CASE WHEN " + d.readable("") + " THEN data END" }

// readable: text in the column never equals a blob.
func (sqlite) readable(table string) string { return "(typeof(" + table + "data) = 'blob')" }

func (sqlite) sweep(condition string) string {
	return "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE " + condition +
		" ORDER BY expiry LIMIT {limit})"
}

// code returns the primary result code, by the method that errors of modernc.org/sqlite have, or by
// the text.
func (sqlite) code(err error) int {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	text := err.Error()
	for _, known := range sqliteTexts {
		if strings.Contains(text, known.text) {
			return known.code
		}
	}
	return 0
}

var sqliteTexts = []struct {
	text string
	code int
}{
	{"database is locked", sqliteBusy},
	{"table is locked", sqliteLocked},
	{"attempt to write a readonly database", sqliteReadOnly},
	{"disk is full", sqliteFull},
	{"unable to open database file", sqliteCantOpen},
	{"string or blob too big", sqliteTooBig},
	{"file is not a database", sqliteNotADB},
	{"database schema has changed", sqliteSchema},
	{"no such table", sqliteError},
	{"no such column", sqliteError},
	{"has no column named", sqliteError},
}

// Result codes.
const (
	sqliteError    = 1 // the statement does not fit the schema
	sqlitePerm     = 3
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteSchema   = 17
	sqliteTooBig   = 18
	sqliteAuth     = 23
	sqliteNotADB   = 26
)

// transient: busy or locked. SQLite rolls back a statement that could not commit because of that.
func (d sqlite) transient(err error) bool {
	code := d.code(err)
	return code == sqliteBusy || code == sqliteLocked || code == sqliteSchema
}

func (d sqlite) refusal(err error) error {
	switch d.code(err) {
	case sqliteFull:
		return store.ErrFull
	case sqliteTooBig:
		return store.ErrTooLarge
	case sqliteError, sqlitePerm, sqliteReadOnly, sqliteCorrupt, sqliteCantOpen, sqliteAuth,
		sqliteNotADB:
		return store.ErrRefused
	case sqliteBusy, sqliteLocked: // after all tries
		return store.ErrRefused
	}
	return nil
}

// outdated: a table or a column is missing. After all other changes SQLite itself prepares the
// statement again.
func (d sqlite) outdated(err error) bool { return d.code(err) == sqliteError }

func (sqlite) exists(err error) bool {
	text := err.Error()
	return strings.Contains(text, "already exists") ||
		strings.Contains(text, "duplicate column name")
}

func (sqlite) inspect(ctx context.Context, s *Store) (shape, error) {
	schema := s.opts.Schema
	if schema == "" {
		schema = "main"
	}
	const names = "SELECT name FROM pragma_table_info(?, ?)"
	columns, err := s.columnsBy(ctx, names, s.opts.Table, schema)
	if err != nil {
		return shape{}, err
	}
	return shape{
		owner:   columns["owner"],
		exactID: true,
		idMax:   math.MaxInt,
		dataMax: MaxRecord,
		step:    time.Microsecond,
	}, missing(columns, s.key())
}

func (d sqlite) create(_ context.Context, s *Store) ([]string, error) {
	table := "CREATE TABLE IF NOT EXISTS " + s.table() + " (id INTEGER NOT NULL PRIMARY KEY," +
		" session_id VARCHAR(512) NOT NULL UNIQUE," +
		" data BLOB, expiry DATETIME, owner VARCHAR(64))"
	return append([]string{table}, d.indexes(s)...), nil
}

func (d sqlite) indexes(s *Store) []string {
	place := ""
	if s.opts.Schema != "" {
		place = d.quote(s.opts.Schema) + "."
	}
	index := func(column, columns string) string {
		return "CREATE INDEX IF NOT EXISTS " + place + d.quote(s.indexName(column)) +
			" ON " + d.quote(s.opts.Table) + " (" + columns + ")"
	}
	return []string{index("expiry", "expiry"), index("owner", "owner, id")}
}

func (d sqlite) migrate(_ context.Context, s *Store, shape shape) ([]string, error) {
	var list []string
	if !shape.owner {
		list = append(list, "ALTER TABLE "+s.table()+" ADD COLUMN owner VARCHAR(64)")
	}
	return append(list, d.indexes(s)...), nil
}
