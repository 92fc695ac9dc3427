package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// FerretDB is a server of MongoDB's protocol behind a proxy that lets one request through
// at a time: FerretDB 1.24 is not atomic per document, as mongod is.
type FerretDB struct {
	*Process
	Addr  string // the server's own, 127.0.0.1:PORT, for before and after a test only
	Proxy *Proxy // for every client
}

// ferretdb builds the server once for all tests of a package. The go command keeps what
// it built.
var ferretdb = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		module := filepath.Join(dir, "ferretdb")
		if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
			dir = module
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New(
				"servers: the folder integration/ferretdb is not above the working directory")
		}
	}
	cmd := exec.CommandContext(context.Background(), "go", "tool", "-n", "ferretdb")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		err = fmt.Errorf("%w\n%s", err, e.Stderr)
	}
	return strings.TrimSpace(string(out)), err
})

// StartFerretDB starts a server, whose first build takes minutes, and waits until it
// listens. Where it cannot be built, as without a network, the test is skipped, or fails
// if the environment has CI=true.
func StartFerretDB(t testing.TB) *FerretDB {
	t.Helper()
	path, err := ferretdb()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("building FerretDB: ", err)
		}
		t.Skip("FerretDB cannot be built: ", err)
	}
	for try := 0; ; try++ {
		f := &FerretDB{Addr: "127.0.0.1:" + strconv.Itoa(FreePort(t))}
		f.Process = Start(t, "", path, "-addr", f.Addr)
		Until(t, "the server listens", func() error {
			if !f.Running() {
				return nil
			}
			return f.dial()
		})
		if f.Running() {
			f.Proxy = StartSerializer(t, f.Addr, MongoDB{})
			return f
		}
		if try == 5 {
			t.Fatalf("the server ends at once; its log:\n%s", f.Log())
		}
	}
}

// URL returns the URL of the proxy.
func (f *FerretDB) URL() string { return "mongodb://" + f.Proxy.Addr + "/" }

// Restart starts a killed server with the data that it had, and waits until it listens.
func (f *FerretDB) Restart(t testing.TB) {
	t.Helper()
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	Until(t, "the server listens", f.dial)
}

func (f *FerretDB) dial() error {
	c, err := (&net.Dialer{Timeout: Patience}).DialContext(context.Background(), "tcp", f.Addr)
	if err != nil {
		return err
	}
	return c.Close()
}
