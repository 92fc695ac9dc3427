package sql

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/visitor"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// busy has so many sign-ins at once that the pool fills up.
func busy(t testing.TB, m *cloakroom.Manager) {
	t.Helper()
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			for range 3 {
				if _, err := visitor.SignIn(m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// demoted is how a server is told that it takes no writes any more, and what it says to one.
var demoted = map[string]struct{ statement, words string }{
	"PostgreSQL": {"ALTER SYSTEM SET default_transaction_read_only = on", "25006"},
	"MariaDB":    {"SET GLOBAL read_only = ON", "1290"},
}

// readOnly tells the server at the end of a URL.
func readOnly(t testing.TB, name string, s *servers.SQLServer) {
	t.Helper()
	s.Do(t, demoted[name].statement)
	if name == "PostgreSQL" {
		s.Do(t, "SELECT pg_reload_conf()")
		time.Sleep(300 * time.Millisecond) // until its processes have looked
	}
}

// user makes a user who may do less than a superuser, whom a MariaDB that is read-only
// lets write all the same.
func user(t testing.TB, name string, s *servers.SQLServer) {
	t.Helper()
	if name == "MariaDB" {
		s.Do(t, "GRANT ALL ON *.* TO web@'127.0.0.1' IDENTIFIED BY 'secret-word'")
		s.Do(t, "REVOKE READ ONLY ADMIN, SUPER ON *.* FROM web@'127.0.0.1'")
	}
}

// through is a URL of a server's database by an address, as that user.
func through(name, rawURL, server, address string) string {
	rawURL = strings.Replace(rawURL, server, address, 1)
	if name == "MariaDB" {
		rawURL = strings.Replace(rawURL, "root@", "web:secret-word@", 1)
	}
	return rawURL
}

// TestDemoted: a server that takes no writes any more is left, with all its
// connections, for the one that the address leads to by now; until it leads there,
// every write is refused at once.
func TestDemoted(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			old, promoted := start(t, servers.SQLOptions{}), start(t, servers.SQLOptions{})
			user(t, name, old)
			user(t, name, promoted)
			rawURL := old.URL(t)
			database := rawURL[strings.LastIndex(rawURL, "/")+1:]
			promoted.Do(t, "CREATE DATABASE "+database)
			_ = open(t, through(name, rawURL, old.Addr, promoted.Addr)) // makes the table there
			p := servers.StartProxy(t, old.Addr)
			m := visitor.Manager(t, open(t, through(name, rawURL, old.Addr, p.Addr)))
			busy(t, m)
			ticket, err := visitor.SignIn(m)
			if err != nil {
				t.Fatal(err)
			}
			readOnly(t, name, old)
			_, err = visitor.SignIn(m)
			visitor.WantRefusal(t, "sign in", err, demoted[name].words)
			_, err = visitor.Visit(m, ticket)
			visitor.WantRefusal(t, "change", err, demoted[name].words)
			_, err = m.RevokeOwned(t.Context(), "ada")
			visitor.WantRefusal(t, "revoke", err, demoted[name].words)
			if err != nil && strings.Contains(err.Error(), "secret-word") {
				t.Error("the password is told")
			}
			p.Lead(promoted.Addr)
			busy(t, m)
		})
	}
}

// TestNoTable: a table that was dropped, and one that was never made, are told of at
// once, and used as soon as they are there.
func TestNoTable(t *testing.T) {
	for name, rawURL := range urls(t) {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, rawURL)
			execute(t, db, "SELECT 1") // so that SQLite has a file
			never, err := tryOpen(t, rawURL, "create=never")
			if never != nil {
				t.Fatal("opened without a table")
			}
			visitor.WantRefusal(t, "open", err, "no such table")
			d, _ := kind(rawURL)
			s := newStore(t, db, sqlstore.Options{Dialect: d})
			m := visitor.Manager(t, s)
			_, err = visitor.SignIn(m)
			visitor.WantRefusal(t, "sign in", err, "no such table")
			if err := s.CreateTable(t.Context()); err != nil {
				t.Fatal(err)
			}
			ticket, err := visitor.SignIn(m)
			wants(t, "sign in", err, nil)
			execute(t, db, "DROP TABLE sessions")
			_, err = visitor.SignIn(m)
			visitor.WantRefusal(t, "sign in", err, "sessions")
			_, err = visitor.Visit(m, ticket)
			visitor.WantRefusal(t, "change", err, "sessions")
			_ = open(t, rawURL)
			_, err = visitor.SignIn(m)
			wants(t, "sign in", err, nil)
		})
	}
}

