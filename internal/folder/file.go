package folder

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// ReadAll returns a file, or its first bytes if it is larger than limit.
func ReadAll(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// Create makes a file for its user alone, whatever the umask, and opens it for writing. It
// fails with [fs.ErrExist] if there is something of that name.
func Create(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL | syscall.O_NONBLOCK
	f, err := os.OpenFile(path, flags, private)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode() != private { // a look costs less than a change
		err = f.Chmod(private)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return f, nil
}

const private = 0o600

// maxHeld is how long [Retry] tries at most. On Windows a missing right looks like a file
// that another has open.
const maxHeld = 3 * time.Second

// Retry repeats f while it fails because another has the file open, for at most three
// seconds and until ctx ends. That happens on Windows only: there a file that is open
// cannot be replaced or removed, and one that is being replaced cannot be opened.
func Retry(ctx context.Context, f func() error) error {
	var waited time.Duration
	for pause := time.Millisecond; ; pause = min(2*pause, 5*time.Millisecond) {
		err := f()
		if err == nil || !isHeld(err) || waited >= maxHeld {
			return err
		}
		select {
		case <-time.After(pause):
			waited += pause
		case <-ctx.Done():
			return err
		}
	}
}

// WriteNew makes a private file that holds b and was given to sync, or none. It fails with
// [fs.ErrExist] if there is something of that name.
func WriteNew(path string, b []byte, sync func(*os.File) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// Rename renames a file in one step, in place of what has the name to.
//
// Where that is a live session's, Rename looks for it first: a file that was removed by
// hand must not come back, and the error is [store.ErrNotFound]. No portable system call
// looks and renames at once, so a removal in the microseconds in between is undone.
func Rename(ctx context.Context, from, to string, live bool) error {
	if live {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return store.ErrNotFound
		}
	}
	return Retry(ctx, func() error { return os.Rename(from, to) })
}

// IsRegular reports whether path is no pipe, device, socket or folder. It follows links.
func IsRegular(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

// IsThere reports whether there is something at path.
func IsThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Remove removes a file.
func Remove(ctx context.Context, path string) error {
	return Retry(ctx, func() error { return os.Remove(path) })
}
