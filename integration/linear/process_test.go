package linear

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
	"github.com/cloakroom-go/cloakroom/store/mongostore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// The variables by which a test starts itself as a server, see startProcess.
const (
	serveURL  = "CLOAKROOM_LINEAR_STORE"
	serveSeed = "CLOAKROOM_LINEAR_SEED"
	serveOdds = "CLOAKROOM_LINEAR_ODDS"
	serveIdle = "CLOAKROOM_LINEAR_IDLE"
)

func TestMain(m *testing.M) {
	if rawURL := os.Getenv(serveURL); rawURL != "" {
		if err := serveProcess(rawURL); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// openStore opens a store by URL.
func openStore(ctx context.Context, rawURL string) (store.Store, error) {
	store, _, err := storeurl.Open(ctx, rawURL, filestore.Opener(), redisstore.Opener(), memcachedstore.Opener(),
		mongostore.Opener(), dynamodbstore.Opener(), sqlstore.Opener(sqlstore.SQLite, "sqlite"), sqlstore.Opener(sqlstore.Postgres, "pgx"),
		sqlstore.Opener(sqlstore.MySQL, "mysql")) // open for as long as the process runs
	return store, err
}

// serveProcess serves a site on a store until its standard input ends.
func serveProcess(rawURL string) error {
	store, err := openStore(context.Background(), rawURL)
	if err != nil {
		return err
	}
	seed, err := strconv.ParseInt(os.Getenv(serveSeed), 10, 64)
	if err != nil {
		return err
	}
	oneIn, err := strconv.Atoi(os.Getenv(serveOdds))
	if err != nil {
		return err
	}
	idle, err := time.ParseDuration(os.Getenv(serveIdle))
	if err != nil {
		return err
	}
	site, err := newSite(faulty(store, seed, oneIn), cloakroom.Options{Idle: idle})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		listener.Close()
	}()
	_ = http.Serve(listener, site) // ends when the listener is closed
	return nil
}

// process is a site in a process of its own.
type process struct {
	env    []string
	client *http.Client

	mu   sync.Mutex
	cmd  *exec.Cmd
	addr string
}

// startProcess starts a site in a process of its own, which ends with the test.
func startProcess(t testing.TB, rawURL string, seed int64, oneIn int, idle time.Duration) *process {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	p := &process{
		env: append(os.Environ(), serveURL+"="+rawURL, fmt.Sprintf("%s=%d", serveSeed, seed),
			fmt.Sprintf("%s=%d", serveOdds, oneIn), fmt.Sprintf("%s=%v", serveIdle, idle)),
		client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		p.kill()
	})
	return p
}

func (p *process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = p.env, os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("the server process did not begin: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.addr = cmd, strings.TrimSpace(addr)
	return nil
}

// kill ends the process without warning.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // says that it was killed
}

// pause stops the process for a while.
func (p *process) pause(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return p.cmd.Process.Signal(syscall.SIGCONT)
}

// do is a [node].
func (p *process) do(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	addr := p.addr
	p.mu.Unlock()
	r.URL = &url.URL{Scheme: "http", Host: addr, Path: "/", RawQuery: r.URL.RawQuery}
	return p.client.Do(r)
}

// manager returns a node that is a manager of its own in this process.
func manager(t testing.TB, store store.Store) node {
	return managerOf(t, store, cloakroom.Options{})
}

func managerOf(t testing.TB, store store.Store, options cloakroom.Options) node {
	t.Helper()
	site, err := newSite(store, options)
	if err != nil {
		t.Fatal(err)
	}
	return handled(site)
}

func handled(site http.Handler) node {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w.Result(), nil
	}
}

// cutAndPause cuts the connections of a proxy again and again, and every fourth time
// pauses the server behind it for a moment, until stop is called.
func cutAndPause(t testing.TB, proxy *servers.Proxy, server *servers.Process) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(60 * time.Millisecond):
			}
			if i%4 == 3 {
				server.Pause(t)
				time.Sleep(20 * time.Millisecond)
				server.Resume(t)
				continue
			}
			proxy.Cut()
			proxy.Mend()
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
