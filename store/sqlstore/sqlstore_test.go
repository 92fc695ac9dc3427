package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// refusing is a driver whose connections fail with an error that a test sets.
type refusing struct{ err error }

func (r refusing) Connect(context.Context) (driver.Conn, error) { return nil, r.err }
func (r refusing) Driver() driver.Driver                        { return nil }

func newTestStore(t *testing.T, err error, opts Options) *Store {
	t.Helper()
	db := sql.OpenDB(refusing{err})
	t.Cleanup(func() { _ = db.Close() })
	s, err := New(db, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestOptions(t *testing.T) {
	db := sql.OpenDB(refusing{errors.New("no")})
	defer db.Close()
	for _, tt := range []struct {
		opts Options
		want string
	}{
		{Options{}, "Options.Dialect is 0"},
		{Options{Dialect: 9}, "Options.Dialect is 9"},
		{Options{Dialect: SQLite, Layout: 7}, "Options.Layout is 7"},
		{Options{Dialect: MySQL, Layout: FlaskPostgres}, "Options.Dialect is MySQL"},
		{Options{Dialect: Postgres, Zone: "UTC"}, "Options.Zone"},
		{Options{Dialect: Postgres, Layout: FlaskPostgres, Zone: "UTC'--"}, "Options.Zone"},
		{Options{Dialect: SQLite, Prefix: strings.Repeat("x", 65)}, "Options.Prefix"},
		{Options{Dialect: SQLite, Prefix: "a\nb"}, "Options.Prefix"},
		{Options{Dialect: SQLite, Prefix: "a\x00"}, "Options.Prefix"},
		{Options{Dialect: SQLite, Prefix: "\xe9"}, "Options.Prefix"},
		{Options{Dialect: SQLite, Table: "a\x00b"}, "Options.Table"},
		{Options{Dialect: Postgres, Table: strings.Repeat("x", 64)}, "Options.Table"},
		{Options{Dialect: Postgres, Schema: "\xff"}, "Options.Schema"},
		{Options{Dialect: SQLite, SweepBatch: 10_001}, "Options.SweepBatch is 10001"},
		{Options{Dialect: SQLite, SweepEvery: -1}, "Options.SweepEvery"},
		{Options{Dialect: SQLite, SweepInterval: time.Millisecond}, "Options.SweepInterval is 1ms"},
	} {
		s, err := New(db, tt.opts)
		if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error with %q", tt.opts, err, tt.want)
		}
	}
	if _, err := New(nil, Options{Dialect: SQLite}); err == nil {
		t.Error("no database was accepted")
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

func TestInstant(t *testing.T) {
	want := time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)
	apia, err := time.LoadLocation("Pacific/Apia")
	if err != nil {
		apia = time.FixedZone("", 13*3600)
	}
	for _, v := range []any{"2026-03-29 02:30:00", []byte("2026-03-29 02:30:00.000000"), "2026-03-29T02:30:00", want, want.Add(-13 * time.Hour).In(apia)} {
		var i instant
		if err := i.Scan(v); err != nil || !i.valid || !i.time.Equal(want) {
			t.Errorf("%v: %v, %v", v, i, err)
		}
	}
	for _, v := range []any{nil, "", "0000-00-00 00:00:00", "soon", int64(7), 1.5} {
		i := instant{want, true}
		if err := i.Scan(v); err != nil || i.valid {
			t.Errorf("%v: %v, %v", v, i, err)
		}
	}
	for t0, want := range map[time.Time]string{
		{}: "1970-01-01 00:00:00.000000",
		time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC):            "2026-01-02 03:04:05.999999",
		time.Date(12026, 1, 2, 3, 4, 5, 0, time.UTC):                     "9999-12-31 23:59:59.000000",
		time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -11*60*60)): "2026-01-02 14:04:05.000000",
	} {
		if got := stamp(t0); got != want {
			t.Errorf("%v: %q, want %q", t0, got, want)
		}
	}
}

type pgError struct{ state string }

func (e pgError) Error() string    { return "ERROR: it failed (SQLSTATE " + e.state + ")" }
func (e pgError) SQLState() string { return e.state }

type codeError struct{ code int }

func (e codeError) Error() string { return "it failed" }
func (e codeError) Code() int     { return e.code }

