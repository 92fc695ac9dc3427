package sql

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/integration/site"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

const (
	childURL    = "CLOAKROOM_SQL_CHILD_URL"
	childCookie = "CLOAKROOM_SQL_CHILD_COOKIE"
)

// TestMain runs as the child process that a test started, when it is one.
func TestMain(m *testing.M) {
	if rawURL := os.Getenv(childURL); rawURL != "" {
		if err := child(rawURL, os.Getenv(childCookie)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(demotest.Main(m))
}

// child is one of four processes that count together.
func child(rawURL, cookie string) error {
	d, driver := kind(rawURL)
	store, closer, err := sqlstore.Open(context.Background(), d, driver, rawURL)
	if err != nil {
		return err
	}
	defer closer.Close()
	s, err := site.Make(store)
	if err != nil {
		return err
	}
	return s.Add(cookie, 2, 125)
}

// TestFourProcesses: 1,000 increments of one value by four processes that start
// together on a database without a table, without a failure.
func TestFourProcesses(t *testing.T) {
	onAll(t, func(t *testing.T, rawURL string) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		s := site.Patient(t, open(t, rawURL))
		cookie := s.Start(t, "counter")
		var wg sync.WaitGroup
		for range 4 {
			cmd := exec.CommandContext(t.Context(), exe)
			cmd.Env = append(os.Environ(), childURL+"="+rawURL, childCookie+"="+cookie)
			wg.Go(func() {
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		wg.Wait()
		body := make([]byte, 100)
		n, _ := s.Ask("/get", cookie).Body.Read(body)
		if got := strings.TrimSpace(string(body[:n])); got != "counter 1000" {
			t.Errorf("counted %q, want 1000", got)
		}
	})
}

// TestTogether: twelve stores open one database without a table at once.
func TestTogether(t *testing.T) {
	onAll(t, func(t *testing.T, rawURL string) {
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if _, err := tryOpen(t, rawURL, "migrate=true&max_conns=2"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

var (
	// databases are the servers to test on, each started for one test.
	databases = map[string]func(testing.TB, servers.SQLOptions) *servers.SQLServer{
		"PostgreSQL": servers.StartPostgres,
		"MariaDB":    servers.StartMariaDB,
	}
	// common are those that the package's tests share.
	common = map[string]func(testing.TB) *servers.SQLServer{
		"PostgreSQL": servers.SharedPostgres,
		"MariaDB":    servers.SharedMariaDB,
	}
	// outside are the variables that name servers which others started, for the same suites.
	outside = map[string]string{
		"PostgreSQL": "CLOAKROOM_TEST_POSTGRES_URL",
		"MariaDB":    "CLOAKROOM_TEST_MYSQL_URL",
	}
)

// onAll runs a test on every database that several connections can use.
func onAll(t *testing.T, test func(t *testing.T, rawURL string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteFile(t)) })
	t.Run("SQLite without WAL", func(t *testing.T) { test(t, sqliteFile(t)+"?journal=delete&synchronous=off") })
	for name, server := range common {
		t.Run(name, func(t *testing.T) { test(t, server(t).URL(t)) })
	}
}
