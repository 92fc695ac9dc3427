// Package rehearsal moves a shop from Flask to Go, as docs/from-flask.md describes, while
// its visitors go on: none is signed out, no acknowledged change is lost, and no session
// comes back after its sign-out.
package rehearsal

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

var fullFlag = flag.Bool("rehearsal.full", false, "the long mode: every store, more visitors")

// prefix and table are not Flask-Session's defaults, which would hide that a setting is
// ignored.
const (
	prefix = "shop:"
	table  = "visitors"
)

// place is a store for the shop's sessions.
type place struct {
	name     string
	quick    bool // in the short mode too
	signed   bool // cookies are signed at first
	stale500 bool // Flask answers 500 to a former cookie
	start    func(*testing.T) setup
}

// setup is the settings for a place that has started.
type setup struct {
	settings map[string]string // Flask's names
	from     string            // the setting that names the store, to copy from
	to       string            // the store after Flask; empty if sessions cannot be listed
}

var places = []place{
	{name: "redis", quick: true, start: onRedis},
	{name: "redis, signed", signed: true, start: onRedis},
	{name: "redis, JSON", start: func(t *testing.T) setup {
		s := onRedis(t)
		s.settings["SESSION_SERIALIZATION_FORMAT"] = "json"
		return s
	}},
	{name: "filesystem", quick: true, start: func(t *testing.T) setup {
		dir := filepath.Join(t.TempDir(), "sessions")
		return setup{settings: map[string]string{
			"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": dir, "SESSION_FILE_THRESHOLD": "0",
		}, from: "cachelib://" + dir}
	}},
	{name: "memcached", start: func(t *testing.T) setup {
		m := servers.StartMemcached(t)
		return setup{settings: map[string]string{
			"SESSION_TYPE": "memcached", "SESSION_MEMCACHED": m.URL(),
		}, from: m.URL()}
	}},
	{name: "postgresql", start: func(t *testing.T) setup {
		return onSQL(t, servers.StartPostgres(t, servers.SQLOptions{}))
	}},
	{name: "mysql", start: func(t *testing.T) setup {
		return onSQL(t, servers.StartMariaDB(t, servers.SQLOptions{}))
	}},
	{name: "dynamodb", stale500: true, start: func(t *testing.T) setup {
		d := servers.StartDynamoDB(t, servers.DynamoDBOptions{})
		from := d.URL(table)
		return setup{settings: map[string]string{
			"SESSION_TYPE": "dynamodb", "SESSION_DYNAMODB": from, "SESSION_DYNAMODB_TABLE": table,
		}, from: from, to: d.URL("moved")}
	}},
}

func onRedis(t *testing.T) setup {
	server := servers.StartRedis(t, servers.RedisOptions{})
	for i := range 30 { // other keys of the application
		server.Do(t, "SET", fmt.Sprintf("%slock:%d", prefix, i), "1")
	}
	from := server.URL()
	return setup{settings: map[string]string{
		"SESSION_TYPE": "redis", "SESSION_REDIS": from,
	}, from: from, to: from + "/?prefix=moved:"}
}

// onSQL returns the settings for a database, by SQLAlchemy's URL.
func onSQL(t *testing.T, s *servers.SQLServer) setup {
	scheme, rest, _ := strings.Cut(s.URL(t), ":")
	from := map[string]string{"postgres": "postgresql+psycopg:", "mysql": "mysql+pymysql:"}[scheme] + rest
	return setup{settings: map[string]string{
		"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": from, "SESSION_SQLALCHEMY_TABLE": table,
	}, from: from, to: s.URL(t)}
}

// paths are the shop's, in the order in which they move. There are two to sign in and two
// to sign out, so that both sides do either most of the time.
var paths = []string{
	"/cart", "/leave", "/put", "/flash", "/join", "/visit", "/messages", "/note", "/account",
	"/logout", "/login",
}

// size returns the number of visitors, and how many steps they do together after each
// move.
func size() (visitors, steps int) {
	if *fullFlag {
		return 50, 250
	}
	return 12, 60
}

func TestRehearsal(t *testing.T) {
	for _, p := range places {
		if !p.quick && !*fullFlag {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			if !*fullFlag {
				t.Parallel()
			}
			(&rehearsal{t: t, place: p}).run()
		})
	}
}

