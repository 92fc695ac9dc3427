package sqlstore

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

type sqlite struct{}

func (sqlite) name() string                             { return "SQLite" }
func (sqlite) nameLimit() int                           { return 255 }
func (sqlite) quote(name string) string                 { return quoted(name, `"`) }
func (sqlite) placeholder(int) string                   { return "?" }
func (sqlite) numbered() bool                           { return false }
func (sqlite) timeIn(_ *Options, param string) string   { return param }
func (sqlite) timeOut(_ *Options, column string) string { return "CAST(" + column + " AS TEXT)" } // or a driver makes a time of it
func (sqlite) textIn(param string) string               { return param }
func (sqlite) arrays() bool                             { return false }
func (sqlite) upsert() bool                             { return true }
func (sqlite) duplicate(error) bool                     { return false }
func (sqlite) skipLocked() string                       { return "" }
func (sqlite) begin() string                            { return "BEGIN IMMEDIATE" } // or two that began reading could not both write
func (sqlite) oneWriter() bool                          { return true }
func (sqlite) noTransaction(err error) bool {
	return strings.Contains(err.Error(), "no transaction is active")
}
func (sqlite) rollsBackLocally() bool { return true }
func (sqlite) text(err error) string  { return err.Error() }

func (sqlite) sweep(condition string) string {
	return "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE " + condition + " ORDER BY expiry LIMIT {limit})"
}

// code returns the primary result code: by the method that modernc.org/sqlite has, or by the text.
func (sqlite) code(err error) int {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	text := err.Error()
	for code, part := range map[int]string{5: "database is locked", 6: "table is locked", 13: "disk is full", 18: "string or blob too big"} {
		if strings.Contains(text, part) {
			return code
		}
	}
	return 0
}

// transient: busy or locked. SQLite rolls a statement back that could not commit for it.
func (d sqlite) transient(err error) bool {
	code := d.code(err)
	return code == 5 || code == 6
}

func (d sqlite) refusal(err error) error {
	switch d.code(err) {
	case 13:
		return cloakroom.ErrFull
	case 18:
		return cloakroom.ErrTooLarge
	}
	return nil
}

func (sqlite) exists(err error) bool {
	text := err.Error()
	return strings.Contains(text, "already exists") || strings.Contains(text, "duplicate column name")
}

func (sqlite) inspect(ctx context.Context, s *Store) (shape, error) {
	schema := s.opts.Schema
	if schema == "" {
		schema = "main"
	}
	columns, err := s.columnsBy(ctx, "SELECT name FROM pragma_table_info(?, ?)", s.opts.Table, schema)
	if err != nil {
		return shape{}, err
	}
	return shape{owner: columns["owner"], exactID: true, idMax: math.MaxInt, dataMax: MaxRecord, step: time.Microsecond}, missing(columns, s.key())
}

func (d sqlite) create(s *Store) []string {
	return append([]string{"CREATE TABLE IF NOT EXISTS " + s.table() +
		" (id INTEGER NOT NULL PRIMARY KEY, session_id VARCHAR(512) NOT NULL UNIQUE, data BLOB, expiry DATETIME, owner VARCHAR(64))"}, d.indexes(s)...)
}

func (d sqlite) indexes(s *Store) []string {
	place := ""
	if s.opts.Schema != "" {
		place = d.quote(s.opts.Schema) + "."
	}
	index := func(column, columns string) string {
		return "CREATE INDEX IF NOT EXISTS " + place + d.quote(s.indexName(column)) + " ON " + d.quote(s.opts.Table) + " (" + columns + ")"
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
