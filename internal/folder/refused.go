package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cloakroom-go/cloakroom/store"
)

// Refused marks an error of the file system that came before anything was changed: with
// a full disk it is
// [store.ErrFull], and where the folder is gone, read-only or another user's, [store.ErrRefused].
func Refused(err error) error {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(syscall.ENOSPC), is(syscall.EDQUOT):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case is(fs.ErrNotExist), is(fs.ErrPermission), is(syscall.EROFS), is(syscall.ENOTDIR), is(syscall.ELOOP):
		return fmt.Errorf("%w: %w", store.ErrRefused, err)
	}
	return err
}
