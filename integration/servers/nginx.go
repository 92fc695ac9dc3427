package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// Nginx is an nginx with one server.
type Nginx struct {
	*Process
	Addr string // 127.0.0.1:PORT
	path string
}

// nginxConfig takes a user, a folder four times, an address, and the content of the
// server block. It keeps no connections, so workers end as soon as they have answered.
const nginxConfig = `daemon off;
%s
worker_processes 2;
pid %s/pid;
error_log stderr notice;
events { worker_connections 512; }
http {
	access_log off;
	keepalive_timeout 0;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[3]s;
%[4]s
	}
}
`

// StartNginx starts a server with these directives in its server block, and waits until
// it listens.
func StartNginx(t testing.TB, directives string) *Nginx {
	t.Helper()
	path := Need(t, "nginx")
	for try := 0; ; try++ {
		n := &Nginx{Addr: "127.0.0.1:" + strconv.Itoa(FreePort(t)), path: path}
		dir := TempDir(t)
		n.configure(t, dir, directives)
		n.Process = Start(t, dir, path, n.args()...)
		Until(t, "nginx listens", func() error {
			if n.Running() && len(n.workers(t)) == 0 { // they start when it listens
				return errors.New("no worker has started")
			}
			return nil
		})
		if n.Running() {
			return n
		}
		if try == 5 {
			t.Fatalf("nginx ends at once; its log:\n%s", n.Log())
		}
	}
}

// URL returns the server's URL.
func (n *Nginx) URL() string { return "http://" + n.Addr }

func (n *Nginx) args(more ...string) []string {
	return append([]string{"-e", "stderr", "-c", "nginx.conf", "-p", "."}, more...)
}

func (n *Nginx) configure(t testing.TB, dir, directives string) {
	t.Helper()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // the folder is its own
	}
	text := fmt.Sprintf(nginxConfig, user, dir, n.Addr, directives)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Reload gives the server other directives, as an administrator would. When it returns,
// the former workers have answered their requests and are gone.
func (n *Nginx) Reload(t testing.TB, directives string) {
	t.Helper()
	n.configure(t, n.Dir, directives)
	former := n.workers(t)
	cmd := exec.CommandContext(context.Background(), n.path, n.args("-s", "reload")...)
	cmd.Dir = n.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nginx -s reload: %v\n%s", err, out)
	}
	Until(t, "nginx has reloaded", func() error {
		now := n.workers(t)
		for pid := range former {
			if now[pid] {
				return errors.New("a former worker runs")
			}
		}
		if len(now) == 0 {
			return errors.New("no worker has started")
		}
		return nil
	})
}

var workerLine = regexp.MustCompile(`(start )?worker process (\d+)( exited)?`)

// workers returns the process ids of the workers that run, by the log.
func (n *Nginx) workers(t testing.TB) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(n.log)
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for _, m := range workerLine.FindAllStringSubmatch(string(text), -1) {
		switch pid := m[2]; {
		case m[1] != "":
			run[pid] = true
		case m[3] != "":
			delete(run, pid)
		}
	}
	return run
}
