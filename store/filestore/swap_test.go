package filestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

func spare(dir string) string { return filepath.Join(dir, "sessions", "00", ".tmp-spare") }

// sibling returns ids that share a shard, and so its spare.
func sibling(n int) string { return fmt.Sprintf("00%062x", n) }

func text(n int) string { return strconv.Itoa(n) + " " + strings.Repeat("x", n*7919%9000) }

// Sessions of one shard write over each other's files, and whoever reads them finds a
// state that is whole, their own, and none earlier than the one before.
func TestReadersOfRecycledFiles(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	var log bytes.Buffer
	opts := filestore.Options{NoSync: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	var writers, readers sync.WaitGroup
	ended := make(chan struct{})
	for i := range 3 {
		s := open(t, dir, opts) // of another process, as far as locks go
		r := lasting(text(i))
		v, err := s.Create(ctx, sibling(i), r)
		if err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			for n := i; n < 1500; n += 3 {
				old := store.Record{Version: v}
				if v, err = s.Replace(ctx, sibling(i), old, lasting(text(n))); err != nil {
					t.Error(err)
					return
				}
				if n%5 == 0 {
					if err := s.Touch(ctx, sibling(i), old, time.Now().Add(time.Hour)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
		for range 2 {
			readers.Go(func() {
				for last := 0; ; {
					select {
					case <-ended:
						return
					default:
					}
					r, err := s.Load(ctx, sibling(i))
					if err != nil {
						t.Error(err)
						return
					}
					number, _, _ := strings.Cut(string(r.Data), " ")
					n, err := strconv.Atoi(number)
					if err != nil || string(r.Data) != text(n) || n%3 != i || n < last {
						t.Errorf("session %d: %.20q after %d", i, r.Data, last)
						return
					}
					last = n
				}
			})
		}
	}
	writers.Wait()
	close(ended)
	readers.Wait()
	if log.Len() > 0 {
		t.Errorf("damaged files: %s", log.String())
	}
}

// What was replaced leaves nothing of itself behind, and a sweep takes the spare.
func TestSpare(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	c := new(clock)
	c.n.Store(time.Now().UnixNano())
	s := open(t, dir, filestore.Options{NoSync: true, Now: c.now})
	r := lasting("secret " + strings.Repeat("s", 500))
	v, err := s.Create(ctx, sibling(1), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	if _, err := s.Replace(ctx, sibling(1), r, lasting("new")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(spare(dir))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("this system or file system exchanges no files")
	}
	if err != nil || bytes.Trim(b, "\x00") != nil {
		t.Errorf("the spare holds %.20q; %v", b, err)
	}
	c.advance(20 * time.Minute)
	sweepAll(t, s)
	if _, err := os.Stat(spare(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after a sweep: %v", err)
	}
}

// Files that have another name, that are open, or that are not a store's are not written over.
func TestForeignSpare(t *testing.T) {
	for name, put := range map[string]func(t *testing.T, path string) (check func() bool){
		"a backup's": func(t *testing.T, path string) func() bool {
			backup := filepath.Join(t.TempDir(), "backup")
			if err := errors.Join(os.WriteFile(path, []byte("kept"), 0o600), os.Link(path, backup)); err != nil {
				t.Skip(err)
			}
			return func() bool { b, _ := os.ReadFile(backup); return string(b) == "kept" }
		},
		"an open one": func(t *testing.T, path string) func() bool {
			if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return func() bool {
				defer f.Close()
				b := make([]byte, 9)
				n, _ := f.Read(b)
				return string(b[:n]) == "kept"
			}
		},
		"a link": func(t *testing.T, path string) func() bool {
			other := filepath.Join(t.TempDir(), "other")
			if err := errors.Join(os.WriteFile(other, []byte("kept"), 0o600), os.Symlink(other, path)); err != nil {
				t.Skip(err)
			}
			return func() bool { b, _ := os.ReadFile(other); return string(b) == "kept" }
		},
		"a readable one": func(t *testing.T, path string) func() bool {
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o644)); err != nil {
				t.Fatal(err)
			}
			return func() bool { return true }
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			dir := t.TempDir()
			s := open(t, dir, filestore.Options{NoSync: true})
			check := put(t, spare(dir))
			v, err := s.Create(ctx, sibling(1), lasting("one"))
			if err == nil {
				_, err = s.Replace(ctx, sibling(1), store.Record{Version: v}, lasting("two"))
			}
			if err != nil {
				t.Fatal(err)
			}
			if !check() {
				t.Error("it was written over")
			}
			if info, err := os.Lstat(recordPath(dir, sibling(1))); err != nil || info.Mode() != 0o600 {
				t.Errorf("the session's file is %v; %v", info.Mode(), err)
			}
			if r, err := s.Load(ctx, sibling(1)); err != nil || string(r.Data) != "two" {
				t.Errorf("loaded %q; %v", r.Data, err)
			}
		})
	}
}

// A session's file that a backup links to is not written over either.
func TestLinkedRecord(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := open(t, dir, filestore.Options{NoSync: true})
	v, err := s.Create(ctx, sibling(1), lasting("one"))
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.Link(recordPath(dir, sibling(1)), backup); err != nil {
		t.Skip(err)
	}
	before, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if v, err = s.Replace(ctx, sibling(1), store.Record{Version: v}, lasting(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := os.ReadFile(backup); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the backup was written over; %v", err)
	}
}
