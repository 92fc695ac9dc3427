package sql

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/visitor"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// TestFewRights: who owns a schema makes the table there without a right to make
// schemas; who owns nothing uses a table that others made, also by functions that would
// make it or lack nothing.
func TestFewRights(t *testing.T) {
	server := servers.StartPostgres(t, servers.SQLOptions{}) // whose roles others do not see
	rawURL := server.URL(t)
	super := openDB(t, rawURL)
	for _, statement := range []string{"CREATE ROLE web LOGIN", "CREATE ROLE guest LOGIN", "CREATE SCHEMA app AUTHORIZATION web"} {
		execute(t, super, statement)
	}
	web := strings.Replace(rawURL, "postgres@", "web@", 1)
	made := newStore(t, openDB(t, web), sqlstore.Options{Dialect: sqlstore.Postgres, Schema: "app"})
	for range 2 {
		wants(t, "make the table", made.CreateTable(t.Context()), nil)
	}
	_ = open(t, web, "schema=app", "migrate=true")
	for _, statement := range []string{"GRANT USAGE ON SCHEMA app TO guest", "GRANT SELECT, INSERT, UPDATE, DELETE ON app.sessions TO guest"} {
		execute(t, super, statement)
	}
	guest := open(t, strings.Replace(rawURL, "postgres@", "guest@", 1), "schema=app", "migrate=true")
	wants(t, "make a table that is there", guest.CreateTable(t.Context()), nil)
	m := visitor.Manager(t, guest)
	ticket, err := visitor.SignIn(m)
	wants(t, "sign in", err, nil)
	_, err = visitor.Visit(m, ticket)
	wants(t, "visit", err, nil)
	if n, err := m.RevokeOwned(t.Context(), "ada"); n != 1 || err != nil {
		t.Errorf("%d revoked, %v", n, err)
	}
}

// TestColumnTypes: a column of another type than ours is right in every time zone, or
// refused by its name.
func TestColumnTypes(t *testing.T) {
	postgres := servers.SharedPostgres(t)
	mariadb := servers.SharedMariaDB(t)
	for _, tt := range []struct {
		url                            string
		id, data, expiry, owner, wrong string
	}{
		{postgres.URL(t), "varchar(512)", "bytea", "timestamptz", "varchar(64)", ""},
		{postgres.URL(t), "text", "bytea", "timestamptz(0)", "text", ""},
		{postgres.URL(t), "text", "bytea", "timestamp(3)", "text", ""},
		{postgres.URL(t), "text", "bytea", "text", "text", "expiry"},
		{postgres.URL(t), "text", "bytea", "bigint", "text", "expiry"},
		{postgres.URL(t), "text", "bytea", "date", "text", "expiry"},
		{postgres.URL(t), "text", "text", "timestamp", "text", "data"},
		{postgres.URL(t), "text", "jsonb", "timestamp", "text", "data"},
		{postgres.URL(t), "char(300)", "bytea", "timestamp", "text", "session_id"},
		{postgres.URL(t), "text", "bytea", "timestamp", "uuid", "owner"},
		{mariadb.URL(t), "varbinary(512)", "longblob", "timestamp(6)", "varchar(64)", "expiry"},
		{mariadb.URL(t), "varbinary(512)", "longblob", "varchar(100)", "varchar(64)", "expiry"},
		{mariadb.URL(t), "varbinary(512)", "longtext", "datetime(6)", "varchar(64)", "data"},
		{mariadb.URL(t), "binary(200)", "longblob", "datetime(6)", "varchar(64)", "session_id"},
	} {
		d, _ := kind(tt.url)
		number := "bigserial"
		if d == sqlstore.MySQL {
			number = "bigint auto_increment"
		}
		t.Run(tt.id+" "+tt.data+" "+tt.expiry+" "+tt.owner, func(t *testing.T) {
			execute(t, openDB(t, tt.url), "CREATE TABLE sessions (id "+number+" primary key, session_id "+tt.id+" not null unique, data "+tt.data+
				", expiry "+tt.expiry+", owner "+tt.owner+")")
			if tt.wrong != "" {
				_, err := tryOpen(t, tt.url)
				visitor.WantRefusal(t, "open", err, "the column "+tt.wrong+" is ")
				_, err = visitor.SignIn(visitor.Manager(t, newStore(t, openDB(t, tt.url), sqlstore.Options{Dialect: d})))
				visitor.WantRefusal(t, "sign in", err, "the column "+tt.wrong+" is ")
				return
			}
			for _, zone := range []string{"UTC", "Pacific/Apia", "America/St_Johns"} {
				rightIn(t, tt.url, zone)
			}
		})
	}
}