// rehearsal is a shop on a place while it moves.
type rehearsal struct {
	t *testing.T
	place
	setup
	front  *servers.Nginx
	python *app
	golang *app
	crowd  *crowd
	steps  int
}

// app is the shop on one side.
type app struct {
	*servers.Process
	addr string
}

func (r *rehearsal) run() {
	visitors, steps := size()
	r.setup, r.steps = r.start(r.t), steps
	for name, value := range map[string]string{
		"SECRET_KEY": "not secret", "SESSION_KEY_PREFIX": prefix,
		"PERMANENT_SESSION_LIFETIME": strconv.Itoa(int(lifetime.Seconds())),
		"SESSION_USE_SIGNER":         strconv.FormatBool(r.signed),
	} {
		r.settings[name] = value
	}
	r.python = r.startFlask()
	r.golang = r.startGo("")
	r.front = servers.StartNginx(r.t, r.directives(0))
	r.crowd = newCrowd(visitors, &url.URL{Scheme: "http", Host: r.front.Addr})
	r.crowd.stale500 = r.stale500
	r.crowd.begin()
	r.crowd.goesOnFor(r.t, steps, "Flask serves every path", func() bool { return r.servedAll("Flask") })

	r.move()
	r.python.Terminate()
	r.crowd.goesOnFor(r.t, steps, "Go serves every path", func() bool { return r.servedAll("Go") })
	if r.signed {
		r.turnSignerOff()
	}
	r.crowd.pause(r.t)
	r.crowd.each(r.t, (*visitor).look)
	r.golang.Terminate()
	r.leave()
	r.again()
	r.t.Logf("%d steps; %v", r.crowd.n, r.crowd.by)
}

// move moves one path after the other from Flask to Go.
func (r *rehearsal) move() {
	for i, path := range paths {
		r.front.Reload(r.t, r.directives(i+1))
		r.crowd.moves(path)
		before := r.crowd.times("Go", path)
		r.crowd.goesOnFor(r.t, r.steps, "Go serves "+path, func() bool {
			return r.crowd.by["Go "+path] > before
		})
	}
}

// servedAll reports whether a side has served every path. The crowd is locked.
func (r *rehearsal) servedAll(side string) bool {
	for _, path := range paths {
		if r.crowd.by[side+" "+path] == 0 {
			return false
		}
	}
	return true
}

// turnSignerOff goes on until every visitor has a plain cookie. Go stops before it starts
// without the signer: a process with the signer would refuse plain cookies.
func (r *rehearsal) turnSignerOff() {
	r.crowd.pause(r.t)
	r.golang.Terminate()
	r.settings["SESSION_USE_SIGNER"] = "false"
	r.golang = r.startGo("")
	r.front.Reload(r.t, r.directives(len(paths)))
	r.crowd.begin()
	r.crowd.goesOnFor(r.t, r.steps, "the visitors come by", func() bool { return true })
	r.crowd.pause(r.t)
	r.crowd.each(r.t, (*visitor).look)
	r.crowd.each(r.t, func(v *visitor) error {
		if strings.Contains(v.cookie(), ".") {
			return errSigned
		}
		return nil
	})
	r.crowd.begin()
	r.crowd.goesOnFor(r.t, r.steps, "the visitors go on", func() bool { return true })
}

// leave leaves Flask's profile, where the sessions can be listed, and starts Go again.
func (r *rehearsal) leave() {
	r.t.Helper()
	to := r.to
	if to == "" {
		to = "file://" + filepath.Join(r.t.TempDir(), "moved")
	}
	cmd := exec.CommandContext(r.t.Context(), demotest.Command(r.t), "copy", "--from-flask", r.from, to)
	cmd.Env = append(os.Environ(), r.environ()...)
	out, err := cmd.CombinedOutput()
	r.t.Logf("copy: %s", out)
	if r.to == "" {
		if err == nil || !strings.Contains(string(out), "cannot list") {
			r.t.Fatalf("copying: %v", err)
		}
	} else if err != nil {
		r.t.Fatalf("copying: %v", err)
	}
	r.golang = r.startGo(r.to)
	r.front.Reload(r.t, r.directives(len(paths)))
	r.crowd.each(r.t, (*visitor).look)
	r.crowd.each(r.t, r.listed)
}

