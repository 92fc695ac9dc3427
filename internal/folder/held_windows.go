package folder

import (
	"errors"
	"syscall"
)

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
