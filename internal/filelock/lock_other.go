//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package filelock

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
)

func tryLock(rawfile.File) (bool, error) { return false, errors.ErrUnsupported }

func waitLock(rawfile.File) error { return errors.ErrUnsupported }

// SyncFolder does nothing: how this system syncs a folder is not known.
func SyncFolder(string) error { return nil }
