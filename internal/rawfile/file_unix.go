//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package rawfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const (
	forReading  = syscall.O_RDONLY | syscall.O_NONBLOCK // of a pipe, or what is being reused, too
	forWriting  = syscall.O_RDWR | syscall.O_NONBLOCK
	forCreating = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_EXCL
)

// File is an open file. It is not safe for concurrent use, and nothing closes it but Close.
type File struct {
	fd   int
	path string
}

func open(path string, how int) (File, error) {
	fd, err := again(func() (int, error) { return syscall.Open(path, how|syscall.O_CLOEXEC, 0o600) })
	if err != nil {
		return File{}, failed("open", path, err)
	}
	return File{fd, path}, nil
}

// Fd returns the descriptor.
func (f File) Fd() uintptr { return uintptr(f.fd) }

// Read reads at most len(b) bytes. At the end of the file it returns [io.EOF].
func (f File) Read(b []byte) (int, error) {
	n, err := again(func() (int, error) { return syscall.Read(f.fd, b) })
	if err != nil {
		return 0, failed("read", f.path, err)
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b.
func (f File) Write(b []byte) error {
	return f.all(b, func(b []byte, _ int) (int, error) { return syscall.Write(f.fd, b) })
}

// WriteAt writes all of b at an offset.
func (f File) WriteAt(b []byte, offset int64) error {
	return f.all(b, func(b []byte, done int) (int, error) { return syscall.Pwrite(f.fd, b, offset+int64(done)) })
}

func (f File) all(b []byte, write func(b []byte, done int) (int, error)) error {
	for done := 0; done < len(b); {
		n, err := again(func() (int, error) { return write(b[done:], done) })
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return failed("write", f.path, err)
		}
		done += n
	}
	return nil
}

// makePrivate is for a umask that took something from what a new file should have.
func (f File) makePrivate() error {
	var stat syscall.Stat_t
	_, err := again(func() (int, error) { return 0, syscall.Fstat(f.fd, &stat) })
	if err == nil && stat.Mode&0o7777 != 0o600 {
		_, err = again(func() (int, error) { return 0, syscall.Fchmod(f.fd, 0o600) })
	}
	if err != nil {
		return failed("chmod", f.path, err)
	}
	return nil
}

// Named reports whether the file has a name still.
func (f File) Named() bool {
	var stat syscall.Stat_t
	_, err := again(func() (int, error) { return 0, syscall.Fstat(f.fd, &stat) })
	return err != nil || stat.Nlink > 0
}

// SyncClose closes the file when it is on the disk.
func (f File) SyncClose() error {
	o := os.NewFile(f.Fd(), f.path) // which knows what its system needs for that
	err := o.Sync()
	if closeErr := o.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Close closes the file.
func (f File) Close() error {
	// never twice: the number may be another file's by then
	if err := syscall.Close(f.fd); err != nil {
		return failed("close", f.path, err)
	}
	return nil
}

// Replace makes the file from the file of the name to, in place of what may have that
// name, in one step.
func Replace(from, to string) error {
	if _, err := again(func() (int, error) { return 0, syscall.Rename(from, to) }); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// again repeats what a signal interrupts.
func again(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err == nil || !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// IsBusy reports whether a file could not be opened since it is being reused.
func IsBusy(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }

// IsHeld reports whether what is done to a file failed since another has it open, which
// passes.
func IsHeld(error) bool { return false }

func failed(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }
