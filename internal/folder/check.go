package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrOthers means that others may change what is kept in a folder or file.
var ErrOthers = errors.New("others may change what is there")

var errNoFile = errors.New("it is no regular file")

const othersMayWrite = 0o022

// Check returns [ErrOthers], with the path and the reason, unless a folder is no
// symbolic link, belongs to this process's user or to root, and may be written by no
// one else. The group of root counts as root. Windows has no such check. A folder that
// is missing is no error.
func Check(path string) error { return check(path, fs.FileMode.IsDir, syscall.ENOTDIR, false) }

// CheckOuter is [Check] for a folder of which all that is used is checked too: others
// may write it where it has the sticky bit, since they cannot exchange what is not
// theirs.
func CheckOuter(path string) error { return check(path, fs.FileMode.IsDir, syscall.ENOTDIR, true) }

// CheckFile is [Check] for a file.
func CheckFile(path string) error {
	return check(path, fs.FileMode.IsRegular, errNoFile, false)
}

func check(path string, is func(fs.FileMode) bool, not error, sticky bool) error {
	look := os.Lstat
	if !checks {
		look = os.Stat // a link or junction is good enough
	}
	info, err := look(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return others(path, "it is a symbolic link")
	case !is(info.Mode()):
		return &fs.PathError{Op: "check", Path: path, Err: not}
	}
	if why := whose(info, sticky); why != "" {
		return others(path, why)
	}
	return nil
}

// CheckAbove returns [ErrOthers] if everyone may exchange something above a path: a
// folder that everyone may write, has no sticky bit, and can be reached. That goes for
// the symbolic links in the path too, and for what they lead to. The owner of a folder
// above, and its group, are trusted.
func CheckAbove(path string) error {
	if !checks {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	above, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return CheckAbove(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	if err := checkLink(path); err != nil {
		return err
	}
	bad := ""
	for dir := above; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		switch mode := info.Mode(); {
		case dir != above && mode&0o001 == 0:
			bad = "" // others do not get as far
		case mode&0o002 != 0 && mode&fs.ModeSticky == 0:
			bad = dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if bad != "" {
		return others(bad, "everyone may write it, so "+path+" can be exchanged")
	}
	return nil
}

// checkLink is [CheckAbove] for the symbolic link above a path that is nearest to it,
// and for where that leads. The links above that one are above it too.
func checkLink(path string) error {
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		target, err := os.Readlink(dir)
		if err != nil {
			continue // no link
		}
		if !filepath.IsAbs(target) {
			at, err := filepath.EvalSymlinks(filepath.Dir(dir))
			if err != nil {
				return err
			}
			target = filepath.Join(at, target)
		}
		if err := CheckAbove(dir); err != nil {
			return err
		}
		return CheckAbove(target)
	}
	return nil
}

// CheckStore checks what is above a store, its folder dir by [CheckAbove] and checkDir,
// and the folders within by [Check]. If others may change one, the error says how to allow
// that.
func CheckStore(dir string, checkDir func(path string) error, within ...string) error {
	err := errors.Join(CheckAbove(dir), checkDir(dir))
	for _, path := range within {
		if err == nil {
			err = Check(path)
		}
	}
	if errors.Is(err, ErrOthers) {
		const hint = "Options.TrustFolder, or trust=on in the URL, says that it is meant"
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return err
}

func others(path, why string) error {
	return fmt.Errorf("%w: %s: %s", ErrOthers, path, why)
}