// listed checks the list of a visitor's sessions: one under its name if it is signed in,
// and none that was signed out.
func (r *rehearsal) listed(v *visitor) error {
	if r.to == "" {
		return nil
	}
	store, closer, err := storeurl.Open(r.t.Context(), r.to, openers...)
	if err != nil {
		return err
	}
	defer closer.Close()
	m, err := cloakroom.New(store, cloakroom.Options{Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	for _, owner := range append([]string{v.owner}, v.left...) {
		if owner == "" {
			continue
		}
		n, want := 0, 0
		if owner == v.owner {
			want = 1
		}
		for _, err := range m.Owned(r.t.Context(), owner) {
			if err != nil {
				return err
			}
			n++
		}
		if n != want {
			return fmt.Errorf("%d sessions of %s are listed, want %d", n, owner, want)
		}
	}
	return nil
}

// again lets the visitors go on after Flask, and checks everything a last time.
func (r *rehearsal) again() {
	r.crowd.begin()
	r.crowd.goesOnFor(r.t, 2*r.steps, "the visitors go on", func() bool { return true })
	r.crowd.pause(r.t)
	r.crowd.each(r.t, (*visitor).look)
	r.crowd.each(r.t, r.listed)
	r.crowd.each(r.t, func(v *visitor) error {
		for _, cookie := range v.former {
			id, _, _ := strings.Cut(cookie, ".") // what a signed one is about
			if err := v.try(id); err != nil {
				return err
			}
			if err := v.try(cookie); err != nil {
				return err
			}
		}
		return nil
	})
}

// directives send the first n paths to Go, and the others to Flask.
func (r *rehearsal) directives(n int) string {
	var b strings.Builder
	b.WriteString("\t\tproxy_set_header Host $http_host;\n")
	for i, path := range paths {
		to := r.python
		if i < n {
			to = r.golang
		}
		fmt.Fprintf(&b, "\t\tlocation = %s { proxy_pass http://%s; }\n", path, to.addr)
	}
	return b.String()
}

func (r *rehearsal) environ() []string {
	environ := []string{"TZ=UTC", "PYTHONWARNINGS=ignore", "PYTHONDONTWRITEBYTECODE=1"}
	for name, value := range r.settings {
		environ = append(environ, "FLASK_"+name+"="+value)
	}
	return environ
}

// startGo starts the shop in Go: beside Flask, or on a store of its own.
func (r *rehearsal) startGo(storeURL string) *app {
	return r.startApp("Go", func(addr string) []string {
		return []string{serveAddr + "=" + addr, serveStore + "=" + storeURL, os.Args[0]}
	})
}

// startFlask starts the shop in Flask, under gunicorn.
func (r *rehearsal) startFlask() *app {
	r.t.Helper()
	python := servers.Flask(r.t)
	folder, err := filepath.Abs("testdata")
	if err != nil {
		r.t.Fatal(err)
	}
	// Importing makes the tables, which several workers would do at once.
	cmd := exec.CommandContext(r.t.Context(), python, "-c", "import shop")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), r.environ()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("the shop in Flask: %v\n%s", err, out)
	}
	return r.startApp("Flask", func(addr string) []string {
		return []string{
			python, "-m", "gunicorn", "--bind", addr, "--workers", "2", "--threads", "4",
			"--worker-class", "gthread", "--no-control-socket", "--chdir", folder, "shop:app",
		}
	})
}

// startApp starts a side with the settings in its environment, and waits until it answers.
func (r *rehearsal) startApp(side string, command func(addr string) []string) *app {
	r.t.Helper()
	for try := 0; ; try++ {
		a := &app{addr: "127.0.0.1:" + strconv.Itoa(servers.FreePort(r.t))}
		args := append(r.environ(), command(a.addr)...)
		a.Process = servers.Start(r.t, "", servers.Need(r.t, "env"), args...)
		servers.Until(r.t, "the shop answers", func() error {
			if !a.Running() {
				return nil
			}
			resp, err := http.Get("http://" + a.addr + "/ping")
			if err != nil {
				return err
			}
			resp.Body.Close()
			if by := resp.Header.Get("X-Side"); by != side {
				return fmt.Errorf("%q answers", by) // its port was taken meanwhile
			}
			return nil
		})
		if a.Running() {
			return a
		}
		if try == 5 {
			r.t.Fatalf("the shop ends at once; its log:\n%s", a.Log())
		}
	}
}
