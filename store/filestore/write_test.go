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
	"path/filepath"
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

// Processes that increment one value lose nothing, and commit each number once. A
// reader finds the value each time, and never an earlier one than before.
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

// Whatever is removed from the folder ends the sessions that were there, and no more.
func TestRemovedByHand(t *testing.T) { eachSync(t, testRemovedByHand) }

func testRemovedByHand(t *testing.T, opts filestore.Options) {
	ctx := t.Context()
	for _, what := range []string{"sessions/*", "sessions", "owners/*", "owners", "locks", "*", "."} {
		t.Run(strings.ReplaceAll(what, "/", "-"), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := open(t, dir, opts)
			r := lasting("before")
			version, err := s.Create(ctx, hexID(1), r)
			if err != nil {
				t.Fatal(err)
			}
			removeAll(t, dir, what)
			if strings.HasPrefix(what, "sessions") || len(what) == 1 {
				if _, err := s.Load(ctx, hexID(1)); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("load: %v", err)
				}
				if err := s.Touch(ctx, hexID(1), r, r.Expires); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("touch: %v", err)
				}
				r.Version = version
				if _, err := s.Replace(ctx, hexID(1), r, lasting("after")); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("replace: %v", err)
				}
				if err := s.Delete(ctx, hexID(1), r); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("delete: %v", err)
				}
			}
			removeAll(t, filepath.Dir(dir), "store", what) // the calls before made what they needed
			if page, _, err := s.All(ctx, "", 0); err != nil || len(page) > 1 {
				t.Errorf("list: %d records, %v", len(page), err)
			}
			if _, _, err := s.Owned(ctx, r.Owner, "", 0); err != nil {
				t.Errorf("list by owner: %v", err)
			}
			if _, _, err := s.Sweep(ctx, "", 0); err != nil {
				t.Errorf("sweep: %v", err)
			}
			for i := range 20 { // in several shards
				if _, err := s.Create(ctx, hexID(100+i), lasting("after")); err != nil {
					t.Fatalf("create: %v", err)
				}
			}
			if page, _, err := s.Owned(ctx, r.Owner, "", 0); err != nil || len(page) < 20 {
				t.Errorf("list by owner afterwards: %d records, %v", len(page), err)
			}
			if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || !d.IsDir() {
					return err
				}
				info, err := d.Info()
				if err == nil && info.Mode().Perm() != 0o700 {
					t.Errorf("%s has %v", path, info.Mode())
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Where something else stands in the folder's place, a write is refused at once, and
// names it: nothing was stored.
func TestFolderReplaced(t *testing.T) { eachSync(t, testFolderReplaced) }

func testFolderReplaced(t *testing.T, opts filestore.Options) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, opts)
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Create(t.Context(), hexID(1), lasting("x"))
	if !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}

// While others write, the folder goes away again and again.
func TestRemovedMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, filestore.Options{NoSync: true})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := hexID(1000*i + n%50)
				if _, err := s.Create(t.Context(), id, lasting("x")); err != nil && !errors.Is(err, store.ErrExists) {
					t.Errorf("create: %v", err)
				}
				if _, err := s.Load(t.Context(), id); err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("load: %v", err)
				}
				if err := s.Delete(t.Context(), id, store.Record{}); err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	for range 5 {
		paths, _ := filepath.Glob(filepath.Join(dir, "sessions", "*"))
		for _, path := range append(paths, dir) {
			_ = os.RemoveAll(path) // it fails where a writer makes something just then
		}
	}
	close(stop)
	wg.Wait()
}
