//go:build !race

package million

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a driver that notes what is sent through another.
type recorder struct {
	driver.Connector

	mu    sync.Mutex
	texts []string // that were prepared
	sent  []sent
}

// sent is a prepared statement that was executed.
type sent struct {
	text string
	rows int64 // that it changed
	took time.Duration
}

// record opens a database through a recorder.
func record(t testing.TB, driverName, dsn string) (*sql.DB, *recorder) {
	t.Helper()
	plain, err := sql.Open(driverName, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	r := &recorder{}
	if d, ok := plain.Driver().(driver.DriverContext); ok {
		if r.Connector, err = d.OpenConnector(dsn); err != nil {
			t.Fatal(err)
		}
	} else {
		r.Connector = simple{plain.Driver(), dsn}
	}
	db := sql.OpenDB(r)
	db.SetMaxIdleConns(25)
	t.Cleanup(func() { db.Close() })
	return db, r
}

type simple struct {
	driver driver.Driver
	dsn    string
}

func (s simple) Connect(context.Context) (driver.Conn, error) { return s.driver.Open(s.dsn) }
func (s simple) Driver() driver.Driver                        { return s.driver }

func (r *recorder) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := r.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return recorded{c, r}, nil
}

// statement returns the first statement that was prepared and begins and goes on so.
func (r *recorder) statement(t testing.TB, begin, part string) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.texts {
		if strings.HasPrefix(text, begin) && strings.Contains(text, part) {
			return text
		}
	}
	t.Fatalf("no statement %s ... %s was prepared", begin, part)
	return ""
}

// swept returns how many rows sweeps have removed.
func (r *recorder) swept() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.sent {
		if strings.Contains(s.text, "LIMIT") {
			n += int(s.rows)
		}
	}
	return n
}

// recorded is a connection.
type recorded struct {
	driver.Conn
	r *recorder
}

func (c recorded) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.texts = append(c.r.texts, query)
	return recordedStmt{stmt, query, c.r}, nil
}

func (c recorded) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c recorded) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

type recordedStmt struct {
	driver.Stmt
	text string
	r    *recorder
}

func (s recordedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	begin := time.Now()
	res, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err == nil {
		n, _ := res.RowsAffected()
		s.r.mu.Lock()
		s.r.sent = append(s.r.sent, sent{s.text, n, time.Since(begin)})
		s.r.mu.Unlock()
	}
	return res, err
}

func (s recordedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
