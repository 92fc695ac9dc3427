//go:build unix

package sql_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func openFile(t *testing.T, rawURL string) error {
	t.Helper()
	_, closer, err := sqlstore.Open(t.Context(), sqlstore.SQLite, "sqlite", rawURL)
	if err != nil {
		return err
	}
	return closer.Close()
}

// A file of SQLite that others may change is refused by its name, unless it is trusted.
func TestOthersAtTheFile(t *testing.T) {
	for name, prepare := range map[string]func(file string) (named string, err error){
		"another's":  func(file string) (string, error) { return file, os.Chown(file, 54321, -1) },
		"everyone's": func(file string) (string, error) { return file, os.Chmod(file, 0o666) },
		"a group's": func(file string) (string, error) {
			return file, errors.Join(os.Chown(file, -1, 54321), os.Chmod(file, 0o660))
		},
		"a link": func(file string) (string, error) {
			return file, errors.Join(os.Rename(file, file+"-e"), os.Symlink(file+"-e", file))
		},
		"a link to nothing": func(file string) (string, error) {
			return file, errors.Join(os.Remove(file), os.Symlink(file+"-e", file))
		},
		"another's journal": func(file string) (string, error) {
			path := file + "-journal"
			return path, errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, 54321, -1))
		},
		"everyone's log": func(file string) (string, error) {
			path := file + "-wal"
			return path, errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666))
		},
		"a folder above": func(file string) (string, error) {
			dir := filepath.Dir(file)
			return dir, errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "app.db")
			if err := openFile(t, "sqlite://"+file); err != nil {
				t.Fatal(err)
			}
			named, err := prepare(file)
			if errors.Is(err, os.ErrPermission) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			for _, query := range []string{"", "?create=never"} {
				err := openFile(t, "sqlite://"+file+query)
				if err == nil || !strings.Contains(err.Error(), named+":") || !strings.Contains(err.Error(), "trust=on") {
					t.Errorf("%q: %v", query, err)
				}
			}
			if _, err := os.Lstat(file + "-e"); name == "a link to nothing" && err == nil {
				t.Error("the link was followed")
			}
			if err := openFile(t, "sqlite://"+file+"?trust=on"); err != nil {
				t.Errorf("trusted: %v", err)
			}
		})
	}
}

// create=never makes nothing, and changes nothing that is there.
func TestOpenNever(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(dir, "missing.db")} {
		if err := openFile(t, "sqlite://"+file+"?create=never"); !errors.Is(err, storeurl.ErrNoStore) {
			t.Errorf("%s: %v", file, err)
		}
	}
	info, err := os.Stat(empty)
	left, _ := os.ReadDir(dir)
	if err != nil || info.Size() != 0 || len(left) != 1 {
		t.Errorf("the file has %d bytes, beside it there are %v, %v", info.Size(), left, err)
	}
	journalled := filepath.Join(dir, "journalled.db")
	if err := openFile(t, "sqlite://"+journalled+"?journal=delete"); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(journalled)
	if err := openFile(t, "sqlite://"+journalled+"?create=never"); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(journalled); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed, %v", err)
	}
}
