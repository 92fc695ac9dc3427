package filestore_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

const (
	childEnv = "FILESTORE_TEST_CHILD"
	dirEnv   = "FILESTORE_TEST_DIR"
	syncEnv  = "FILESTORE_TEST_SYNC"
)

// TestMain runs as the child process that a test started, when it is one.
func TestMain(m *testing.M) {
	var err error
	switch mode := os.Getenv(childEnv); mode {
	case "":
		os.Exit(m.Run())
	case "writes":
		err = childWrites()
	case "counts":
		err = childCounts()
	default:
		err = fmt.Errorf("unknown mode %q", mode)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// eachSync runs a test of processes with and without sync.
func eachSync(t *testing.T, test func(t *testing.T, opts filestore.Options)) {
	for _, noSync := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoSync=%v", noSync), func(t *testing.T) { test(t, filestore.Options{NoSync: noSync}) })
	}
}

// childStore is what a child process works on.
func childStore() (*filestore.Store, error) {
	return filestore.New(os.Getenv(dirEnv), filestore.Options{NoSync: os.Getenv(syncEnv) == "off"})
}

func child(t *testing.T, mode, dir string, opts filestore.Options) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childEnv+"="+mode, dirEnv+"="+dir)
	if opts.NoSync {
		cmd.Env = append(cmd.Env, syncEnv+"=off")
	}
	cmd.Stderr = os.Stderr
	return cmd
}

func hexID(n int) string { return fmt.Sprintf("%02x%062x", n*37%256, n) }

func lasting(data string) store.Record {
	return store.Record{Data: []byte(data), Expires: time.Now().Add(time.Hour), Owner: hexID(1 << 20)}
}

func body(n int) string { return strconv.Itoa(n) + " " + strings.Repeat("x", n*7%5000) }

// childWrites writes until it is killed, in 50 sessions, and prints each write that was
// acknowledged.
func childWrites() error {
	ctx := context.Background()
	s, err := childStore()
	if err != nil {
		return err
	}
	records := make([]store.Record, 50)
	for n := 0; ; n++ {
		i := n % len(records)
		r := lasting(body(n))
		if records[i].Version == "" {
			r.Version, err = s.Create(ctx, hexID(i), r)
		} else {
			r.Version, err = s.Replace(ctx, hexID(i), records[i], r)
		}
		if err != nil {
			return err
		}
		records[i] = r
		fmt.Println(n)
	}
}

// Every acknowledged write is there after kill -9, the one under way is there or not,
// and no file is damaged.
func TestKill(t *testing.T) { eachSync(t, testKill) }

func testKill(t *testing.T, opts filestore.Options) {
	for round := range 4 {
		dir := t.TempDir()
		cmd := child(t, "writes", dir, opts)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if last == 300+round*37 {
				cmd.Process.Kill() // and read on: writes go on until it takes effect
			}
		}
		cmd.Wait()
		if last < 300 {
			t.Fatalf("the child ended after write %d", last)
		}
		var log bytes.Buffer
		opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		s := open(t, dir, opts)
		for i := range 50 {
			want := last - (last-i)%50 // the latest write of this session that was acknowledged
			r, err := s.Load(t.Context(), hexID(i))
			if err != nil {
				t.Fatalf("session %d, write %d: %v", i, want, err)
			}
			if got := string(r.Data); got != body(want) && got != body(want+50) {
				t.Errorf("session %d holds %.10q, acknowledged was write %d", i, got, want)
			}
		}
		if page, _, err := s.Owned(t.Context(), hexID(1<<20), "", 100); len(page) != 50 || err != nil {
			t.Errorf("the owner's index lists %d, want 50: %v", len(page), err)
		}
		sweepAll(t, s)
		if log.Len() > 0 {
			t.Errorf("damaged files: %s", log.String())
		}
	}
}

const (
	countingChildren   = 3
	countingGoroutines = 4
	countingEach       = 25
)

func childCounts() error {
	s, err := childStore()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	errs := make(chan error)
	for range countingGoroutines {
		go func() { errs <- count(ctx, s) }()
	}
	for range countingGoroutines {
		err = errors.Join(err, <-errs)
	}
	return err
}

func count(ctx context.Context, s *filestore.Store) error {
	for done := 0; done < countingEach; {
		r, err := s.Load(ctx, hexID(0))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		_, err = s.Replace(ctx, hexID(0), r, lasting(strconv.Itoa(n+1)))
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Println(n + 1)
		done++
	}
	return nil
}

// Processes that increment one value lose nothing, and commit each number once. Who
// reads meanwhile finds the value each time, and never an earlier one than before.
func TestProcessesContend(t *testing.T) { eachSync(t, testProcessesContend) }

func testProcessesContend(t *testing.T, opts filestore.Options) {
	dir := t.TempDir()
	s := open(t, dir, opts)
	if _, err := s.Create(t.Context(), hexID(0), lasting("0")); err != nil {
		t.Fatal(err)
	}
	outs := make([]bytes.Buffer, countingChildren)
	cmds := make([]*exec.Cmd, countingChildren)
	for i := range cmds {
		cmds[i] = child(t, "counts", dir, opts)
		cmds[i].Stdout = &outs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() { readUpwards(t, s, ended) })
	}
	committed := map[string]bool{}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		for n := range strings.FieldsSeq(outs[i].String()) {
			if committed[n] {
				t.Errorf("%s was committed twice", n)
			}
			committed[n] = true
		}
	}
	close(ended)
	readers.Wait()
	r, err := s.Load(t.Context(), hexID(0))
	want := countingChildren * countingGoroutines * countingEach
	if err != nil || string(r.Data) != strconv.Itoa(want) || len(committed) != want {
		t.Errorf("%d acknowledged, stored %s, want %d; %v", len(committed), r.Data, want, err)
	}
}

func readUpwards(t *testing.T, s *filestore.Store, ended <-chan struct{}) {
	for last := 0; ; {
		select {
		case <-ended:
			return
		default:
		}
		r, err := s.Load(t.Context(), hexID(0))
		if err != nil {
			t.Error(err)
			return
		}
		n, err := strconv.Atoi(string(r.Data))
		if err != nil || n < last {
			t.Errorf("read %d after %d: %v", n, last, err)
			return
		}
		last = n
	}
}

func sweepAll(t *testing.T, s *filestore.Store) (removed int) {
	t.Helper()
	for cursor, next := "", "-"; next != ""; cursor = next {
		n, to, err := s.Sweep(t.Context(), cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		removed += n
		next = to
	}
	return removed
}
