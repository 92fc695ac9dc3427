//go:build unix

package release

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// storeKind is a store as a program uses it.
type storeKind struct {
	name     string
	module   string   // of its own; empty in the root module
	packages []string // below store/
	drivers  []string
	opener   string
	start    func(*testing.T) string // returns the URL
}

// modules returns what to `go get`: drivers in the version that the command has, since their newest
// may need a newer Go.
func (s storeKind) modules(t *testing.T, r repository, version string) []string {
	t.Helper()
	list := []string{project + "@" + version}
	if s.module != "" {
		list = append(list, s.module+"@"+version)
	}
	for _, d := range s.drivers {
		list = append(list, d+"@"+strings.TrimSpace(run(t, filepath.Join(r.dir, "cmd", "cloakroom"), nil,
			"go", "list", "-f", "{{.Module.Version}}", d)))
	}
	return list
}

var stores = []storeKind{
	{
		name: "files", packages: []string{"filestore"}, opener: "filestore.Opener()",
		start: func(t *testing.T) string { return "file://" + filepath.Join(t.TempDir(), "s") },
	},
	{
		name: "sqlite", packages: []string{"sqlstore"}, drivers: []string{"modernc.org/sqlite"},
		opener: `sqlstore.Opener(sqlstore.SQLite, "sqlite")`,
		start:  func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "s.db") },
	},
	{
		name: "postgres", packages: []string{"sqlstore"},
		drivers: []string{"github.com/jackc/pgx/v5/stdlib"},
		opener:  `sqlstore.Opener(sqlstore.Postgres, "pgx")`,
		start: func(t *testing.T) string {
			return servers.StartPostgres(t, servers.SQLOptions{}).URL(t)
		},
	},
	{
		name: "mariadb", packages: []string{"sqlstore"},
		drivers: []string{"github.com/go-sql-driver/mysql"},
		opener:  `sqlstore.Opener(sqlstore.MySQL, "mysql")`,
		start: func(t *testing.T) string {
			return servers.StartMariaDB(t, servers.SQLOptions{}).URL(t)
		},
	},
	{
		name: "redis", module: project + "/store/redisstore", packages: []string{"redisstore"},
		opener: "redisstore.Opener()",
		start: func(t *testing.T) string {
			return servers.StartRedis(t, servers.RedisOptions{}).URL()
		},
	},
	{
		name: "memcached", module: project + "/store/memcachedstore",
		packages: []string{"memcachedstore"}, opener: "memcachedstore.Opener()",
		start: func(t *testing.T) string { return servers.StartMemcached(t).URL() },
	},
	{
		name: "mongodb", module: project + "/store/mongostore", packages: []string{"mongostore"},
		opener: "mongostore.Opener()",
		start:  func(t *testing.T) string { return servers.StartFerretDB(t).URL() + "test" },
	},
	{
		name: "dynamodb", module: project + "/store/dynamodbstore",
		packages: []string{"dynamodbstore"}, opener: "dynamodbstore.Opener()",
		start: func(t *testing.T) string {
			return servers.StartDynamoDB(t, servers.DynamoDBOptions{}).URL("sessions")
		},
	},
}

// TestEveryModule checks that no store is left out above.
func TestEveryModule(t *testing.T) {
	root := strings.TrimSpace(run(t, "", nil, "git", "rev-parse", "--show-toplevel"))
	for _, folder := range strings.Fields(run(t, root, nil, "scripts/published")) {
		known := func(s storeKind) bool { return s.module == project+"/"+folder }
		if strings.HasPrefix(folder, "store/") && !slices.ContainsFunc(stores, known) {
			t.Errorf("%s is published, and TestRelease does not use it", folder)
		}
	}
}
