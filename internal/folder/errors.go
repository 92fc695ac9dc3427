package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cloakroom-go/cloakroom/store"
)

// Refused marks an error of the file system after which nothing has changed: a full disk is
// [store.ErrFull]; a folder that is gone, read-only or another user's is [store.ErrRefused].
func Refused(err error) error {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(syscall.ENOSPC), is(syscall.EDQUOT):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case is(fs.ErrNotExist), is(fs.ErrPermission), is(syscall.EROFS), is(syscall.ENOTDIR),
		is(syscall.ELOOP):
		return fmt.Errorf("%w: %w", store.ErrRefused, err)
	}
	return err
}

// Failed says which operation of a store failed, and leaves alone what is an ordinary answer.
func Failed(in, op string, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict),
		errors.Is(err, store.ErrExists), errors.Is(err, store.ErrTooLarge):
		return err
	}
	return fmt.Errorf("%s: %s: %w", in, op, err)
}
