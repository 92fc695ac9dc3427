package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
)

type pgError struct{ state string }

func (e pgError) Error() string { return "ERROR: it failed (SQLSTATE " + e.state + ")" }

func (e pgError) SQLState() string { return e.state }

type codeError struct{ code int }

func (e codeError) Error() string { return "it failed" }

func (e codeError) Code() int { return e.code }

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
