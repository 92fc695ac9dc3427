package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// create=never makes nothing.
func TestOpenNever(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "missing")} {
		_, _, err := storeurl.Open(t.Context(), "file:"+filepath.ToSlash(dir)+"?create=never", filestore.Opener())
		if !errors.Is(err, storeurl.ErrNoStore) || !strings.Contains(filepath.ToSlash(err.Error()), filepath.ToSlash(dir)) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
	dir := filepath.Join(empty, "store")
	open(t, dir, filestore.Options{})
	removeAll(t, dir, "owners")
	s, closer, err := storeurl.Open(t.Context(), "file:"+filepath.ToSlash(dir)+"?create=never", filestore.Opener())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	if _, _, err := s.(store.Lister).All(t.Context(), "", 0); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "owners")); err == nil {
		t.Error("opening made a folder")
	}
}

func TestSweepOptions(t *testing.T) {
	dir := t.TempDir()
	for query, ok := range map[string]bool{
		"sweep_every=100&sweep_interval=10m": true, "sweep_every=0": true, "sweep_every=-1": false, "sweep_every=x": false,
		"sweep_interval=1": false, "sweep_interval=5ms": false, "sweep_interval=-1h": false,
	} {
		_, closer, err := storeurl.Open(t.Context(), "file:"+filepath.ToSlash(dir)+"?"+query, filestore.Opener())
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
