package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
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
