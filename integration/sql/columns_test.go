package sql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// flaskColumns is the table that Flask-Session 0.8 makes in MySQL and MariaDB.
const flaskColumns = "CREATE TABLE sessions (id INTEGER NOT NULL AUTO_INCREMENT, session_id VARCHAR(255), data BLOB, expiry DATETIME," +
	" PRIMARY KEY (id), UNIQUE (session_id)) CHARACTER SET utf8mb4"

// onFlaskColumns runs a test on such a table, by connections in strict mode, as
// shipped, and not.
func onFlaskColumns(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	m := servers.SharedMariaDB(t)
	for name, mode := range map[string]string{"as shipped": "", "not strict": "&sql_mode=''", "found rows": "&clientFoundRows=true&parseTime=true&loc=Pacific%2FAuckland"} {
		t.Run(name, func(t *testing.T) { test(t, mariaDB(t, m, mode, flaskColumns)) })
	}
}

// mariaDB opens a new database with parameters for the driver, and executes a statement in it.
func mariaDB(t testing.TB, m *servers.SQLServer, parameters string, statement string) *sql.DB {
	t.Helper()
	_, name, _ := strings.Cut(m.URL(t), m.Addr)
	db, err := sql.Open("mysql", "root@tcp("+m.Addr+")"+name+"?timeout=5s"+parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if statement != "" {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func create(t testing.TB, s *sqlstore.Store, id string, data string, expires time.Time) store.Record {
	t.Helper()
	r := store.Record{Data: []byte(data), Expires: expires}
	var err error
	if r.Version, err = s.Create(context.Background(), id, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || (err == nil) != (want == nil) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// TestIDsThatCollate: to the column, ids that differ in case or by a trailing space are
// the same. To the store they are not.
func TestIDsThatCollate(t *testing.T) {
	onFlaskColumns(t, func(t *testing.T, db *sql.DB) {
		s := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL})
		hour := time.Now().Add(time.Hour)
		mine := create(t, s, "abC", "mine", hour)
		for _, other := range []string{"abc", "ABC", "abC ", "äbC"} {
			_, err := s.Load(t.Context(), other)
			wants(t, "load", err, cloakroom.ErrNotFound)
			_, err = s.Replace(t.Context(), other, mine, store.Record{Data: []byte("theirs"), Expires: hour})
			wants(t, "replace", err, cloakroom.ErrNotFound)
			wants(t, "touch", s.Touch(t.Context(), other, mine, hour.Add(time.Hour)), cloakroom.ErrNotFound)
			wants(t, "delete", s.Delete(t.Context(), other, store.Record{}), cloakroom.ErrNotFound)
			wants(t, "delete", s.Delete(t.Context(), other, mine), cloakroom.ErrNotFound)
			_, err = s.Create(t.Context(), other, store.Record{Data: []byte("theirs"), Expires: hour})
			if err == nil || errors.Is(err, store.ErrExists) || strings.Contains(err.Error(), other) {
				t.Errorf("create beside an id that collates: %v, want another error without the id", err)
			}
		}
		if r, err := s.Load(t.Context(), "abC"); err != nil || string(r.Data) != "mine" || !r.Expires.Equal(hour.Truncate(time.Second)) {
			t.Errorf("%q until %v, %v", r.Data, r.Expires, err)
		}
		// An expired record does not keep its id.
		create(t, s, "xyz", "short", time.Now().Add(-time.Hour))
		create(t, s, "XYZ", "taken", hour)
		if r, err := s.Load(t.Context(), "XYZ"); err != nil || string(r.Data) != "taken" {
			t.Errorf("%q, %v", r.Data, err)
		}
		_, err := s.Load(t.Context(), "xyz")
		wants(t, "load", err, cloakroom.ErrNotFound)
	})
}

// TestWholeSeconds: a DATETIME column has no fractions, so a touch in the same second
// changes no row, and a record ends up to a second early, never late.
func TestWholeSeconds(t *testing.T) {
	onFlaskColumns(t, func(t *testing.T, db *sql.DB) {
		now := time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
		s := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL, Now: func() time.Time { return now }})
		until := now.Add(10 * time.Second)
		r := create(t, s, "a", "data", until)
		for range 2 {
			wants(t, "touch in the same second", s.Touch(t.Context(), "a", r, until), nil)
			v, err := s.Replace(t.Context(), "a", r, r)
			wants(t, "replace by the same", err, nil)
			if v != r.Version {
				t.Errorf("version %q, want %q", v, r.Version)
			}
		}
		if got, err := s.Load(t.Context(), "a"); err != nil || !got.Expires.Equal(until.Truncate(time.Second)) {
			t.Errorf("until %v, %v", got.Expires, err)
		}
		other := r
		other.Data, other.Version = []byte("other"), ""
		_, err := s.Replace(t.Context(), "a", other, r)
		wants(t, "replace of other data by what is there", err, cloakroom.ErrConflict)
		for _, tt := range []struct {
			at   time.Duration
			want error
		}{{9 * time.Second, nil}, {9*time.Second + 399*time.Millisecond, nil}, {9*time.Second + 400*time.Millisecond, cloakroom.ErrNotFound}} {
			now = until.Add(tt.at - 10*time.Second)
			_, err := s.Load(t.Context(), "a")
			wants(t, "load after "+tt.at.String(), err, tt.want)
		}
		wants(t, "touch when expired", s.Touch(t.Context(), "a", r, until.Add(time.Hour)), cloakroom.ErrNotFound)
		if n, _, err := s.Sweep(t.Context(), "", 10); n != 1 || err != nil {
			t.Errorf("%d swept, %v", n, err)
		}
	})
}

// TestBlob: a BLOB column takes 65,535 bytes, and outside of strict mode MariaDB cuts
// off what is longer.
func TestBlob(t *testing.T) {
	onFlaskColumns(t, func(t *testing.T, db *sql.DB) {
		s := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL})
		hour := time.Now().Add(time.Hour)
		most := string(bytes.Repeat([]byte{0xff}, 65_535))
		r := create(t, s, "a", most, hour)
		if got, err := s.Load(t.Context(), "a"); err != nil || string(got.Data) != most {
			t.Errorf("%d bytes, %v", len(got.Data), err)
		}
		more := store.Record{Data: []byte(most + "x"), Expires: hour}
		_, err := s.Create(t.Context(), "b", more)
		wants(t, "create", err, cloakroom.ErrTooLarge)
		_, err = s.Replace(t.Context(), "a", r, more)
		wants(t, "replace", err, cloakroom.ErrTooLarge)
		_, err = s.Move(t.Context(), "a", r, store.Record{Data: []byte("seal"), Expires: hour}, "b", more)
		wants(t, "move", err, cloakroom.ErrTooLarge)
		_, err = s.Create(t.Context(), strings.Repeat("x", 248), store.Record{Data: []byte("x"), Expires: hour})
		wants(t, "create with an id of 256 bytes and its prefix", err, cloakroom.ErrTooLarge)
		if got, err := s.Load(t.Context(), "a"); err != nil || got.Version != r.Version {
			t.Errorf("afterwards %d bytes, %v", len(got.Data), err)
		}
	})
}

