// Package folder has what stores in files and folders share: it makes private folders,
// refuses those that others may change, makes anew those that were removed, opens files,
// and says what an error of the file system means.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
)

// Private is the mode of a folder for its user alone.
const Private fs.FileMode = 0o700

// Make makes a folder for its user alone, whatever the umask, and those above it that
// are missing. It reports whether there was none.
func Make(path string) (made bool, err error) { return MakeAs(path, Private) }

// MakeAs is [Make] with another mode for the folder itself.
func MakeAs(path string, mode fs.FileMode) (made bool, err error) {
	err = os.Mkdir(path, mode.Perm())
	if parent := filepath.Dir(path); errors.Is(err, fs.ErrNotExist) && parent != path {
		if _, err := Make(parent); err != nil {
			return false, err
		}
		err = os.Mkdir(path, mode.Perm())
	}
	switch {
	case err == nil:
		return true, os.Chmod(path, mode)
	case errors.Is(err, fs.ErrExist):
		return false, nil
	default:
		return false, err
	}
}

// MakeAll makes the folders that are missing, outer ones first, and reports whether there
// were any. It calls check before and after: it makes nothing in a folder that others may
// change, and notices one that others made at the same time.
func MakeAll(paths []string, check func() error) (made bool, err error) {
	if err := check(); err != nil {
		return false, err
	}
	for _, path := range paths {
		m, err := Make(path)
		if err != nil {
			return made, err
		}
		made = made || m
	}
	return made, check()
}

// maxRemade is how often [Remake] makes anew what goes away.
const maxRemade = 10

// Remake runs f, and again after makeAnew, for as long as f fails since a folder is missing.
func Remake(makeAnew, f func() error) error {
	for n := 0; ; n++ {
		err := f()
		if n == maxRemade || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// a folder may be removed while others are made
		if err := IgnoreMissing(makeAnew()); err != nil {
			return err
		}
	}
}

// IgnoreMissing returns err unless it says that a file or folder is missing.
func IgnoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sync makes the names in a folder durable. It does nothing on Windows, which cannot sync
// a folder, and whose file systems journal names. A folder that is missing is no error.
func Sync(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return IgnoreMissing(err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// FromURL returns the folder that a URL names, such as file:///folder or file:folder.
func FromURL(u *url.URL) (string, error) {
	if u.Host != "" && u.Host != "localhost" || u.User != nil {
		const text = "a %[1]s URL has no host: write %[1]s:///folder or %[1]s:folder"
		return "", fmt.Errorf(text, u.Scheme)
	}
	path := u.Path
	if u.Opaque != "" {
		var err error
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", errors.New("the folder's name is escaped wrongly")
		}
	}
	if path == "" || u.Fragment != "" {
		const text = "a %[1]s URL names a folder, as in %[1]s:///var/lib/app/sessions"
		return "", fmt.Errorf(text, u.Scheme)
	}
	return path, nil
}
