package filestore_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

func open(t testing.TB, dir string, opts filestore.Options) *filestore.Store {
	t.Helper()
	s, err := filestore.New(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eachSync runs a test of processes with and without sync.
func eachSync(t *testing.T, test func(t *testing.T, opts filestore.Options)) {
	for _, noSync := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoSync=%v", noSync), func(t *testing.T) { test(t, filestore.Options{NoSync: noSync}) })
	}
}

func hexID(n int) string { return fmt.Sprintf("%02x%062x", n*37%256, n) }

func lasting(data string) store.Record {
	return store.Record{Data: []byte(data), Expires: time.Now().Add(time.Hour), Owner: hexID(1 << 20)}
}

func recordPath(dir, id string) string { return filepath.Join(dir, "sessions", id[:2], id) }

func files(t *testing.T, dir string) (list []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func removeAll(t *testing.T, pattern ...string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pattern...))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

type clock struct{ n atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(0, c.n.Load()) }

func (c *clock) advance(d time.Duration) { c.n.Add(int64(d)) }

func TestConformance(t *testing.T) {
	for _, noSync := range []bool{false, true} {
		t.Run(fmt.Sprintf("NoSync=%v", noSync), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var c clock
			c.advance(time.Duration(time.Now().UnixNano()))
			handle := func(t testing.TB) store.Store {
				return open(t, dir, filestore.Options{NoSync: noSync, Now: c.now})
			}
			storetest.Run(t, storetest.Config{
				Abilities: []storetest.Ability{storetest.Owners, storetest.Lists, storetest.Sweeps},
				Advance:   c.advance,
				Damage:    func(id string) error { return os.WriteFile(recordPath(dir, id), []byte("damaged"), 0o600) },
				Now:       c.now,
				Open:      handle,
				Peer:      handle,
				Precision: time.Nanosecond,
			})
		})
	}
}

func BenchmarkStore(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		b.Run(fmt.Sprintf("NoSync=%v", noSync), func(b *testing.B) {
			dir := b.TempDir()
			storetest.Benchmark(b, func(t testing.TB) store.Store { return open(t, dir, filestore.Options{NoSync: noSync}) })
		})
	}
}

// With SweepEvery, requests alone see to it that files do not pile up.
func TestSweepEvery(t *testing.T) {
	dir := t.TempDir()
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	s := open(t, dir, filestore.Options{NoSync: true, SweepEvery: 5, Now: func() time.Time { return time.Unix(0, now.Load()) }})
	defer s.Close()
	for i := range 30 {
		if _, err := s.Create(t.Context(), hexID(i), lasting("x")); err != nil {
			t.Fatal(err)
		}
	}
	now.Add(int64(2 * time.Hour))
	for {
		left, err := filepath.Glob(filepath.Join(dir, "sessions", "*", "[0-9a-f]*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if _, err := s.Load(t.Context(), hexID(99)); err == nil {
			t.Fatal("a session that is none")
		}
		if t.Context().Err() != nil {
			t.Fatalf("%d files are left", len(left))
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Create(t.Context(), hexID(1), lasting("x")); err != nil {
		t.Errorf("after Close: %v", err)
	}
}
