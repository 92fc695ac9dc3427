package filestore_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

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

func TestSweepOptions(t *testing.T) {
	dir := t.TempDir()
	for query, ok := range map[string]bool{
		"sweep_every=100&sweep_interval=10m": true, "sweep_every=0": true, "sweep_every=-1": false, "sweep_every=x": false,
		"sweep_interval=1": false, "sweep_interval=5ms": false, "sweep_interval=-1h": false,
	} {
		_, closer, err := storeurl.Open(t.Context(), "file://"+dir+"?"+query, filestore.Opener())
		if (err == nil) != ok {
			t.Errorf("%s: %v", query, err)
		}
		if err == nil {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := filestore.New(dir, filestore.Options{SweepEvery: -1}); err == nil {
		t.Error("a negative SweepEvery was taken")
	}
}
