// Package demotest runs the cloakroom command, or another program with the demo's routes,
// as a process, and checks that it keeps the promises on any store.
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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// patience bounds waiting for what must happen. Nothing is asserted about how long it takes.
const patience = time.Minute

// built holds the programs that the tests of a package have built.
var built struct {
	mu       sync.Mutex
	dir      string
	programs map[string]program // by folder
}

type program struct {
	path string
	err  error
}

// Main runs the tests and removes the programs that they built. Call it from TestMain.
func Main(m *testing.M) int {
	defer func() {
		if built.dir != "" {
			_ = os.RemoveAll(built.dir)
		}
	}()
	return servers.Main(m)
}

// Command returns the path of the cloakroom command, built as by [Build].
func Command(t testing.TB) string {
	t.Helper()
	return Build(t, "cmd/cloakroom")
}

// Build returns the path of a program, built once for all tests of a package, with the
// race detector when they have it. Its folder is one of the repository.
func Build(t testing.TB, folder string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	p, ok := built.programs[folder]
	if !ok {
		p.path, p.err = build(folder)
		if built.programs == nil {
			built.programs = map[string]program{}
		}
		built.programs[folder] = p
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.path
}

func build(folder string) (path string, err error) {
	root, err := repository()
	if err != nil {
		return "", err
	}
	if built.dir == "" {
		if built.dir, err = os.MkdirTemp("", "cloakroom-demotest-"); err != nil {
			return "", err
		}
	}
	path = filepath.Join(built.dir, filepath.FromSlash(folder))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	args := append([]string{"build", "-o", path}, raceFlags...)
	cmd := exec.CommandContext(context.Background(), "go", append(args, ".")...)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(folder))
	work := "" // the modules of this checkout
	if strings.HasPrefix(folder, "integration/") {
		work = "off" // its go.mod names them
	}
	cmd.Env = append(os.Environ(), "GOWORK="+work)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", folder, err, out)
	}
	return path, nil
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

// Demo is a running `cloakroom demo`, or another program that serves its routes.
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
	return start(t, Command(t), slices.Concat([]string{"demo"}, defaults, flags))
}

// StartProgram is [Start] for a program of another folder of the repository, in which a
// framework serves the demo's routes. It takes the flags of `cloakroom demo`: --addr,
// --timeout and --store at least. It prints one line, "listening on URL", and logs to
// its standard error output. On SIGTERM and SIGINT it answers what is under way, and ends
// with status 0.
func StartProgram(t testing.TB, folder string, flags ...string) *Demo {
	t.Helper()
	return start(t, Build(t, folder), slices.Concat(defaults, flags))
}

// defaults are the flags of every demo. A busy machine takes its time.
var defaults = []string{"--addr", "127.0.0.1:0", "--timeout", "20s"}

func start(t testing.TB, path string, args []string) *Demo {
	t.Helper()
	d := &Demo{stdout: make(chan string, 1), stderr: new(buffer)}
	d.cmd = exec.CommandContext(context.Background(), path, args...)
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
