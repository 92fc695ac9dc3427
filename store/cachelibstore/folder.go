package cachelibstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// open makes the folder, or only looks whether cachelib or this package has used it,
// and refuses what others may change.
func (s *Store) open() error {
	s.mode = folder.Private
	if s.opts.onlyOpen && !s.isUsed() {
		return fmt.Errorf("%w: %s has no files of cachelib", storeurl.ErrNoStore, s.dir)
	}
	err := s.check()
	if err == nil && !s.opts.onlyOpen {
		err = s.makeFolder()
	}
	info, statErr := os.Stat(s.dir)
	if err = errors.Join(err, statErr); err != nil {
		return err
	}
	s.mode = info.Mode() & (fs.ModePerm | fs.ModeSetgid)
	return nil
}

// makeFolder makes the folders that are missing, and looks whether others were faster.
func (s *Store) makeFolder() error {
	if _, err := folder.MakeAs(s.dir, s.mode); err != nil {
		return err
	}
	if _, err := folder.Make(filepath.Join(s.dir, lockFolder)); err != nil {
		return err
	}
	return s.check()
}

// check refuses folders that others may change.
func (s *Store) check() error {
	if s.opts.TrustFolder {
		return nil
	}
	return folder.CheckStore(s.dir, folder.Check, filepath.Join(s.dir, lockFolder))
}

// isUsed reports whether there is anything of cachelib's or of this package in the folder.
func (s *Store) isUsed() bool {
	if _, err := os.Stat(filepath.Join(s.dir, lockFolder)); err == nil {
		return true
	}
	f, err := os.Open(s.dir)
	if err != nil {
		return false
	}
	defer f.Close()
	for {
		names, _ := f.Readdirnames(100) // an error is its end
		if len(names) == 0 {
			return false
		}
		for _, name := range names {
			isCounter := name == SHA256.name(counterName) || name == MD5.name(counterName)
			if isCounter || kind(name) != Detect {
				return true
			}
		}
	}
}
