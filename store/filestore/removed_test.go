package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

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

// create=never makes nothing.
func TestOpenNever(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "missing")} {
		_, _, err := storeurl.Open(t.Context(), "file://"+dir+"?create=never", filestore.Opener())
		if !errors.Is(err, storeurl.ErrNoStore) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("made %v, %v", left, err)
	}
	dir := filepath.Join(empty, "store")
	open(t, dir, filestore.Options{})
	removeAll(t, dir, "owners")
	s, closer, err := storeurl.Open(t.Context(), "file://"+dir+"?create=never", filestore.Opener())
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
