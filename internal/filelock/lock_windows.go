package filelock

import (
	"syscall"
	"unsafe"

	"github.com/cloakroom-go/cloakroom/internal/rawfile"
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

const (
	failImmediately = 1
	exclusive       = 2
	lockViolation   = syscall.Errno(33)
)

func tryLock(f rawfile.File) (bool, error) {
	err := lockFile(f, exclusive|failImmediately)
	if err == lockViolation {
		return false, nil
	}
	return err == nil, err
}

func waitLock(f rawfile.File) error { return lockFile(f, exclusive) }

func lockFile(f rawfile.File, flags uintptr) error {
	var overlapped syscall.Overlapped
	ok, _, err := lockFileEx.Call(f.Fd(), flags, 0, 1, 0, uintptr(unsafe.Pointer(&overlapped)))
	if ok != 0 {
		return nil
	}
	return err
}

// SyncFolder does nothing: Windows cannot sync a folder, and its file systems journal names.
func SyncFolder(string) error { return nil }