// rightIn fails unless a store keeps expiries, by connections of that zone.
func rightIn(t *testing.T, rawURL, zone string) {
	t.Helper()
	now := time.Date(2030, 10, 27, 1, 2, 3, 700_000_000, time.UTC)
	s := newStore(t, openDB(t, rawURL+"?timezone="+zone), sqlstore.Options{Dialect: sqlstore.Postgres, Now: func() time.Time { return now }})
	until := now.Add(10 * time.Second)
	r := create(t, s, zone, "data", until)
	for _, step := range []time.Duration{0, 8 * time.Second} {
		now = now.Add(step)
		if got, err := s.Load(t.Context(), zone); err != nil || got.Expires.After(until) || until.Sub(got.Expires) >= time.Second {
			t.Errorf("%s: until %v, %v; want %v or a little less", zone, got.Expires, err, until)
		}
	}
	wants(t, "touch", s.Touch(t.Context(), zone, r, until.Add(time.Second)), nil)
	now = now.Add(4 * time.Second)
	_, err := s.Load(t.Context(), zone)
	wants(t, "load when expired", err, cloakroom.ErrNotFound)
	if n, _, err := s.Sweep(t.Context(), "", 10); n != 1 || err != nil {
		t.Errorf("%d swept, %v", n, err)
	}
}

// TestMigrationsWhileServing: while requests are served, the table changes as by a
// migration, and none of them fails.
func TestMigrationsWhileServing(t *testing.T) {
	changes := map[string][]string{
		"PostgreSQL": {"ALTER TABLE sessions ALTER COLUMN expiry TYPE timestamp(3)", "ALTER TABLE sessions ADD COLUMN extra int",
			"ALTER TABLE sessions ALTER COLUMN session_id TYPE text", "ALTER TABLE sessions ALTER COLUMN expiry TYPE timestamptz USING expiry AT TIME ZONE 'UTC'",
			"ALTER TABLE sessions DROP COLUMN extra", "ALTER TABLE sessions ALTER COLUMN owner TYPE text"},
		"MariaDB": {"ALTER TABLE sessions MODIFY expiry DATETIME(3)", "ALTER TABLE sessions ADD COLUMN extra INT FIRST",
			"ALTER TABLE sessions MODIFY session_id VARBINARY(600) NOT NULL", "ALTER TABLE sessions DROP COLUMN extra"},
		"SQLite": {"ALTER TABLE sessions ADD COLUMN extra INT", "ALTER TABLE sessions DROP COLUMN extra", "CREATE INDEX another ON sessions (data)"},
	}
	for name, rawURL := range urls(t) {
		for _, parameters := range []string{"", "prepare=off"} {
			t.Run(name+" "+parameters, func(t *testing.T) {
				if parameters != "" && name != "SQLite" {
					rawURL = common[name](t).URL(t)
				} else if parameters != "" {
					rawURL = sqliteFile(t)
				}
				s := open(t, rawURL, parameters)
				m := visitor.Manager(t, s)
				db := openDB(t, rawURL)
				var served atomic.Int64
				ctx, stop := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				for range 6 {
					wg.Go(func() { serve(ctx, t, m, &served) })
				}
				for _, change := range changes[name] {
					until(t, &served, 60)
					if err := retried(t, db, change); err != nil {
						t.Errorf("%s: %v", change, err)
					}
				}
				until(t, &served, 60)
				stop()
				wg.Wait()
			})
		}
	}
}

// serve makes requests until its context ends.
func serve(ctx context.Context, t *testing.T, m *cloakroom.Manager, served *atomic.Int64) {
	ticket, err := visitor.SignIn(m)
	if err != nil {
		t.Error(err)
		return
	}
	for n := 1; ctx.Err() == nil; n++ {
		if got, err := visitor.Visit(m, ticket); err != nil || got != n {
			t.Errorf("visit %d counted as %d, %v", n, got, err)
			return
		}
		served.Add(1)
	}
}

// until waits until so many more requests were served.
func until(t *testing.T, served *atomic.Int64, n int64) {
	t.Helper()
	want := served.Load() + n
	servers.Until(t, "requests are served", func() error {
		if served.Load() < want && !t.Failed() {
			return errors.New("too few")
		}
		return nil
	})
}

