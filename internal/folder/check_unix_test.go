//go:build unix

package folder_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
)

// Not parallel: the umask is the process's.
func TestMakeIsPrivateWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o22, 0o277} {
		top := t.TempDir()
		path := filepath.Join(top, "a", "b", "c")
		before := syscall.Umask(mask)
		made, err := folder.Make(path)
		syscall.Umask(before)
		if err != nil || !made {
			t.Fatalf("umask %03o: made %v, %v", mask, made, err)
		}
		for at := path; at != top; at = filepath.Dir(at) {
			if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("umask %03o: %s has %v, %v", mask, at, info.Mode(), err)
			}
		}
		if made, err := folder.Make(path); made || err != nil {
			t.Errorf("again: made %v, %v", made, err)
		}
	}
}

func TestCheck(t *testing.T) {
	other := 54321
	for _, test := range []struct {
		name     string
		mode     fs.FileMode
		uid, gid int // -1 for as it is; root alone can give files away
		ok       bool
	}{
		{"private", 0o700, -1, -1, true},
		{"readable", 0o755, -1, -1, true},
		{"group", 0o770, -1, other, false},
		{"group of root", 0o775, -1, 0, true},
		{"setgid group, owned by root", fs.ModeSetgid | 0o775, 0, other, false},
		{"everyone", 0o777, -1, -1, false},
		{"everyone, sticky", fs.ModeSticky | 0o777, -1, -1, false},
		{"another user", 0o700, other, -1, false},
		{"another user, and readable", 0o755, other, other, false},
		{"root", 0o755, 0, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if os.Geteuid() != 0 && (test.uid >= 0 || test.gid >= 0) {
				t.Skip("needs root")
			}
			top := t.TempDir()
			dir, file, link := filepath.Join(top, "dir"), filepath.Join(top, "file"), filepath.Join(top, "link")
			if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(file, nil, 0o600), os.Symlink(dir, link)); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, file} {
				if err := errors.Join(os.Chown(path, test.uid, test.gid), os.Chmod(path, test.mode)); err != nil {
					t.Fatal(err)
				}
			}
			for path, check := range map[string]func(string) error{dir: folder.Check, file: folder.CheckFile} {
				err := check(path)
				if (err == nil) != test.ok {
					t.Errorf("%s: %v", path, err)
				}
				if err != nil && (!errors.Is(err, folder.ErrOthers) || !strings.Contains(err.Error(), path)) {
					t.Errorf("the error does not say what: %v", err)
				}
			}
			sticky := test.mode&fs.ModeSticky != 0
			if err := folder.CheckOuter(dir); (err == nil) != (test.ok || sticky) {
				t.Errorf("outer: %v", err)
			}
			if err := folder.Check(link); !errors.Is(err, folder.ErrOthers) {
				t.Errorf("a symbolic link: %v", err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if folder.Check(file) == nil || folder.CheckFile(filepath.Dir(file)) == nil {
		t.Error("a file is no folder, and a folder no file")
	}
	if err := folder.Check(file + "-missing"); err != nil {
		t.Errorf("missing: %v", err)
	}
}

func TestCheckAbove(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // others must get there, unlike to the folder that macOS has for each user
	top := filepath.Join(t.TempDir(), "top")
	path := filepath.Join(top, "open", "inner", "folder")
	if _, err := folder.Make(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		top, open fs.FileMode
		ok        bool
	}{
		{0o755, 0o755, true},
		{0o755, 0o775, true},
		{0o755, 0o777, false},
		{0o755, fs.ModeSticky | 0o777, true},
		{0o700, 0o777, true}, // others do not get there
	} {
		if err := errors.Join(os.Chmod(filepath.Dir(top), 0o755), os.Chmod(filepath.Dir(filepath.Dir(top)), 0o755),
			os.Chmod(top, test.top), os.Chmod(filepath.Join(top, "open"), test.open)); err != nil {
			t.Fatal(err)
		}
		err := folder.CheckAbove(path)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, folder.ErrOthers) {
			t.Errorf("%v within %v: %v", test.open, test.top, err)
		}
	}
}

// A link in the path that others can exchange exchanges all below it.
func TestCheckAboveLinks(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // others must get there, unlike to the folder that macOS has for each user
	top := t.TempDir()
	in := func(name string) string { return filepath.Join(top, name) }
	if err := errors.Join(os.Mkdir(in("safe"), 0o755), os.Mkdir(in("safe/inner"), 0o755), os.Mkdir(in("open"), 0o755),
		os.Symlink("../safe", in("open/link")), os.Symlink("open/link", in("chain")),
		os.Symlink("safe", in("link")), os.Chmod(in("open"), 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(top), 0o755), os.Chmod(top, 0o755)); err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{
		"safe/x": true, "link/x": true, "link/inner/x": true,
		"open/link/x": false, "open/link/inner/x": false, "open/link/missing/x": false, "chain/x": false,
	} {
		err := folder.CheckAbove(in(path))
		if (err == nil) != ok || err != nil && !errors.Is(err, folder.ErrOthers) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := os.Chmod(top, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := folder.CheckAbove(in("chain/inner/x")); err != nil {
		t.Errorf("others do not get to the link: %v", err)
	}
}
