package rawfile

import (
	"errors"
	"os"
	"syscall"
)

// openFile is as os.OpenFile, but others may rename and remove the file while it is open.
func openFile(path string, how int) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	access, disposition := uint32(syscall.GENERIC_READ), uint32(syscall.OPEN_EXISTING)
	switch how {
	case forWriting:
		access |= syscall.GENERIC_WRITE
	case forCreating:
		access, disposition = syscall.GENERIC_WRITE, syscall.CREATE_NEW
	}
	const share = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | syscall.FILE_SHARE_DELETE
	h, err := syscall.CreateFile(name, access, share, nil, disposition, syscall.FILE_ATTRIBUTE_NORMAL, 0)
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

// IsHeld reports whether what is done to a file failed since another has it open, which
// passes. A right that is missing looks the same.
func IsHeld(err error) bool {
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
