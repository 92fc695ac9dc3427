package linear

import (
	"fmt"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
)

// TestLinearizableSQL is TestLinearizable on SQLite, in a file and in memory, on
// PostgreSQL and on MariaDB, with two stores as of two processes; in memory with one.
func TestLinearizableSQL(t *testing.T) {
	for _, place := range []struct {
		name    string
		dialect sqlstore.Dialect
		driver  string
		start   func(testing.TB) string
	}{
		{"SQLite file", sqlstore.SQLite, "sqlite", func(t testing.TB) string { return "sqlite://" + t.TempDir() + "/s.db?synchronous=normal" }},
		{"SQLite memory", sqlstore.SQLite, "sqlite", func(testing.TB) string { return "sqlite::memory:" }},
		{"PostgreSQL", sqlstore.Postgres, "pgx", func(t testing.TB) string { return servers.StartPostgres(t, servers.SQLOptions{}).URL(t) }},
		{"MariaDB", sqlstore.MySQL, "mysql", func(t testing.TB) string { return servers.StartMariaDB(t, servers.SQLOptions{}).URL(t) }},
	} {
		t.Run(place.name, func(t *testing.T) {
			rawURL := place.start(t)
			open := func() *sqlstore.Store {
				s, closer, err := sqlstore.Open(t.Context(), place.dialect, place.driver, rawURL)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { closer.Close() })
				return s
			}
			a := open()
			b := a
			if rawURL != "sqlite::memory:" {
				b = open()
			}
			for _, oneIn := range []int{0, 20} {
				t.Run(fmt.Sprintf("faults one in %d", oneIn), func(t *testing.T) {
					for range *runsFlag {
						p := newPlan(t)
						p.atomicMoves, p.faults = true, oneIn > 0
						check(t, p, []node{
							manager(t, faulty(a, p.seed, oneIn)),
							manager(t, faulty(b, p.seed+1, oneIn)),
						})
					}
				})
			}
		})
	}
}
