// Package demotest runs the cloakroom command as a process, and checks that its demo
// keeps the promises on any store.
package demotest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// patience bounds waiting for what must happen. Nothing is asserted about how long it takes.
const patience = time.Minute

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Main runs the tests and removes the command that they built. Call it from TestMain.
func Main(m *testing.M) int {
	defer func() {
		if built.dir != "" {
			_ = os.RemoveAll(built.dir)
		}
	}()
	return servers.Main(m)
}

// Command returns the path of the cloakroom command, built once for all tests of a
// package, with the race detector when they have it.
func Command(t testing.TB) string {
	t.Helper()
	built.once.Do(func() { built.dir, built.path, built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() (dir, path string, err error) {
	root, err := repository()
	if err != nil {
		return "", "", err
	}
	if dir, err = os.MkdirTemp("", "cloakroom-demotest-"); err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, "cloakroom")
	args := append([]string{"build", "-o", path}, raceFlags...)
	cmd := exec.CommandContext(context.Background(), "go", append(args, ".")...)
	cmd.Dir = filepath.Join(root, "cmd", "cloakroom")
	cmd.Env = append(os.Environ(), "GOWORK=") // the stores of this checkout
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, "", fmt.Errorf("go build cmd/cloakroom: %w\n%s", err, out)
	}
	return dir, path, nil
}

// repository finds the folder above integration/.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "cloakroom", "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New(
		"demotest: the folder of cmd/cloakroom is not above the working directory")
}

// Demo is a running `cloakroom demo`.
type Demo struct {
	URL    string // http://HOST:PORT
	cmd    *exec.Cmd
	stdout chan string // what it wrote after its first line, once it has ended
	stderr *buffer
	ended  bool
}

// Start runs a demo on a free port of loopback. When the test ends, the demo is stopped,
// and must stop cleanly.
func Start(t testing.TB, flags ...string) *Demo {
	t.Helper()
	d := &Demo{stdout: make(chan string, 1), stderr: new(buffer)}
	// A busy machine takes its time.
	args := append([]string{"demo", "--addr", "127.0.0.1:0", "--timeout", "20s"}, flags...)
	d.cmd = exec.CommandContext(context.Background(), Command(t), args...)
	d.cmd.Dir = t.TempDir()
	d.cmd.Stderr = d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Stop(t) })
	first := make(chan string, 1)
	go func() {
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		first <- line
		var rest bytes.Buffer
		_, _ = r.WriteTo(&rest)
		d.stdout <- rest.String()
	}()
	select {
	case line := <-first:
		url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening on ")
		if !ok {
			d.Kill(t)
			t.Fatalf("the demo printed %q; its log:\n%s", line, d.Log())
		}
		d.URL = url
	case <-time.After(patience):
		d.Kill(t)
		t.Fatalf("the demo did not say that it listens; its log:\n%s", d.Log())
	}
	return d
}

// Stop sends SIGTERM and checks that the demo stops cleanly. It does nothing once it
// has ended.
func (d *Demo) Stop(t testing.TB) {
	t.Helper()
	if d.ended {
		return
	}
	if err := d.end(t, syscall.SIGTERM); err != nil {
		t.Errorf("the demo ended with %v on SIGTERM; its log:\n%s", err, d.Log())
	}
}

// Kill sends SIGKILL.
func (d *Demo) Kill(t testing.TB) {
	t.Helper()
	if !d.ended {
		_ = d.end(t, syscall.SIGKILL)
	}
}

func (d *Demo) end(t testing.TB, sig syscall.Signal) error {
	t.Helper()
	d.ended = true
	if err := d.cmd.Process.Signal(sig); err != nil {
		t.Errorf("signal the demo: %v", err)
	}
	overdue := time.AfterFunc(patience, func() { _ = d.cmd.Process.Kill() })
	defer overdue.Stop()
	rest := <-d.stdout // before Wait, which closes the pipe
	err := d.cmd.Wait()
	if rest != "" {
		t.Errorf("the demo printed more than one line: %q", rest)
	}
	return err
}

// Log returns what the demo wrote to its standard error output so far.
func (d *Demo) Log() string { return d.stderr.String() }

// Run runs another subcommand to its end and returns what it printed and its exit code.
func Run(t testing.TB, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(context.Background(), Command(t), args...)
	cmd.Dir = t.TempDir()
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
