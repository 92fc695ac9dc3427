// Package servers starts servers for tests: each on free ports of loopback, in a
// temporary folder, with its log printed if the test fails. What a test started is
// stopped when it ends, by process id; no other process is touched.
package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds waiting. No test asserts how long anything takes.
const Patience = time.Minute

// Need returns the path of a server's program. If it is missing the test is skipped, or
// fails if the environment has CI=true.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := Find(program)
	if err == nil {
		return path
	}
	missing(t, program, "scripts/install-test-servers")
	return ""
}

// Find returns the path of a program: of an installed one, also in /usr/sbin, which the PATH of
// most users lacks, or of Valkey where scripts/install-valkey put it.
func Find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		if system, err := exec.LookPath("/usr/sbin/" + program); err == nil {
			return system, nil
		}
	}
	if err == nil || program != "valkey-server" {
		return path, err
	}
	dir, err := findRoot()
	if err != nil {
		return "", err
	}
	return exec.LookPath(filepath.Join(dir, ".cache", "valkey", valkeyRelease, "bin", program))
}

// valkeyRelease is the release of Debian that scripts/install-valkey takes Valkey from.
const valkeyRelease = "trixie"

// missing skips the test, or fails it if the environment has CI=true.
func missing(t testing.TB, what, script string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: %s installs it", what, script)
	}
	t.Skipf("%s is not installed: %s installs it", what, script)
}

// root returns the folder of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// findRoot looks for the repository above the working folder.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("servers: the working directory is not in the repository")
}

// Optional is Need that never fails: for a server beside the one that must be there.
func Optional(t testing.TB, program string) string {
	t.Helper()
	path, err := Find(program)
	if err != nil {
		t.Skipf("%s is not installed, and need not be", program)
	}
	return path
}

// Process is a server that runs.
type Process struct {
	Dir  string // its working folder, removed when the test ends
	path string
	args []string
	log  string
	as   *account // the user that it runs as; nil for the test's

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when it ended
}

// Start starts a program in a folder of its own, or in dir if that is not empty, and
// stops it when the test ends. The caller waits until the program is ready, see [Until].
func Start(t testing.TB, dir, path string, args ...string) *Process {
	t.Helper()
	return startAs(t, nil, dir, path, args...)
}

func startAs(t testing.TB, as *account, dir, path string, args ...string) *Process {
	t.Helper()
	if dir == "" {
		dir = TempDir(t)
	}
	p := &Process{Dir: dir, path: path, args: args, log: filepath.Join(dir, "log"), as: as}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(path), p.Log())
		}
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// TempDir returns a folder whose path is short enough for a Unix socket, which
// t.TempDir's may not be. It is removed when the test ends.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cloakroom-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// memoryDir is TempDir in the machine's memory, if it has such a folder: for a server
// that syncs each write, whose data need to outlive the server only.
func memoryDir(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	dir, err := os.MkdirTemp(memory, "cloakroom-")
	if err != nil {
		return TempDir(t)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Start starts the process again, as before. It must have ended.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return errors.New("servers: the process runs already")
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, out, out
	cmd.SysProcAttr = attributes(p.as)
	started, done := make(chan error), make(chan struct{})
	go func() {
		// A process that is to die with its parent dies with the thread that started it,
		// so this thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		defer out.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("servers: %w", err)
	}
	p.cmd, p.done = cmd, done
	return nil
}

func (p *Process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Running reports whether the process has not ended.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running()
}

// Kill sends SIGKILL, to the process group if there is one, and waits for the end.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		kill(p.cmd.Process)
		<-p.done
	}
}

// Terminate sends SIGTERM, and waits for the end.
func (p *Process) Terminate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.done
	}
}

// Pause sends SIGSTOP: the process keeps its connections and answers nothing.
func (p *Process) Pause(t testing.TB) { p.signal(t, stopSignal) }

// Resume sends SIGCONT.
func (p *Process) Resume(t testing.TB) { p.signal(t, continueSignal) }

func (p *Process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		t.Fatal("servers: the process has ended")
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Log returns what the process wrote, the last 16 KB of it.
func (p *Process) Log() string {
	f, err := os.Open(p.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	const most = 16 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// FreePort returns a port of 127.0.0.1 that is free now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // no client connects
	return l.Addr().(*net.TCPAddr).Port
}

// Until calls try until it returns nil, and fails the test if it does not within [Patience].
func Until(t testing.TB, what string, try func() error) {
	t.Helper()
	for end := time.Now().Add(Patience); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v until %s: %v", Patience, what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Long skips a test in short mode, which `make test` is: `make test-long` runs it.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("it proves at length: make test-long")
	}
}
