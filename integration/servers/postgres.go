package servers

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// SQLServer is a PostgreSQL or a MariaDB server, with a superuser who needs no password.
type SQLServer struct {
	*Process
	Addr   string // 127.0.0.1:PORT
	scheme string
	driver string
	dsn    string
}

// SQLOptions say how to start a server. The zero value does not wait for the disk.
type SQLOptions struct {
	Args    []string // further settings
	Durable bool     // an acknowledged write is on disk
}

// StartPostgres starts a server and waits until it answers.
func StartPostgres(t testing.TB, o SQLOptions) *SQLServer {
	t.Helper()
	program, initdb := postgresProgram(t, "postgres"), postgresProgram(t, "initdb")
	for try := 0; ; try++ {
		dir, port := TempDir(t), strconv.Itoa(FreePort(t))
		as := unprivileged(t, "postgres")
		as.own(t, dir)
		data := filepath.Join(dir, "data")
		as.run(t, dir, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
			"--locale=C", "--no-sync", "--no-instructions")
		s := &SQLServer{Addr: "127.0.0.1:" + port, scheme: "postgres", driver: "pgx"}
		s.dsn = "postgres://postgres@" + s.Addr + "/postgres"
		set := []string{
			"listen_addresses=127.0.0.1", "port=" + port, "unix_socket_directories=" + dir,
			"shared_buffers=64MB", "max_connections=200",
			"dynamic_shared_memory_type=mmap", "autovacuum_naptime=10s",
		}
		if !o.Durable {
			set = append(set, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
		}
		args := []string{"-D", data}
		for _, setting := range append(set, o.Args...) {
			args = append(args, "-c", setting)
		}
		s.Process = startAs(t, as, dir, program, args...)
		t.Cleanup(s.shutDown)
		if s.listens(t) {
			return s
		}
		if try == 5 {
			t.Fatalf("the server ends at once; its log:\n%s", s.Log())
		}
	}
}

// shutDown ends PostgreSQL in good order: if killed, it leaves shared memory behind.
func (s *SQLServer) shutDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running() {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.done
	}
}

// postgresProgram finds a program that Debian keeps out of PATH.
func postgresProgram(t testing.TB, name string) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1]
	}
	return Need(t, name)
}

// listens waits until the server answers or has ended, and reports which.
func (s *SQLServer) listens(t testing.TB) bool {
	t.Helper()
	db := s.Open(t, "")
	Until(t, "the server answers", func() error {
		if !s.Running() {
			return nil
		}
		return db.PingContext(context.Background())
	})
	return s.Running()
}

// Open opens a database of the server with the driver's own parameters, and closes it
// when the test ends.
func (s *SQLServer) Open(t testing.TB, parameters string) *sql.DB {
	t.Helper()
	dsn := s.dsn
	if parameters != "" {
		dsn += "?" + parameters
	}
	db, err := sql.Open(s.driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Do executes a statement.
func (s *SQLServer) Do(t testing.TB, statement string, args ...any) {
	t.Helper()
	db := s.Open(t, "")
	defer db.Close() //nolint:errcheck // it served its purpose
	if _, err := db.ExecContext(context.Background(), statement, args...); err != nil {
		t.Fatalf("%.60s: %v", statement, err)
	}
}

// Restart starts a server that was killed, and waits until it answers.
func (s *SQLServer) Restart(t testing.TB) {
	t.Helper()
	Until(t, "the server is back", func() error {
		if !s.Running() { // PostgreSQL starts only after the former processes have ended
			if err := s.Start(); err != nil {
				return err
			}
		}
		db := s.Open(t, "")
		defer db.Close() //nolint:errcheck // it served its purpose
		return db.PingContext(context.Background())
	})
}

// URL returns the URL of a new database.
func (s *SQLServer) URL(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("db%d", places.Add(1))
	s.Do(t, "CREATE DATABASE "+name)
	user := "postgres"
	if s.scheme == "mysql" {
		user = "root"
	}
	return s.scheme + "://" + user + "@" + s.Addr + "/" + name
}

// account is the user that a server runs as if the test runs as root, which the server
// refuses.
type account struct{ uid, gid int }

// unprivileged returns an account other than root, or nil if the test is not root.
func unprivileged(t testing.TB, name string) *account {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{name, "daemon"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			if err1 == nil && err2 == nil {
				return &account{uid, gid}
			}
		}
	}
	t.Fatalf("there is neither a user %s nor daemon to run the server", name)
	return nil
}

func (a *account) own(t testing.TB, path string) {
	t.Helper()
	if a == nil {
		return
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		t.Fatal(err)
	}
}

// run runs a program to its end.
func (a *account) run(t testing.TB, dir, path string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = attributes(a)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(path), err, strings.TrimSpace(string(out)))
	}
}
