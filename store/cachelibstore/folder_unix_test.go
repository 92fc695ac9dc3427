//go:build unix

package cachelibstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func short() store.Record {
	now := time.Now()
	return seal(store.Record{Data: []byte("x"), Expires: now.Add(time.Hour), Deadline: now.Add(time.Hour)})
}

// Whatever is removed from the folder ends the sessions that were there, and no more.
func TestRemovedByHand(t *testing.T) {
	ctx := t.Context()
	for _, what := range []string{"store/[0-9a-f]*", "store/.cloakroom*", "store/*", "store"} {
		t.Run(strings.ReplaceAll(what, "/", "-"), func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, "store")
			if err := os.Mkdir(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, cachelibstore.Options{})
			r := short()
			version, err := s.Create(ctx, "before", r)
			if err != nil {
				t.Fatal(err)
			}
			r.Version = version
			removeAll := func() {
				paths, err := filepath.Glob(filepath.Join(top, what))
				for _, path := range paths {
					err = errors.Join(err, os.RemoveAll(path))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			removeAll()
			if !strings.HasPrefix(what, "store/.") {
				_, loading := s.Load(ctx, "before")
				_, replacing := s.Replace(ctx, "before", r, short())
				for op, err := range map[string]error{
					"load": loading, "replace": replacing,
					"touch": s.Touch(ctx, "before", r, r.Expires), "delete": s.Delete(ctx, "before", r),
				} {
					if !errors.Is(err, store.ErrNotFound) {
						t.Errorf("%s: %v", op, err)
					}
				}
				removeAll()
			}
			if _, _, err := s.Sweep(ctx, "", 0); err != nil {
				t.Errorf("sweep: %v", err)
			}
			for _, id := range []string{"a", "b", "c", "d"} {
				if _, err := s.Create(ctx, id, short()); err != nil {
					t.Errorf("create: %v", err)
				}
			}
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
				t.Errorf("the folder has %v, %v", info, err)
			}
		})
	}
}

// Where something else stands in the folder's place, a write is refused at once, and
// names it: nothing was stored.
func TestFolderReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, cachelibstore.Options{})
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Create(t.Context(), "a", short())
	if !errors.Is(err, store.ErrRefused) || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
}

// A folder that others may change is refused by its name, unless it is trusted.
func TestOthersInTheFolder(t *testing.T) {
	for name, prepare := range map[string]func(dir string) error{
		"another's":          func(dir string) error { return os.Chown(dir, 54321, -1) },
		"everyone's":         func(dir string) error { return os.Chmod(dir, 0o777) },
		"everyone's, sticky": func(dir string) error { return os.Chmod(dir, os.ModeSticky|0o777) },
		"a group's":          func(dir string) error { return errors.Join(os.Chown(dir, -1, 54321), os.Chmod(dir, 0o775)) },
		"a link":             func(dir string) error { return errors.Join(os.Rename(dir, dir+"-e"), os.Symlink(dir+"-e", dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := open(t, dir, cachelibstore.Options{})
			if _, err := s.Create(t.Context(), "id", short()); err != nil {
				t.Fatal(err)
			}
			if err := prepare(dir); errors.Is(err, os.ErrPermission) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			for _, query := range []string{"", "?create=never"} {
				_, _, err := storeurl.Open(t.Context(), "cachelib://"+dir+query, cachelibstore.Opener())
				if err == nil || !strings.Contains(err.Error(), dir+":") || !strings.Contains(err.Error(), "trust=on") {
					t.Errorf("%q: %v", query, err)
				}
			}
			if _, _, err := storeurl.Open(t.Context(), "cachelib://"+dir+"?trust=on", cachelibstore.Opener()); err != nil {
				t.Errorf("trusted: %v", err)
			}
		})
	}
}

// create=never makes nothing.
func TestOpenNever(t *testing.T) {
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{empty, filepath.Join(empty, "missing")} {
		_, _, err := storeurl.Open(t.Context(), "cachelib://"+dir+"?create=never", cachelibstore.Opener())
		if !errors.Is(err, storeurl.ErrNoStore) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	// A folder that only Python has used is one, and stays as it is.
	if err := os.WriteFile(filepath.Join(empty, strings.Repeat("0f", 32)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := storeurl.Open(t.Context(), "cachelib://"+empty+"?create=never", cachelibstore.Opener()); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}
