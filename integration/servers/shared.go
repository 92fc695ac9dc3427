package servers

import (
	"fmt"
	"sync"
	"testing"
)

// Some servers take seconds to start, so the tests of a package share them: each has a database
// or a table of its own. A test that kills a server, pauses it or changes its settings starts
// one for itself.
var (
	postgres shared[*SQLServer]
	mariaDB  shared[*SQLServer]
	ferretDB shared[*FerretDB]
	dynamoDB shared[*DynamoDB]
)

// Postgres returns the URL of an empty database on the server that the package shares.
func Postgres(t testing.TB) string {
	t.Helper()
	return SharedPostgres(t).URL(t)
}

// SharedPostgres returns the server that the package shares.
func SharedPostgres(t testing.TB) *SQLServer {
	t.Helper()
	return postgres.get(t, func(t testing.TB) *SQLServer { return StartPostgres(t, SQLOptions{}) })
}

// MariaDB returns the URL of an empty database on the server that the package shares.
func MariaDB(t testing.TB) string {
	t.Helper()
	return SharedMariaDB(t).URL(t)
}

// SharedMariaDB returns the server that the package shares.
func SharedMariaDB(t testing.TB) *SQLServer {
	t.Helper()
	return mariaDB.get(t, func(t testing.TB) *SQLServer { return StartMariaDB(t, SQLOptions{}) })
}

// Mongo returns the URL of an empty database on the server that the package shares.
func Mongo(t testing.TB) string {
	t.Helper()
	return ferretDB.get(t, StartFerretDB).URL() + fmt.Sprintf("db%d", places.Add(1))
}

// SharedDynamoDB returns the server that the package shares.
func SharedDynamoDB(t testing.TB) *DynamoDB {
	t.Helper()
	return dynamoDB.get(t, func(t testing.TB) *DynamoDB {
		return StartDynamoDB(t, DynamoDBOptions{})
	})
}

// shared is a server that starts when the first test wants it.
type shared[S any] struct {
	mu      sync.Mutex
	server  S
	started bool
}

func (c *shared[S]) get(t testing.TB, start func(testing.TB) S) S {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started {
		ends.mu.Lock()
		if !ends.sure {
			t.Error("TestMain must call servers.Main, which stops what tests share")
		}
		ends.mu.Unlock()
		c.server = start(lasting{t})
		c.started = true
	}
	return c.server
}

// lasting stands for all tests of a package: what is cleaned up when a test ends, it keeps for
// [Main].
type lasting struct{ testing.TB }

var ends struct {
	mu   sync.Mutex
	sure bool // that Main runs
	list []func()
}

func (lasting) Cleanup(f func()) {
	ends.mu.Lock()
	defer ends.mu.Unlock()
	ends.list = append(ends.list, f)
}

func (lasting) Failed() bool { return false }

// Main runs the tests of a package that share servers, stops those, and returns the exit code.
func Main(m *testing.M) int {
	ends.sure = true
	defer func() {
		for i := len(ends.list) - 1; i >= 0; i-- {
			ends.list[i]()
		}
	}()
	return m.Run()
}