// TestOwnerColumn: owners are listed as soon as the column is there, also by a store
// that was there before.
func TestOwnerColumn(t *testing.T) {
	onFlaskColumns(t, func(t *testing.T, db *sql.DB) {
		before := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL})
		m, err := cloakroom.New(before, cloakroom.Options{Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range m.Owned(t.Context(), "ada") {
			wants(t, "owned", err, errors.ErrUnsupported)
		}
		if _, err := m.RevokeOwned(t.Context(), "ada"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("revoke: %v", err)
		}
		owner := strings.Repeat("0a", 32)
		r := store.Record{Data: []byte("data"), Expires: time.Now().Add(time.Hour), Owner: owner}
		if r.Version, err = before.Create(t.Context(), "a", r); err != nil {
			t.Fatal(err)
		}
		after := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL})
		for range 2 {
			if err := after.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		listed := func(want string) {
			t.Helper()
			for _, s := range []*sqlstore.Store{before, after} {
				page, next, err := s.Owned(t.Context(), owner, "", 10)
				ids := ""
				for _, e := range page {
					ids += e.ID
				}
				if ids != want || next != "" || err != nil {
					t.Errorf("listed %q, %q, %v; want %q", ids, next, err, want)
				}
			}
		}
		listed("") // not known yet
		wants(t, "touch", before.Touch(t.Context(), "a", r, r.Expires), nil)
		listed("a")
		if _, err := before.Create(t.Context(), "b", r); err != nil {
			t.Fatal(err)
		}
		listed("ab")
	})
}

// TestNarrowColumns runs the contract on Flask's types, with only the ids' column
// widened, as the guide advises.
func TestNarrowColumns(t *testing.T) {
	t.Parallel()
	db := mariaDB(t, servers.SharedMariaDB(t), "", flaskColumns)
	if _, err := db.ExecContext(t.Context(), "ALTER TABLE sessions MODIFY session_id VARBINARY(512)"); err != nil {
		t.Fatal(err)
	}
	if err := newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL}).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	opener := func(t testing.TB) store.Store { return newStore(t, db, sqlstore.Options{Dialect: sqlstore.MySQL}) }
	t.Run("contract", func(t *testing.T) {
		storetest.Run(t, storetest.Config{Abilities: all, MaxData: 65_000, Open: opener, Peer: opener, Precision: time.Second})
	})
}
