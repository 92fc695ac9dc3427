// Package sql tests sqlstore on real databases: SQLite, PostgreSQL and MariaDB.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

var all = []storetest.Ability{storetest.Moves, storetest.Owners, storetest.Lists, storetest.Sweeps}

// open opens a store by URL, with parameters added.
func open(t testing.TB, rawURL string, parameters ...string) *sqlstore.Store {
	t.Helper()
	store, err := tryOpen(t, rawURL, parameters...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func tryOpen(t testing.TB, rawURL string, parameters ...string) (*sqlstore.Store, error) {
	for _, p := range parameters {
		rawURL += separator(rawURL) + p
	}
	d, driver := kind(rawURL)
	store, closer, err := sqlstore.Open(t.Context(), d, driver, rawURL)
	if err == nil {
		t.Cleanup(func() { closer.Close() })
	}
	return store, err
}

func separator(rawURL string) string {
	if strings.Contains(rawURL, "?") {
		return "&"
	}
	return "?"
}

// kind returns what to open a URL with.
func kind(rawURL string) (sqlstore.Dialect, string) {
	switch scheme, _, _ := strings.Cut(rawURL, ":"); scheme {
	case "postgres":
		return sqlstore.Postgres, "pgx"
	case "mysql":
		return sqlstore.MySQL, "mysql"
	default:
		return sqlstore.SQLite, "sqlite"
	}
}

// conforms runs storetest with two stores, as of two processes.
func conforms(t *testing.T, rawURL string, parameters ...string) {
	t.Helper()
	opener := func(t testing.TB) store.Store { return open(t, rawURL, parameters...) }
	t.Run("contract", func(t *testing.T) { // returns when the parallel cases have ended
		storetest.Run(t, storetest.Config{Abilities: all, Damage: damage(t, rawURL, parameters...), Open: opener, Peer: opener})
	})
}

// damage returns what makes a row that cannot be read, where the table is as by default.
func damage(t testing.TB, rawURL string, parameters ...string) func(string) error {
	for _, p := range parameters {
		if strings.Contains(p, "table=") || strings.Contains(p, "layout=") || strings.Contains(p, "prefix=") {
			return nil
		}
	}
	rawURL, _, _ = strings.Cut(rawURL, "?")
	db := openDB(t, rawURL)
	return func(id string) error {
		return retried(t, db, "UPDATE sessions SET data = NULL WHERE session_id = 'session:"+id+"'")
	}
}

// sqliteFile is the URL of a new file.
func sqliteFile(t testing.TB) string { return "sqlite://" + t.TempDir() + "/sessions.db" }

func TestSQLiteFile(t *testing.T) {
	t.Parallel()
	for _, parameters := range []string{"journal=wal", "journal=delete", "prepare=off"} {
		t.Run(parameters, func(t *testing.T) { conforms(t, sqliteFile(t), parameters) })
	}
}

func TestSQLiteMemory(t *testing.T) {
	t.Parallel()
	s := open(t, "sqlite::memory:")
	storetest.Run(t, storetest.Config{Abilities: all, Open: func(testing.TB) store.Store { return s }})
}

// TestSQLiteMemoryAndContexts: a request whose time is up must not take the connection,
// and the database, with it.
func TestSQLiteMemoryAndContexts(t *testing.T) {
	s := open(t, "sqlite::memory:")
	r := create(t, s, "a", strings.Repeat("x", 100_000), time.Now().Add(time.Hour))
	ended := 0
	for i := range 600 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Microsecond)
		var err error
		switch i % 4 {
		case 0:
			_, err = s.Load(ctx, "a")
		case 1:
			err = s.Touch(ctx, "a", r, r.Expires)
		case 2:
			_, err = s.Replace(ctx, "a", r, r)
		case 3:
			id := fmt.Sprint("moved", i)
			_, err = s.Move(ctx, "a", r, r, id, r)
		}
		cancel()
		if err != nil {
			ended++
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
	t.Logf("%d of 600 calls ended early", ended)
	if got, err := s.Load(t.Context(), "a"); err != nil || got.Version != r.Version {
		t.Errorf("afterwards %d bytes, %v", len(got.Data), err)
	}
	if err := s.Touch(t.Context(), "a", r, r.Expires.Add(time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	p := servers.SharedPostgres(t)
	for _, parameters := range []string{"", "prepare=off&default_query_exec_mode=exec", "layout=flask_postgres&timezone=Asia/Kathmandu",
		"schema=a%22b&table=T%24%20%7Bid%7D%22&prefix=a%25_b%27:"} {
		t.Run(parameters, func(t *testing.T) { conforms(t, p.URL(t), parameters) })
	}
	for _, isolation := range []string{"repeatable read", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			conforms(t, p.URL(t), "options=-c%20default_transaction_isolation="+strings.ReplaceAll(isolation, " ", "%5C%20"))
		})
	}
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	m := servers.SharedMariaDB(t)
	for _, parameters := range []string{"", "prepare=off", "table=T%24%20%7Bid%7D%60&prefix=a%25_b%27:"} {
		t.Run(parameters, func(t *testing.T) { conforms(t, m.URL(t), parameters) })
	}
}

// TestOutside runs the suite on servers that were started by others.
func TestOutside(t *testing.T) {
	for _, name := range []string{"CLOAKROOM_TEST_POSTGRES_URL", "CLOAKROOM_TEST_MYSQL_URL", "CLOAKROOM_TEST_SQLITE_URL"} {
		t.Run(name, func(t *testing.T) {
			rawURL := os.Getenv(name)
			if rawURL == "" {
				t.Skipf("%s is not set", name)
			}
			conforms(t, rawURL, "prefix=cloakroom-test:")
		})
	}
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
