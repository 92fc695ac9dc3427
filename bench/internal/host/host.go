// Package host starts servers outside of a test: what integration/servers needs a test
// for is here a part of the command, which may end early and stops at its end what it
// started.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// Do calls part with what stands in for a test, and waits until it returned and
// everything it started was stopped. skipped says why the part ended at once, if it
// did, such as for a program that is not installed; err is what it failed with.
func Do(ctx context.Context, part func(t testing.TB) error) (skipped string, err error) {
	h := &host{ctx: ctx}
	ended := make(chan error, 1)
	go func() {
		completed := false
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = errors.Join(err, fmt.Errorf("panic: %v", p))
			} else if !completed && h.err == nil && h.skipped == "" {
				err = errors.New("it ended without a reason")
			}
			ended <- errors.Join(err, h.cleanUp())
		}()
		err = part(h)
		completed = true
	}()
	err = <-ended
	return h.skipped, errors.Join(err, h.err)
}

// host is the part of a test that servers need.
type host struct {
	testing.TB // never called: nil
	ctx        context.Context

	mu       sync.Mutex
	cleanups []func()
	err      error
	skipped  string
}

func (h *host) cleanUp() (err error) {
	h.mu.Lock()
	list := slices.Clone(h.cleanups)
	h.mu.Unlock()
	for _, f := range slices.Backward(list) {
		func() {
			defer func() {
				if p := recover(); p != nil {
					err = errors.Join(err, fmt.Errorf("panic when cleaning up: %v", p))
				}
			}()
			f()
		}()
	}
	return err
}

func (h *host) Helper() {}

func (h *host) Context() context.Context { return h.ctx }

func (h *host) Cleanup(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cleanups = append(h.cleanups, f)
}

func (h *host) Failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err != nil
}

func (h *host) Error(args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = errors.Join(h.err, errors.New(fmt.Sprint(args...)))
}

func (h *host) Errorf(format string, args ...any) { h.Error(fmt.Sprintf(format, args...)) }

func (h *host) FailNow() {
	h.Error("failed")
	runtime.Goexit()
}

func (h *host) Fatal(args ...any) {
	h.Error(args...)
	runtime.Goexit()
}

func (h *host) Fatalf(format string, args ...any) { h.Fatal(fmt.Sprintf(format, args...)) }

func (h *host) Skip(args ...any) {
	h.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (h *host) Skipf(format string, args ...any) { h.Skip(fmt.Sprintf(format, args...)) }

func (h *host) Log(args ...any) { fmt.Fprintln(os.Stderr, args...) }

func (h *host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (h *host) TempDir() string {
	dir, err := os.MkdirTemp("", "cloakroom-bench-")
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
