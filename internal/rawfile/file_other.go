//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package rawfile

import "os"

const (
	forReading  = os.O_RDONLY
	forWriting  = os.O_RDWR
	forCreating = os.O_WRONLY | os.O_CREATE | os.O_EXCL
)

// File is an open file. It is not safe for concurrent use.
type File struct{ f *os.File }

func open(path string, how int) (File, error) {
	f, err := openFile(path, how)
	return File{f}, err
}

// Fd returns the descriptor.
func (f File) Fd() uintptr { return f.f.Fd() }

// Read reads at most len(b) bytes. At the end of the file it returns [io.EOF].
func (f File) Read(b []byte) (int, error) { return f.f.Read(b) }

// Write writes all of b.
func (f File) Write(b []byte) error {
	_, err := f.f.Write(b)
	return err
}

// WriteAt writes all of b at an offset.
func (f File) WriteAt(b []byte, offset int64) error {
	_, err := f.f.WriteAt(b, offset)
	return err
}

func (f File) makePrivate() error { return f.f.Chmod(0o600) }

// Named reports whether the file has a name still.
func (f File) Named() bool {
	mine, err := f.f.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(f.f.Name())
	return err == nil && os.SameFile(mine, there)
}

// SyncClose closes the file when it is on the disk.
func (f File) SyncClose() error {
	err := f.f.Sync()
	if closeErr := f.f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Close closes the file.
func (f File) Close() error { return f.f.Close() }

// Replace makes the file from the file of the name to, in place of what may have that
// name, in one step.
func Replace(from, to string) error { return os.Rename(from, to) }

// IsBusy reports whether a file could not be opened since it is being reused.
func IsBusy(error) bool { return false }
