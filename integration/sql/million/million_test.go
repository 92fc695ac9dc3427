//go:build !race

// Package million tests sqlstore with a million sessions. It measures, so it runs
// without the race detector, which makes SQLite in Go thirty times slower; the package
// beside it runs the same code with it.
package million

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

const (
	million = 1_000_000
	batch   = 500
)

// big is a database to fill, and how to see in what EXPLAIN says that a table is read
// from end to end.
type big struct {
	dialect     sqlstore.Dialect
	driver, dsn string
	fill        string // a statement that makes the rows 1 to a million
	explain     string
}

// A row is live if its number is even. The data is as long as a small session's.
const row = "INSERT INTO sessions (session_id, data, expiry, owner) SELECT %s, %s, CASE WHEN n %% 2 = 0 THEN '%s' ELSE '%s' END, %s FROM "

func bigs(t *testing.T) map[string]func() big {
	const layout = "2006-01-02 15:04:05"
	live, dead := time.Now().Add(24*time.Hour).UTC().Format(layout), time.Now().Add(-24*time.Hour).UTC().Format(layout)
	fill := func(id, data, owner, from string) string { return fmt.Sprintf(row, id, data, live, dead, owner) + from }
	const counting = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) SELECT n FROM c) AS c"
	return map[string]func() big{
		"SQLite": func() big {
			dsn := "file:" + t.TempDir() + "/s.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10)"
			return big{sqlstore.SQLite, "sqlite", dsn, fill("'session:' || n", "zeroblob(200)", "'owner' || (n / 10)", counting), "EXPLAIN QUERY PLAN "}
		},
		"PostgreSQL": func() big {
			p := servers.StartPostgres(t, servers.SQLOptions{})
			from := strings.ReplaceAll(fill("'session:' || n", "CAST(repeat('x', 200) AS BYTEA)", "'owner' || (n / 10)", "generate_series(1, 1000000) AS c(n)"), "CASE", "CAST(CASE")
			return big{sqlstore.Postgres, "pgx", p.URL(t), strings.Replace(from, "END", "END AS TIMESTAMP)", 1), "EXPLAIN "}
		},
		"MariaDB": func() big {
			m := servers.StartMariaDB(t, servers.SQLOptions{})
			_, place, _ := strings.Cut(m.URL(t), m.Addr)
			return big{sqlstore.MySQL, "mysql", "root@tcp(" + m.Addr + ")" + place,
				fill("CONCAT('session:', n)", "REPEAT('x', 200)", "CONCAT('owner', n DIV 10)", "(SELECT seq AS n FROM seq_1_to_1000000) AS c"), "EXPLAIN "}
		},
	}
}

// TestMillion: with a million sessions, half of them expired, what a request does goes
// by an index, a sweep's longest statement is its batch, and a load's median while
// sweeping is within three times its median at rest.
func TestMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes")
	}
	for name, begin := range bigs(t) {
		t.Run(name, func(t *testing.T) {
			b := begin()
			db, r := record(t, b.driver, b.dsn)
			opts := sqlstore.Options{Dialect: b.dialect, SweepBatch: batch}
			atRest := newStore(t, db, opts)
			if err := atRest.CreateTable(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), b.fill); err != nil {
				t.Fatal(err)
			}
			analyze := "ANALYZE sessions"
			if b.dialect == sqlstore.MySQL {
				analyze = "ANALYZE TABLE sessions"
			}
			if _, err := db.ExecContext(t.Context(), analyze); err != nil {
				t.Fatal(err)
			}
			uses(t, db, r, b, atRest)
			rest := medianLoad(t, atRest, func() bool { return true })

			opts.SweepEvery = 1 // so one is always under way
			sweeping := newStore(t, db, opts)
			busy := medianLoad(t, sweeping, func() bool { return r.swept() >= 10*batch })
			t.Logf("a load's median is %v at rest and %v while sweeping; %d rows were swept meanwhile", rest, busy, r.swept())
			if sweepable(t, db) == 0 {
				t.Error("the sweep ended before the loads")
			}
			if busy > 3*rest {
				t.Errorf("a load's median while sweeping is %v, more than three times the %v at rest", busy, rest)
			}
			if err := sweeping.Close(); err != nil {
				t.Error(err)
			}
			longest := sent{}
			for _, s := range r.sent {
				if strings.HasPrefix(s.text, "DELETE") && s.rows > 1 {
					if s.rows > batch {
						t.Errorf("a statement of a sweep removed %d rows, more than a batch of %d", s.rows, batch)
					}
					if s.took > longest.took {
						longest = s
					}
				}
			}
			t.Logf("the longest statement of a sweep took %v for %d rows", longest.took, longest.rows)
			var left int
			if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sessions WHERE expiry > '"+time.Now().UTC().Format("2006-01-02 15:04:05")+"'").Scan(&left); err != nil || left != million/2+1 {
				t.Errorf("%d live sessions are left, want %d; %v", left, million/2+1, err)
			}
		})
	}
}

