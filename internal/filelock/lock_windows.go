package filelock

import (
	"os"
	"syscall"
	"unsafe"
)

var lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")

const (
	failImmediately = 1
	exclusive       = 2
	lockViolation   = syscall.Errno(33)
)

func tryLock(f *os.File) (bool, error) {
	err := lockFile(f, exclusive|failImmediately)
	if err == lockViolation {
		return false, nil
	}
	return err == nil, err
}

func waitLock(f *os.File) error { return lockFile(f, exclusive) }

func lockFile(f *os.File, flags uintptr) error {
	var overlapped syscall.Overlapped
	ok, _, err := lockFileEx.Call(f.Fd(), flags, 0, 1, 0, uintptr(unsafe.Pointer(&overlapped)))
	if ok != 0 {
		return nil
	}
	return err
}
