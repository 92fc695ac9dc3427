package servers

import (
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

// places numbers databases.
var places atomic.Int64

// StartMariaDB starts a server, otherwise with the settings as shipped, and waits until
// it answers.
func StartMariaDB(t testing.TB, o SQLOptions) *SQLServer {
	t.Helper()
	program, install := Need(t, "mariadbd"), Need(t, "mariadb-install-db")
	for try := 0; ; try++ {
		dir, port := TempDir(t), strconv.Itoa(FreePort(t))
		data := filepath.Join(dir, "data")
		common := []string{
			"--no-defaults", "--datadir=" + data,
			"--tmpdir=" + dir, "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=128M",
		}
		if os.Getuid() == 0 {
			common = append(common, "--user=root") // without this it refuses to start
		}
		var none *account
		none.run(t, dir, install,
			append(common, "--auth-root-authentication-method=normal", "--skip-test-db")...)
		addr := "127.0.0.1:" + port
		s := &SQLServer{Addr: addr, scheme: "mysql", driver: "mysql"}
		s.dsn = "root@tcp(" + addr + ")/"
		args := append(common, "--bind-address=127.0.0.1", "--port="+port,
			"--socket="+filepath.Join(dir, "s"), "--pid-file="+filepath.Join(dir, "pid"),
			"--max-connections=200")
		if !o.Durable {
			args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
		}
		s.Process = Start(t, dir, program, append(args, o.Args...)...)
		if s.listens(t) {
			return s
		}
		if try == 5 {
			t.Fatalf("the server ends at once; its log:\n%s", s.Log())
		}
	}
}
