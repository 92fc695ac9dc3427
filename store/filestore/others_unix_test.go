//go:build unix

package filestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// A folder that others may change is refused by its name, unless it is trusted.
func TestOthersInTheFolder(t *testing.T) {
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