// sweepable returns how many rows have expired.
func sweepable(t testing.TB, db *sql.DB) int {
	t.Helper()
	var n int
	err := db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM sessions WHERE expiry < '"+time.Now().UTC().Format("2006-01-02 15:04:05")+"'").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// medianLoad loads live sessions, 2,000 or more until enough returns true, and returns
// the median of how long one took.
func medianLoad(t testing.TB, s *sqlstore.Store, enough func() bool) time.Duration {
	t.Helper()
	var took []time.Duration
	for i := 0; i < 2000 || !enough(); i++ {
		id := fmt.Sprint((i*7919%(million/2) + 1) * 2)
		begin := time.Now()
		if _, err := s.Load(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// uses fails unless all that requests and sweeps do goes by an index.
func uses(t *testing.T, db *sql.DB, r *recorder, b big, s *sqlstore.Store) {
	t.Helper()
	ctx := t.Context()
	record := store.Record{Data: []byte("first"), Expires: time.Now().Add(time.Hour), Owner: "owner"}
	second := record
	second.Data = []byte("second")
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	record.Version, err = s.Create(ctx, "a", record)
	must(err)
	_, err = s.Load(ctx, "a")
	must(err)
	second.Version, err = s.Replace(ctx, "a", record, second)
	must(err)
	must(s.Touch(ctx, "a", second, second.Expires.Add(time.Minute)))
	_, _, err = s.Owned(ctx, "owner", "", 10)
	must(err)
	_, _, err = s.All(ctx, "", 10)
	must(err)
	must(s.Delete(ctx, "a", second))
	_, err = s.Create(ctx, "a", record)
	must(err)
	must(s.Delete(ctx, "a", store.Record{}))
	_, err = s.Create(ctx, "a", record)
	must(err)
	_, _, err = s.Sweep(ctx, "", 10)
	must(err)

	now := time.Now().UTC().Format("2006-01-02 15:04:05")
	later := time.Now().Add(time.Hour).UTC().Format("2006-01-02 15:04:05")
	id, old, next := "session:2", []byte("old"), []byte("new")
	load := "SELECT data"
	if b.dialect == sqlstore.SQLite {
		load = "SELECT CASE" // which looks at the type of the data too
	}
	for _, q := range []struct {
		what, begin, part string
		args              []any
	}{
		{"a load", load, "", []any{id, now}},
		{"a replacement", "UPDATE", "data = ", []any{next, later, "owner", id, now, old}},
		{"a touch", "UPDATE", "COALESCE", []any{later, "owner", id, now}},
		{"a deletion", "DELETE", "session_id = ", []any{id, now}},
		{"a listing by owner", "SELECT session_id", "owner = ", []any{now, "owner7", int64(0), int64(100)}},
		{"a listing", "SELECT session_id", "WHERE id", []any{now, int64(500_000), int64(100)}},
		{"a sweep", "DELETE", "LIMIT", []any{now, int64(batch)}},
	} {
		text := r.statement(t, q.begin, q.part)
		if q.what == "a deletion" && strings.Contains(text, "data = ") {
			q.args = append(q.args, old)
		}
		plan := explain(t, db, b.explain+text, q.args)
		if bad := scans(b.dialect, plan); bad != "" {
			t.Errorf("%s reads the whole table: %s\n%s\n%s", q.what, bad, text, plan)
		}
	}
}

// explain returns what the database says of a statement, a line for each row.
func explain(t *testing.T, db *sql.DB, text string, args []any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for rows.Next() {
		values, targets := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			fmt.Fprintf(&plan, "%s=%s ", strings.ToLower(columns[i]), v.String)
		}
		plan.WriteByte('\n')
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

// scans returns the line of a plan that reads the table from end to end, or "".
func scans(d sqlstore.Dialect, plan string) string {
	for line := range strings.Lines(plan) {
		switch d {
		case sqlstore.Postgres:
			if strings.Contains(line, "Seq Scan") {
				return line
			}
		case sqlstore.MySQL:
			if strings.Contains(line, " type=ALL ") || strings.Contains(line, " type=index ") || strings.Contains(line, " key=NULL ") {
				return line
			}
		case sqlstore.SQLite:
			if strings.Contains(line, "SCAN ") || strings.Contains(line, "TEMP B-TREE") {
				return line
			}
		}
	}
	if !strings.Contains(strings.ToLower(plan), "index") && !strings.Contains(plan, "key=") && !strings.Contains(plan, "PRIMARY KEY") {
		return "no index is named"
	}
	return ""
}

// newStore returns a store on a database that is open.
func newStore(t testing.TB, db *sql.DB, opts sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.New(db, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
