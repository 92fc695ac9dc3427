package sql

import (
	"os"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
)

// TestDemo runs the checks of the demo's promises on each database. A SQLite database
// in memory is one process's.
func TestDemo(t *testing.T) {
	check := func(name string, s demotest.Store) {
		t.Run(name, func(t *testing.T) {
			s.Lists = true
			demotest.Check(t, s)
		})
	}
	shared := func(url func(testing.TB) string) demotest.Store {
		return demotest.Store{URL: url, Shared: true, Durable: true}
	}
	check("SQLiteFile", shared(sqliteFile))
	// Without the write-ahead log a commit waits for the disk three times, and fifty
	// requests at once for each other.
	check("SQLiteFileWithoutWAL", shared(func(t testing.TB) string { return sqliteFile(t) + "?journal=delete&synchronous=off" }))
	check("SQLiteMemory", demotest.Store{URL: func(testing.TB) string { return "sqlite::memory:" }})
	for name, server := range common {
		place := os.Getenv(outside[name])
		url := func(testing.TB) string { return place }
		if place == "" {
			url = server(t).URL
		}
		check(name, shared(url))
	}
}