// retried executes a statement once the database lets it.
func retried(t testing.TB, db *sql.DB, statement string) (err error) {
	for range 200 {
		if _, err = db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "locked") {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// TestOwnerColumnGone: a column that is dropped is done without, as in a table that
// never had it.
func TestOwnerColumnGone(t *testing.T) {
	for name, rawURL := range urls(t) {
		t.Run(name, func(t *testing.T) {
			m := visitor.Manager(t, open(t, rawURL))
			ticket, err := visitor.SignIn(m)
			wants(t, "sign in", err, nil)
			db := openDB(t, rawURL)
			if name == "SQLite" {
				execute(t, db, "DROP INDEX ix_sessions_owner")
			}
			if err := retried(t, db, "ALTER TABLE sessions DROP COLUMN owner"); err != nil {
				t.Fatal(err)
			}
			_, err = visitor.Visit(m, ticket)
			wants(t, "visit", err, nil)
			_, err = visitor.SignIn(m)
			wants(t, "sign in", err, nil)
			_, err = m.RevokeOwned(t.Context(), "ada")
			wants(t, "revoke", err, errors.ErrUnsupported)
		})
	}
}

// TestDamagedRows: what another program left in a row that is no data, or no time,
// costs no session but that one, which can be ended.
func TestDamagedRows(t *testing.T) {
	damages := map[string][]string{
		"PostgreSQL": {"data = NULL"},
		"MariaDB":    {"data = NULL"},
		"SQLite":     {"data = NULL", "data = CAST(data AS TEXT)", "data = 7", "expiry = 'tomorrow'"},
	}
	for name, rawURL := range urls(t) {
		for _, damage := range damages[name] {
			t.Run(name+" "+damage, func(t *testing.T) {
				s, db := open(t, rawURL), openDB(t, rawURL)
				execute(t, db, "DELETE FROM sessions")
				owner := strings.Repeat("0a", 32)
				good := create(t, s, "good", "data", time.Now().Add(time.Hour))
				r := store.Record{Data: []byte("text"), Expires: time.Now().Add(time.Hour), Owner: owner}
				v, err := s.Create(t.Context(), "bad", r)
				wants(t, "create", err, nil)
				r.Version = v
				execute(t, db, "UPDATE sessions SET "+damage+" WHERE session_id = 'session:bad'")
				_, err = s.Load(t.Context(), "bad")
				wants(t, "load", err, cloakroom.ErrUnreadable)
				_, err = s.Replace(t.Context(), "bad", r, r)
				if !strings.HasPrefix(damage, "expiry") {
					wants(t, "replace", err, cloakroom.ErrUnreadable)
					wants(t, "touch", s.Touch(t.Context(), "bad", r, r.Expires), cloakroom.ErrUnreadable)
					wants(t, "delete what it was", s.Delete(t.Context(), "bad", r), cloakroom.ErrUnreadable)
					page, _, err := s.Owned(t.Context(), owner, "", 10)
					if err != nil || len(page) != 1 || page[0].ID != "bad" || page[0].Record.Version != "" {
						t.Errorf("listed by owner: %v, %v", page, err)
					}
					page, _, err = s.All(t.Context(), "", 10)
					if err != nil || len(page) != 1 || page[0].ID != "good" {
						t.Errorf("listed: %v, %v", page, err)
					}
				}
				wants(t, "delete", s.Delete(t.Context(), "bad", store.Record{}), nil)
				_, err = s.Load(t.Context(), "bad")
				wants(t, "load", err, cloakroom.ErrNotFound)
				wants(t, "delete", s.Delete(t.Context(), "good", good), nil)
				damagedSession(t, s, db, damage)
			})
		}
	}
}

// damagedSession fails unless a session whose row is damaged can be revoked.
func damagedSession(t *testing.T, s *sqlstore.Store, db *sql.DB, damage string) {
	t.Helper()
	m := visitor.Manager(t, s)
	for range 2 {
		if _, err := visitor.SignIn(m); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, db, "UPDATE sessions SET "+damage+" WHERE id = (SELECT id FROM (SELECT MAX(id) AS id FROM sessions) AS latest)")
	if _, err := m.RevokeOwned(t.Context(), "ada"); err != nil {
		t.Error(err)
	}
	for info, err := range m.Owned(t.Context(), "ada") {
		t.Errorf("%v, %v are left", info, err)
	}
}
