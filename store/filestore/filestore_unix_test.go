//go:build linux

package filestore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// Files are 0600 and folders 0700, whatever the umask. Not parallel: the umask is the
// process's.
func TestPermissions(t *testing.T) {
	for _, mask := range []int{0, 0o22, 0o77, 0o277} {
		dir := filepath.Join(t.TempDir(), "sessions")
		before := syscall.Umask(mask)
		func() {
			defer syscall.Umask(before)
			s := open(t, dir, filestore.Options{NoSync: true})
			for _, id := range []string{hexID(1), "a short id"} {
				if _, err := s.Create(t.Context(), id, lasting("x")); err != nil {
					t.Fatal(err)
				}
			}
		}()
		seen := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			if info.Mode().Perm() != want {
				t.Errorf("umask %03o: %s has %v, want %v", mask, path, info.Mode().Perm(), want)
			}
			seen++
			return nil
		})
		if err != nil || seen < 500 {
			t.Errorf("umask %03o: looked at %d files: %v", mask, seen, err)
		}
	}
}

// A folder that others may change is refused by its name, unless it is trusted.
func TestOthersInTheFolder(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // others must get there
	for _, test := range []struct {
		name    string
		prepare func(dir string) (named string, err error)
		root    bool // only root can prepare that
	}{
		{"another's", func(dir string) (string, error) { return dir, os.Chown(dir, 54321, -1) }, true},
		{"another's shard", func(dir string) (string, error) {
			path := filepath.Join(dir, "sessions", "7f")
			return path, os.Chown(path, 54321, -1)
		}, true},
		{"everyone's", func(dir string) (string, error) { return dir, os.Chmod(dir, 0o777) }, false},
		{"everyone's sessions, sticky", func(dir string) (string, error) {
			path := filepath.Join(dir, "sessions")
			return path, os.Chmod(path, os.ModeSticky|0o777)
		}, false},
		{"everyone's owners", func(dir string) (string, error) {
			path := filepath.Join(dir, "owners")
			return path, os.Chmod(path, 0o777)
		}, false},
		{"everyone's locks", func(dir string) (string, error) {
			path := filepath.Join(dir, "locks")
			return path, os.Chmod(path, 0o707)
		}, false},
		{"a group's", func(dir string) (string, error) {
			return dir, errors.Join(os.Chown(dir, -1, 54321), os.Chmod(dir, 0o770))
		}, true},
		{"a link", func(dir string) (string, error) {
			return dir, errors.Join(os.Rename(dir, dir+"-elsewhere"), os.Symlink(dir+"-elsewhere", dir))
		}, false},
		{"a link within", func(dir string) (string, error) {
			path := filepath.Join(dir, "sessions")
			return path, errors.Join(os.Rename(path, dir+"-elsewhere"), os.Symlink(dir+"-elsewhere", path))
		}, false},
		{"a folder above", func(dir string) (string, error) {
			path := filepath.Dir(dir)
			return path, errors.Join(os.Chmod(path, 0o777), os.Chmod(filepath.Dir(path), 0o755))
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.root && os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			dir := filepath.Join(t.TempDir(), "store")
			open(t, dir, filestore.Options{})
			named, err := test.prepare(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, query := range []string{"", "?create=never"} {
				_, _, err = storeurl.Open(t.Context(), "file://"+dir+query, filestore.Opener())
				if err == nil || !strings.Contains(err.Error(), named+":") || !strings.Contains(err.Error(), "trust=on") {
					t.Errorf("%q: %v", query, err)
				}
			}
			if _, _, err := storeurl.Open(t.Context(), "file://"+dir+"?trust=on", filestore.Opener()); err != nil {
				t.Errorf("trusted: %v", err)
			}
		})
	}
	// In the likes of /tmp, what is not the user's is refused, and the rest is safe.
	sticky := t.TempDir()
	if err := os.Chmod(sticky, os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	open(t, sticky, filestore.Options{})
	// Nothing is made in what is refused.
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := filestore.New(dir, filestore.Options{}); err == nil {
		t.Error("an empty folder of everyone's was taken")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("made %d, %v", len(left), err)
	}
}

func TestNoOpenFilesLeft(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(list)
	}
	ctx := t.Context()
	s := open(t, t.TempDir(), filestore.Options{NoSync: true})
	work := func(i int) {
		r := lasting(fmt.Sprint(i))
		v, _ := s.Create(ctx, hexID(i), r)
		s.Create(ctx, hexID(i), r)
		s.Replace(ctx, hexID(i), r, r)
		r.Version = v
		s.Replace(ctx, hexID(i), r, r)
		s.Touch(ctx, hexID(i), r, r.Expires)
		s.Owned(ctx, r.Owner, "", 2)
		s.All(ctx, "", 5)
		s.Sweep(ctx, "", 5)
		s.Delete(ctx, hexID(i), store.Record{})
	}
	work(0)
	before := count()
	for i := range 50 {
		work(i)
	}
	if after := count(); after > before+5 {
		t.Errorf("%d open files before, %d after", before, after)
	}
}

// mount gives a small file system of its own, or skips visibly.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a full disk and a read-only one need the right to mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Folders that are links work in all ways where that is meant.
func TestLinkedFolders(t *testing.T) {
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "store")
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, dir); err != nil {
		t.Fatal(err)
	}
	opts := filestore.Options{NoSync: true, TrustFolder: true}
	open(t, dir, opts)
	for _, sub := range []string{"sessions", "owners"} {
		path, to := filepath.Join(dir, sub), elsewhere+"-"+sub
		if err := errors.Join(os.Rename(path, to), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	opts.Now = func() time.Time { return now }
	s := open(t, dir, opts)
	r := lasting("x")
	if _, err := s.Create(ctx, hexID(1), r); err != nil {
		t.Fatal(err)
	}
	all, _, err := s.All(ctx, "", 0)
	owned, _, ownedErr := s.Owned(ctx, r.Owner, "", 0)
	if len(all) != 1 || len(owned) != 1 || err != nil || ownedErr != nil {
		t.Errorf("listed %d, by owner %d; %v, %v", len(all), len(owned), err, ownedErr)
	}
	now = now.Add(2 * time.Hour)
	if n := sweepAll(t, s); n != 1 {
		t.Errorf("swept %d, want 1", n)
	}
}
