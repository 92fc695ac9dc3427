package report

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// Machine describes the machine.
func Machine() []string {
	list := []string{fmt.Sprintf("%s/%s, %d processors",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU())}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if model := field(text, "model name"); model != "" {
			list = append(list, model)
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if total := field(text, "MemTotal"); total != "" {
			list = append(list, total+" of memory")
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		list = append(list, "kernel "+strings.TrimSpace(string(text)))
	}
	return list
}

func field(text []byte, name string) string {
	for line := range bytes.Lines(text) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		if string(bytes.TrimSpace(key)) == name {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// peers are the modules whose versions matter.
var peers = []string{
	"github.com/alexedwards/scs/v2", "github.com/alexedwards/scs/goredisstore",
	"github.com/alexedwards/scs/pgxstore", "github.com/alexedwards/scs/sqlite3store",
	"github.com/gin-contrib/sessions", "github.com/gin-gonic/gin",
	"github.com/gofiber/fiber/v3", "github.com/gofiber/storage/redis/v3",
	"github.com/gorilla/sessions", "github.com/jackc/pgx/v5",
	"github.com/redis/go-redis/v9", "github.com/redis/rueidis", "modernc.org/sqlite",
}

// Versions lists the versions of what was measured. root is the folder of the repository.
func Versions(ctx context.Context, root string) []string {
	list := []string{"Go " + strings.TrimPrefix(runtime.Version(), "go")}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if slices.Contains(peers, dep.Path) {
				list = append(list, strings.TrimPrefix(dep.Path, "github.com/")+" "+dep.Version)
			}
		}
	}
	postgres := "postgres"
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
		postgres = found[len(found)-1]
	}
	python := filepath.Join(root, ".venv", "flask", "bin", "python")
	const modules = "import platform\nfrom importlib.metadata import version as v\n" +
		"names = 'flask', 'flask-session', 'gunicorn', 'redis', 'cachelib'\n" +
		"print('Python', platform.python_version(), *(', %s %s' % (n, v(n)) for n in names))"
	valkey, _ := servers.Find("valkey-server")
	for _, command := range [][]string{
		{"redis-server", "--version"}, {valkey, "--version"}, {"memcached", "-V"},
		{postgres, "--version"}, {python, "-c", modules},
	} {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
		if line, _, _ := strings.Cut(string(out), "\n"); err == nil && line != "" {
			list = append(list, strings.ReplaceAll(short(line), " ,", ","))
		}
	}
	return list
}

// short leaves out what redis-server says about its build.
func short(line string) string {
	before, _, _ := strings.Cut(line, " sha=")
	return strings.TrimSpace(before)
}