// Errors are told apart without the drivers' types, and quote no data.
func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		d         Dialect
		err       error
		transient bool
		is        error
	}{
		{SQLite, codeError{5}, true, store.ErrRefused},
		{SQLite, codeError{517}, true, store.ErrRefused}, // busy: the snapshot is old
		{SQLite, errors.New("database is locked"), true, store.ErrRefused},
		{SQLite, codeError{13}, false, store.ErrFull},
		{SQLite, codeError{10}, false, nil}, // input or output failed
		{SQLite, codeError{1}, false, store.ErrRefused},
		{SQLite, errors.New("no such table: sessions"), false, store.ErrRefused},
		{SQLite, codeError{1032}, false, store.ErrRefused}, // read-only: the file was moved
		{SQLite, errors.New("attempt to write a readonly database"), false, store.ErrRefused},
		{Postgres, pgError{"40001"}, true, nil},
		{Postgres, fmt.Errorf("wrapped: %w", pgError{"40P01"}), true, nil},
		{Postgres, pgError{"57P01"}, false, nil}, // it may have committed
		{Postgres, pgError{"08006"}, false, nil}, // the connection failed
		{Postgres, pgError{"53300"}, true, store.ErrRefused},
		{Postgres, pgError{"25006"}, false, store.ErrRefused},
		{Postgres, pgError{"57P03"}, false, store.ErrRefused},
		{Postgres, pgError{"42501"}, false, store.ErrRefused},
		{Postgres, pgError{"42P01"}, false, store.ErrRefused},
		{Postgres, pgError{"28P01"}, false, store.ErrRefused},
		{Postgres, pgError{"22001"}, false, store.ErrTooLarge},
		{Postgres, pgError{"53100"}, false, store.ErrFull},
		{MySQL, errors.New("Error 1213 (40001): Deadlock found"), true, nil},
		{MySQL, fmt.Errorf("wrapped: %w", errors.New("Error 1205: Lock wait timeout")), true, nil},
		{MySQL, errors.New("invalid connection"), false, nil},
		{MySQL, errors.New("Error 1053 (08S01): Server shutdown in progress"), false, nil},
		{MySQL, errors.New("Error 1040 (08004): Too many connections"), true, store.ErrRefused},
		{MySQL, errors.New("Error 1290 (HY000): The MariaDB server is running with the --read-only option"), false, store.ErrRefused},
		{MySQL, errors.New("Error 1792 (25006): Cannot execute statement in a READ ONLY transaction"), false, store.ErrRefused},
		{MySQL, errors.New("Error 1836 (HY000): Running in read-only mode"), false, store.ErrRefused},
		{MySQL, errors.New("Error 1146 (42S02): Table 'app.sessions' doesn't exist"), false, store.ErrRefused},
		{MySQL, errors.New("Error 1142 (42000): INSERT command denied"), false, store.ErrRefused},
		{MySQL, errors.New("Error 1406 (22001): Data too long for column 'data' at row 1"), false, store.ErrTooLarge},
		{MySQL, errors.New("packet for query is too large. Try adjusting"), false, store.ErrTooLarge},
		{MySQL, driver.ErrBadConn, true, nil},
		{Postgres, sent{driver.ErrBadConn}, false, nil}, // what came before was sent
		{Postgres, sent{pgError{"40001"}}, true, nil},
	} {
		s := newTestStore(t, tt.err, Options{Dialect: tt.d})
		if got := s.transient(tt.err); got != tt.transient {
			t.Errorf("%v: %v: transient %v, want %v", tt.d, tt.err, got, tt.transient)
		}
		err := s.failed(t.Context(), "load", tt.err)
		if !errors.Is(err, tt.err) || tt.is != nil && !errors.Is(err, tt.is) || tt.is == nil && isSentinel(err) {
			t.Errorf("%v: %v: %v, want it to be %v", tt.d, tt.err, err, tt.is)
		}
	}
	s := newTestStore(t, errors.New("no"), Options{Dialect: MySQL, Schema: "app"})
	err := s.failed(t.Context(), "replace", errors.New(`Error 1366 (22007): Incorrect string value: '\xFFsecret' for column`))
	if want := "sqlstore: replace in app.sessions: Error 1366"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.failed(ctx, "load", errors.New("invalid connection")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not the context's end", err)
	}
}

