package filestore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cloakroom-go/cloakroom/internal/filelock"
	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// open makes the folders, or only looks whether there are any, and refuses those that
// others may change.
func (s *Store) open() error {
	if !s.opts.onlyOpen {
		return s.makeFolders()
	}
	if info, err := os.Stat(s.sessions); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: %s is no folder of a store of files", storeurl.ErrNoStore, s.dir)
	}
	return s.check()
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
	return folder.Untrusted(err, "Options.TrustFolder, or trust=on in the URL,")
}

// folders returns the paths of the folders that every store has, outer ones first.
func (s *Store) folders() []string {
	list := []string{s.dir, s.sessions, s.owners, filepath.Join(s.dir, "locks")}
	for i := range filelock.Count {
		shard := hex.EncodeToString([]byte{byte(i)})
		list = append(list, filepath.Join(s.sessions, shard), filepath.Join(s.owners, shard))
	}
	return list
}

// makeFolders makes the folders that are missing. It checks first, so it makes nothing in
// a folder that others may change, and again, since others may have been faster.
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
	if err := s.check(); err != nil || !made {
		return err
	}
	return errors.Join(s.syncFolder(s.sessions), s.syncFolder(s.owners),
		s.syncFolder(s.dir), s.syncFolder(filepath.Dir(s.dir)))
}
