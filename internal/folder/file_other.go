//go:build !windows

package folder

import (
	"os"
	"syscall"
)

// Open opens a file for reading. Opening a pipe does not wait for a writer.
//
// O_NONBLOCK also spares the os package five system calls on a regular file.
func Open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// OpenToWrite opens a file that is there for reading and writing, likewise.
func OpenToWrite(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
}

func isHeld(error) bool { return false }