// A database that is away is an error, not a missing session, and so is a closed store.
func TestUnreachable(t *testing.T) {
	away := errors.New("connection refused")
	s := newTestStore(t, away, Options{Dialect: Postgres})
	calls := func() []error {
		ctx, r := t.Context(), store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour)}
		_, load := s.Load(ctx, "id")
		_, create := s.Create(ctx, "id", r)
		_, replace := s.Replace(ctx, "id", r, r)
		_, move := s.Move(ctx, "id", r, r, "new", r)
		_, _, owned := s.Owned(ctx, "owner", "", 1)
		_, _, all := s.All(ctx, "", 1)
		_, _, sweep := s.Sweep(ctx, "", 1)
		return []error{load, create, replace, s.Touch(ctx, "id", r, r.Expires), s.Delete(ctx, "id", r), move, owned, all, sweep, s.CreateTable(ctx), s.Migrate(ctx)}
	}
	for i, err := range calls() {
		if !errors.Is(err, away) || isSentinel(err) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for i, err := range calls() {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: %v", i, err)
		}
	}
}

func TestSources(t *testing.T) {
	for _, tt := range []struct {
		d            Dialect
		driver, url  string
		want         source
		wantsAnError string
	}{
		{SQLite, "sqlite", "sqlite:///var/a%20b.db", source{"file:/var/a%20b.db?_pragma=busy_timeout(10)&_pragma=journal_mode(wal)&_pragma=synchronous(full)", "/var/a b.db", 8, false}, ""},
		{SQLite, "sqlite3", "sqlite:s.db?journal=delete", source{"file:s.db?_busy_timeout=60&_journal_mode=delete&_synchronous=full", "s.db", 8, false}, ""},
		{SQLite, "sqlite", "sqlite::memory:", source{"file::memory:?_pragma=busy_timeout(10)&_pragma=journal_mode(wal)&_pragma=synchronous(full)", "", 1, true}, ""},
		{SQLite, "sqlite", "sqlite:///:memory:", source{}, "sqlite::memory:"},
		{SQLite, "sqlite", "sqlite://host/s.db", source{}, "want sqlite:"},
		{SQLite, "sqlite", "sqlite:", source{}, "missing"},
		{SQLite, "other", "sqlite:s.db", source{}, `driver "other"`},
		{SQLite, "sqlite", "sqlite:s.db?journal=off", source{}, "journal"},
		{Postgres, "pgx", "postgresql://u:p%40@h:1/d?options=-c%20a=b", source{"postgres://u:p%40@h:1/d?connect_timeout=2&options=-c%20a%3Db", "", 10, false}, ""},
		{Postgres, "mysql", "postgres://h/d", source{}, `driver "mysql"`},
		{Postgres, "pgx", "postgres:d", source{}, "want postgres:"},
		{Postgres, "pgx", "postgres://h/d?sslmod=off", source{}, `"sslmod"`},
		{MySQL, "mysql", "mysql://u:p%40%3A%2F@h/d?tls=true", source{"u:p@:/@tcp(h:3306)/d?timeout=2s&tls=true", "", 10, false}, ""},
		{MySQL, "mysql", "mariadb://u@/d?socket=/run/s", source{"u@unix(/run/s)/d?timeout=2s", "", 10, false}, ""},
		{MySQL, "mysql", "mysql://h/", source{}, "database is missing"},
		{MySQL, "mysql", "mysql://h/d?socket=/run/s", source{}, "exclude"},
		{MySQL, "mysql", "mysql://h/d?timeout=soon", source{}, "timeout"},
		{MySQL, "pgx", "mysql://h/d", source{}, `driver "pgx"`},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		q := storeurl.NewQuery(u)
		got, err := tt.d.impl().dsn(tt.driver, u, q)
		if unknown := q.Err(); unknown != nil {
			err = unknown
		}
		if tt.wantsAnError != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantsAnError) {
				t.Errorf("%s: %v, want an error with %q", tt.url, err, tt.wantsAnError)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v, want %+v", tt.url, got, err, tt.want)
		}
	}
	for _, rawURL := range []string{"sqlite:s.db?sweep_interval=x", "sqlite:s.db?table=&layout=other", "sqlite:s.db?max_conns=0"} {
		if _, _, err := Open(t.Context(), SQLite, "sqlite", rawURL); err == nil {
			t.Errorf("%s was opened", rawURL)
		}
	}
	if _, err := os.Stat("s.db"); err == nil {
		t.Error("a URL that is refused made a file")
	}
}
