// Package overhttp measures sites over real HTTP: each server is a process of its own,
// and so many clients ask it at once, over connections that are kept as long as the
// server does.
package overhttp

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// Command is the argument that makes this program a server, see [Serve].
const Command = "serve"

// server is one that runs.
type server struct {
	library, bare string
	addr          string
	sessions      bool
}

// Opened are the servers of one store.
type Opened struct {
	store   string
	payload int
	list    []*server
}

// Store is what the keys of cells have as their store.
func Store(store string) string { return store + " over HTTP" }

// Open starts a server of each library that has the store, which is "memory" or "redis".
func Open(t testing.TB, store string, payload int, libraries ...string) (*Opened, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	url := memoryURL
	if store == "redis" {
		url = servers.StartRedis(t, servers.RedisOptions{}).URL()
	}
	o := &Opened{store: Store(store), payload: payload}
	for _, library := range libraries {
		addr := "127.0.0.1:" + strconv.Itoa(servers.FreePort(t))
		s := &server{library: library, bare: measure.Bare, addr: addr}
		switch library {
		case measure.Bare, fiberBare, flaskBare:
		default:
			s.sessions = true
		}
		args := []string{Command, library, url, strconv.Itoa(payload), s.addr}
		program := exe
		switch library {
		case fiberLibrary, fiberBare:
			s.bare = fiberBare
		case flaskLibrary, flaskBare:
			s.bare = flaskBare
			if program, args, err = gunicorn(library, url, payload, s.addr); err != nil {
				return nil, err
			}
		}
		process := servers.Start(t, "", program, args...)
		servers.Until(t, library+" listens", func() error {
			if !process.Running() {
				t.Fatalf("%s ended:\n%s", library, process.Log())
			}
			c, err := new(net.Dialer).DialContext(context.Background(), "tcp", s.addr)
			if err == nil {
				err = c.Close()
			}
			return err
		})
		o.list = append(o.list, s)
	}
	return o, nil
}

const inVenv = ".venv/flask/bin/gunicorn"

// HasFlask reports whether Flask-Session and gunicorn are installed, by
// scripts/install-flask-session.
func HasFlask() bool {
	root, err := Root()
	if err == nil {
		_, err = os.Stat(filepath.Join(root, inVenv))
	}
	return err == nil
}

// gunicorn is Flask's server as its manual advises: one worker a core. Its workers of
// threads keep connections, which the others do not.
func gunicorn(
	library, url string, payload int, addr string,
) (program string, args []string, err error) {
	root, err := Root()
	if err != nil {
		return "", nil, err
	}
	program = filepath.Join(root, inVenv)
	app := "bench_site:bare()"
	if library == flaskLibrary {
		app = fmt.Sprintf("bench_site:sessions('%s', %d)", url, payload)
	}
	return program, []string{
		"--chdir", filepath.Join(root, "bench", "flask"), "--bind", addr,
		"--workers", strconv.Itoa(runtime.NumCPU()), "--worker-class", "gthread",
		"--threads", "8", "--keep-alive", "75", "--backlog", "2048", app,
	}, nil
}

// Root returns the root of the repository, whose folder bench or one below it is the
// working folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		site := filepath.Join(dir, "bench", "flask", "bench_site.py")
		if _, missing := os.Stat(site); missing == nil {
			return dir, nil
		}
		dir = filepath.Dir(dir)
	}
	if err == nil {
		err = os.ErrNotExist
	}
	return "", fmt.Errorf("the root of the repository: %w", err)
}

// Cells returns a cell for each act on each server.
func (o *Opened) Cells(clients int, acts ...measure.Act) []measure.Cell {
	var cells []measure.Cell
	for _, s := range o.list {
		mine, payload := acts, o.payload
		if !s.sessions {
			mine, payload = []measure.Act{measure.Untouched}, 0
		}
		for _, act := range mine {
			cells = append(cells, &cell{
				key: measure.Key{
					Store: o.store, Library: s.library, Act: act,
					Payload: payload, Clients: clients,
				},
				bare:   s.bare,
				server: s,
			})
		}
	}
	return cells
}
