package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// open makes the folders, or only looks whether there are any, and refuses what others
// may change.
func (s *Store) open() error {
	if s.opts.onlyOpen {
		if info, err := os.Stat(s.sessions); err != nil || !info.IsDir() {
			return fmt.Errorf("%w: %s is no folder of a store of files", storeurl.ErrNoStore, s.dir)
		}
		return s.check()
	}
	return s.makeFolders()
}

// check refuses folders that others may change.
func (s *Store) check() error {
	if s.opts.TrustFolder {
		return nil
	}
	err := errors.Join(folder.CheckAbove(s.dir), folder.CheckOuter(s.dir))
	for _, path := range s.folders()[1:] {
		if err == nil {
			err = folder.Check(path)
		}
	}
	if errors.Is(err, folder.ErrOthers) {
		return fmt.Errorf("%w; Options.TrustFolder, or trust=on in the URL, says that it is meant", err)
	}
	return err
}

// folders returns the paths of the folders that every store has, outer ones first.
func (s *Store) folders() []string {
	sessions, owners := filepath.Join(s.dir, "sessions"), filepath.Join(s.dir, "owners")
	list := []string{s.dir, sessions, owners, filepath.Join(s.dir, "locks")}
	for i := range shardCount {
		list = append(list, filepath.Join(sessions, shardName(i)), filepath.Join(owners, shardName(i)))
	}
	return list
}

// makeFolders makes the folders that are missing. It looks first: nothing is made in a
// folder that others may change.
func (s *Store) makeFolders() error {
	s.making.Lock()
	defer s.making.Unlock()
	if err := s.check(); err != nil {
		return err
	}
	made := false
	for _, path := range s.folders() {
		m, err := folder.Make(path)
		if err != nil {
			return err
		}
		made = made || m
	}
	if err := s.check(); err != nil || !made { // others may have been faster
		return err
	}
	return errors.Join(s.syncDir(filepath.Join(s.dir, "sessions")), s.syncDir(filepath.Join(s.dir, "owners")),
		s.syncDir(s.dir), s.syncDir(filepath.Dir(s.dir)))
}

// maxRemade is how often one call makes folders anew that go away.
const maxRemade = 10

// remade runs f, and again after making the folders, for as long as f fails since one
// is missing.
func (s *Store) remade(f func() error) error {
	for n := 0; ; n++ {
		err := f()
		if n == maxRemade || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// one may go while others are made
		if err := s.makeFolders(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// unlessGone is for what is done to the names of a folder after a change: a folder that
// went has none.
func unlessGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
