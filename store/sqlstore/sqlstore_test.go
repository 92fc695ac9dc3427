package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
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
