package folder

import (
	"errors"
	"os"
	"syscall"
)

// Open opens a file for reading, so that others may rename and remove it meanwhile.
func Open(path string) (*os.File, error) { return open(path, syscall.GENERIC_READ) }

// OpenToWrite opens a file that is there for reading and writing, likewise.
func OpenToWrite(path string) (*os.File, error) {
	return open(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE)
}

func open(path string, access uint32) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	const share = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | syscall.FILE_SHARE_DELETE
	h, err := syscall.CreateFile(name, access, share, nil,
		syscall.OPEN_EXISTING, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// What Windows says of a file that another has open, or that is about to go.
const (
	sharingViolation = syscall.Errno(32)
	lockViolation    = syscall.Errno(33)
	deletePending    = syscall.Errno(303)
	userMapped       = syscall.Errno(1224)
)

// isHeld reports whether another has the file open.
func isHeld(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.ERROR_ACCESS_DENIED, sharingViolation, lockViolation, deletePending, userMapped:
		return true
	}
	return false
}