// TestNoRight: so is a missing right, where it can be taken away.
func TestNoRight(t *testing.T) {
	for name, grant := range map[string][]string{
		"PostgreSQL": {"CREATE ROLE web LOGIN", "GRANT SELECT ON sessions TO web"},
		"MariaDB":    {"CREATE USER web@'127.0.0.1'", "GRANT SELECT ON sessions TO web@'127.0.0.1'"},
	} {
		t.Run(name, func(t *testing.T) {
			rawURL := common[name](t).URL(t)
			_ = open(t, rawURL)
			db := openDB(t, rawURL)
			for _, statement := range grant {
				execute(t, db, statement)
			}
			at := strings.NewReplacer("root@", "web@", "postgres@", "web@").Replace(rawURL)
			_, err := visitor.SignIn(visitor.Manager(t, open(t, at)))
			visitor.WantRefusal(t, "sign in", err, "denied")
			_, err = tryOpen(t, strings.Replace(at, "web@", "stranger:secret-word@", 1))
			if visitor.WantRefusal(t, "open", err, ""); err != nil && strings.Contains(err.Error(), "secret-word") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

// TestReadOnlyFile: as is a file that may not be written.
func TestReadOnlyFile(t *testing.T) {
	dir := t.TempDir()
	_ = open(t, "sqlite://"+dir+"/sessions.db", "journal=delete")
	db, err := sql.Open("sqlite", "file:"+dir+"/sessions.db?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = visitor.SignIn(visitor.Manager(t, newStore(t, db, sqlstore.Options{Dialect: sqlstore.SQLite})))
	visitor.WantRefusal(t, "sign in", err, "readonly")
	gone := filepath.Join(dir, "gone", "sessions.db")
	if _, err := tryOpen(t, "sqlite://"+gone); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(gone)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
}

// TestTooManyConnections: what comes while the server has no more waits a little, and
// is told that nothing was done.
func TestTooManyConnections(t *testing.T) {
	for name, setting := range map[string]string{"PostgreSQL": "max_connections=8", "MariaDB": "--max-connections=8"} {
		t.Run(name, func(t *testing.T) {
			s := databases[name](t, servers.SQLOptions{Args: []string{setting}})
			rawURL := s.URL(t)
			user(t, name, s)
			_ = open(t, rawURL)
			db := openDB(t, through(name, rawURL, s.Addr, s.Addr))
			d, _ := kind(rawURL)
			m := visitor.Manager(t, newStore(t, db, sqlstore.Options{Dialect: d}))
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() {
					if _, err := visitor.SignIn(m); err != nil {
						visitor.WantRefusal(t, "sign in", err, "onnections")
					}
				})
			}
			wg.Wait()
		})
	}
}

// urls are new databases of each kind.
func urls(t testing.TB) map[string]string {
	list := map[string]string{"SQLite": sqliteFile(t)}
	for name, server := range common {
		list[name] = server(t).URL(t)
	}
	return list
}

// openDB opens the database of a URL as an application would.
func openDB(t testing.TB, rawURL string) *sql.DB {
	t.Helper()
	_, driver := kind(rawURL)
	dsn := rawURL
	switch driver {
	case "mysql":
		user, rest, _ := strings.Cut(strings.TrimPrefix(rawURL, "mysql://"), "@")
		address, database, _ := strings.Cut(rest, "/")
		dsn = user + "@tcp(" + address + ")/" + database
	case "sqlite":
		dsn = "file:" + strings.TrimPrefix(rawURL, "sqlite://") + "?" + "_pragma=journal_mode(wal)&_pragma=busy_timeout(10)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
