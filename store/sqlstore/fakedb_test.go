package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeDB is a MySQL with a table as this package makes it, whose answers a test gives.
type fakeDB struct {
	exec func(text string) (changed int64)
	rows [][]driver.Value // what every query of the table returns

	sent []string // the first word of each statement but queries, and what it was given
	args [][]driver.NamedValue
}

// newFakeStore returns a store in the database.
func newFakeStore(t *testing.T, f *fakeDB) *Store {
	t.Helper()
	db := sql.OpenDB(f)
	t.Cleanup(func() { _ = db.Close() })
	s, err := New(db, Options{Dialect: MySQL, NoPrepare: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (f *fakeDB) Connect(context.Context) (driver.Conn, error) { return f, nil }
func (f *fakeDB) Driver() driver.Driver                        { return nil }
func (f *fakeDB) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (f *fakeDB) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (f *fakeDB) Close() error                                 { return nil }

func (f *fakeDB) ExecContext(_ context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	word, _, _ := strings.Cut(text, " ")
	f.sent = append(f.sent, word)
	f.args = append(f.args, args)
	if word == "START" || word == "COMMIT" || word == "ROLLBACK" {
		return driver.RowsAffected(0), nil
	}
	return driver.RowsAffected(f.exec(text)), nil
}

func (f *fakeDB) QueryContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(text, "@@"):
		return &fakeRows{list: [][]driver.Value{{int64(64 << 20), int64(1)}}}, nil
	case strings.Contains(text, "information_schema.COLUMNS"):
		return &fakeRows{list: [][]driver.Value{
			{"id", "bigint", nil, nil, nil},
			{"session_id", "varbinary", int64(512), nil, nil},
			{"data", "longblob", int64(1<<32 - 1), nil, nil},
			{"expiry", "datetime", nil, int64(6), nil},
			{"owner", "varchar", int64(64), nil, "ascii_bin"},
		}}, nil
	}
	return &fakeRows{list: f.rows}, nil
}

type fakeRows struct{ list [][]driver.Value }

func (r *fakeRows) Close() error { return nil }

func (r *fakeRows) Columns() []string {
	if len(r.list) == 0 {
		return nil
	}
	return make([]string, len(r.list[0]))
}

func (r *fakeRows) Next(row []driver.Value) error {
	if len(r.list) == 0 {
		return io.EOF
	}
	copy(row, r.list[0])
	r.list = r.list[1:]
	return nil
}

// row is what a load of a record returns.
func row(data string, expires time.Time) [][]driver.Value {
	return [][]driver.Value{{[]byte(data), stamp(expires)}}
}

// wrote reports whether a statement has these bytes among its parameters.
func wrote(args []driver.NamedValue, data string) bool {
	return slices.ContainsFunc(args, func(a driver.NamedValue) bool {
		b, ok := a.Value.([]byte)
		return ok && string(b) == data
	})
}
