//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// What may become of a mutant.
type result int

const (
	survived result = iota
	killed          // by a test, or a panic
	timedOut
	notBuilt
)

// maxMemory is what a mutant may take, in KiB: one that appends for ever ends by it.
const maxMemory = 4 << 20

// testSet is the tests of a folder: all, or those whose names match.
type testSet struct {
	dir, names string
	limit      time.Duration // how long they may take on a mutant
}

// tester tries mutants of one package by its tests, and after them by further ones.
type tester struct {
	options
	sets []testSet
}

// checkUnchanged fails unless all tests pass on the code as it is.
func (t *tester) checkUnchanged(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	found := false
	for i, set := range t.sets {
		set.limit = t.timeout
		binary, said, err := t.build(ctx, set, dir, "")
		if err != nil {
			return fmt.Errorf("building the tests: %w\n%s", err, said)
		}
		if binary == "" {
			continue
		}
		found = true
		said = filepath.Join(dir, "said")
		out, err := os.Create(said)
		if err != nil {
			return err
		}
		begin := time.Now()
		r := t.test(ctx, set, binary, out)
		_ = out.Close()
		if r != survived {
			text, _ := os.ReadFile(said)
			return fmt.Errorf("tests of %s fail without a change:\n%s", set.dir, text)
		}
		took := time.Since(begin)
		t.sets[i].limit = min(t.timeout, 20*took+10*time.Second) // this machine has other work too
		t.log("%s: the tests take %v", set.dir, took.Round(10*time.Millisecond))
	}
	if !found {
		return fmt.Errorf("there are no tests")
	}
	return nil
}

// try runs the tests on a mutant.
func (t *tester) try(ctx context.Context, m mutant) (result, error) {
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	changed := filepath.Join(dir, "changed.go")
	overlay := filepath.Join(dir, "overlay.json")
	replace := map[string]map[string]string{"Replace": {m.file.abs: changed}}
	text, err := json.Marshal(replace)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(changed, m.changed(), 0o600); err != nil {
		return 0, err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return 0, err
	}
	for _, set := range t.sets {
		binary, _, err := t.build(ctx, set, dir, overlay)
		if err != nil { // the change is at fault: without it, the tests were built
			return notBuilt, nil
		}
		if binary == "" {
			continue
		}
		if r := t.test(ctx, set, binary, nil); r != survived {
			return r, nil
		}
	}
	return survived, nil
}

// build compiles the tests of a folder. It returns the path of the binary, which is empty when
// there are no tests.
func (t *tester) build(
	ctx context.Context, set testSet, dir, overlay string,
) (binary, said string, err error) {
	binary = filepath.Join(dir, "test")
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	out, err := goCommand(ctx, t.options, set.dir, append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", string(out), err
	}
	if _, err := os.Stat(binary); err != nil {
		return "", "", nil //nolint:nilerr // without tests there is no binary
	}
	return binary, "", nil
}

// test runs the tests of a folder until one fails, within limits of time and memory.
// It leaves no process behind.
func (t *tester) test(ctx context.Context, set testSet, binary string, out *os.File) result {
	limited, cancel := context.WithTimeout(ctx, set.limit)
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", `ulimit -v "$0" 2>/dev/null; exec "$@"`,
		fmt.Sprint(maxMemory), binary, "-test.failfast", "-test.short", "-test.timeout=0",
		"-test.run="+set.names)
	cmd.Dir = under(t.root, set.dir)
	if out != nil { // a nil *os.File is not a nil io.Writer
		cmd.Stdout, cmd.Stderr = out, out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	kill := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = kill
	err := cmd.Run()
	if cmd.Process != nil {
		_ = kill() // what the tests started and left
	}
	switch {
	case limited.Err() != nil:
		return timedOut
	case err != nil:
		return killed
	}
	return survived
}
