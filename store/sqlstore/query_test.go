package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// failingLate is a PostgreSQL whose queries, the first time, fail after the first of
// the rows of a table.
type failingLate struct {
	rows  [][]driver.Value
	tries map[string]int
}

func (f *failingLate) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *failingLate) Driver() driver.Driver                        { return nil }
func (f *failingLate) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (f *failingLate) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (f *failingLate) Close() error                                 { return nil }

func (f *failingLate) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if strings.Contains(query, "pg_attribute") {
		return &lateRows{list: [][]driver.Value{
			{"id", "int8", int64(-1)}, {"session_id", "varchar", int64(516)}, {"data", "bytea", int64(-1)},
			{"expiry", "timestamp", int64(-1)}, {"owner", "varchar", int64(68)},
		}, width: 3}, nil
	}
	f.tries[query]++
	rows := &lateRows{list: f.rows, width: 4, failing: f.tries[query] == 1}
	if strings.HasPrefix(query, "SELECT data") { // of one row
		rows.list, rows.width = [][]driver.Value{f.rows[0][1:3]}, 2
	}
	return rows, nil
}

type lateRows struct {
	list    [][]driver.Value
	width   int
	failing bool
	at      int
}

func (r *lateRows) Columns() []string { return make([]string, r.width) }
func (r *lateRows) Close() error      { return nil }

func (r *lateRows) Next(row []driver.Value) error {
	switch {
	case r.failing && r.at == 1:
		return serializationFailure{}
	case r.at == len(r.list):
		return io.EOF
	}
	copy(row, r.list[r.at])
	r.at++
	return nil
}

type serializationFailure struct{}

func (serializationFailure) Error() string    { return "could not serialize access" }
func (serializationFailure) SQLState() string { return "40001" }

// TestFailsAfterRows: a read whose error comes after rows is tried again, and forgets them.
func TestFailsAfterRows(t *testing.T) {
	expires := time.Now().Add(time.Hour).UTC()
	server := &failingLate{tries: map[string]int{}, rows: [][]driver.Value{
		{defaultPrefix + "a", []byte("of a"), expires, int64(1)}, {defaultPrefix + "b", []byte("of b"), expires, int64(2)},
	}}
	db := sql.OpenDB(server)
	defer db.Close()
	s, err := New(db, Options{Dialect: Postgres, NoPrepare: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	page, _, err := s.All(t.Context(), "", 10)
	if err != nil || len(page) != 2 || page[0].ID != "a" || page[1].ID != "b" {
		t.Errorf("All: %v, %v, want a and b", page, err)
	}
	if r, err := s.Load(t.Context(), "a"); err != nil || string(r.Data) != "of a" {
		t.Errorf("Load: %q, %v", r.Data, err)
	}
	for query, n := range server.tries {
		if n != 2 {
			t.Errorf("tried %d times, want twice: %s", n, query)
		}
	}
}

// Names are quoted, and what looks like a parameter in one is none.
func TestStatements(t *testing.T) {
	full := shape{owner: true, exactID: true, idMax: math.MaxInt, dataMax: MaxRecord, step: time.Microsecond}
	bare := shape{idMax: 255, dataMax: 65535, step: time.Second}
	for _, tt := range []struct {
		opts  Options
		shape shape
		pick  func(*queries) *statement
		want  string
		args  string
	}{
		{Options{Dialect: SQLite, Table: `a"{id}`}, full, func(q *queries) *statement { return q.load },
			`SELECT CASE WHEN (typeof(data) = 'blob') THEN data END, CAST(expiry AS TEXT) FROM "a""{id}" WHERE session_id = ? AND expiry > ?`, "id now"},
		{Options{Dialect: SQLite}, full, func(q *queries) *statement { return q.insert },
			`INSERT INTO "sessions" AS t (session_id, data, expiry, owner) VALUES (?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE` +
				` SET data = excluded.data, expiry = excluded.expiry, owner = excluded.owner WHERE t.expiry IS NULL OR t.expiry <= ? OR NOT (typeof(t.data) = 'blob')`, "id new expires owner now"},
		{Options{Dialect: Postgres, Schema: "s"}, full, func(q *queries) *statement { return q.replace },
			`UPDATE "s"."sessions" SET data = $1, expiry = CAST($2 AS TIMESTAMP), owner = CAST($3 AS VARCHAR)` +
				` WHERE session_id = CAST($4 AS VARCHAR) AND expiry > CAST($5 AS TIMESTAMP) AND data = $6`, "new expires owner id now old"},
		{Options{Dialect: Postgres}, full, func(q *queries) *statement { return q.sweep },
			`DELETE FROM "sessions" WHERE id IN (SELECT id FROM "sessions" WHERE expiry <= CAST($1 AS TIMESTAMP) ORDER BY expiry LIMIT $2 FOR UPDATE SKIP LOCKED)` +
				` AND expiry <= CAST($1 AS TIMESTAMP)`, "now limit"},
		{Options{Dialect: MySQL}, full, func(q *queries) *statement { return q.owned },
			"SELECT session_id, CASE WHEN expiry > ? THEN data END, expiry, id FROM `sessions` WHERE owner = ? AND id > ? ORDER BY id LIMIT ?", "now owner after limit"},
		{Options{Dialect: MySQL}, full, func(q *queries) *statement { return q.all },
			"SELECT session_id, CASE WHEN expiry > ? THEN data END, expiry, id FROM `sessions` WHERE id > ? ORDER BY id LIMIT ?", "now after limit"},
		{Options{Dialect: MySQL, Table: "a`b"}, bare, func(q *queries) *statement { return q.touch },
			"UPDATE `a``b` SET expiry = ? WHERE session_id = ? AND CAST(CONVERT(session_id USING utf8mb4) AS BINARY) = CAST(? AS BINARY) AND expiry > ? AND (data IS NOT NULL)", "expires id id now"},
	} {
		s := newTestStore(t, errors.New("no"), tt.opts)
		st := tt.pick(newQueries(s, tt.shape))
		if got := strings.Join(st.params, " "); st.text != tt.want || got != tt.args {
			t.Errorf("%v: got\n%s\n%s\nwant\n%s\n%s", tt.opts.Dialect, st.text, got, tt.want, tt.args)
		}
	}
	if q := newQueries(newTestStore(t, errors.New("no"), Options{Dialect: MySQL}), bare); q.owned != nil {
		t.Error("without an owner column, owners are listed")
	}
}
