package folder_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

func TestRefused(t *testing.T) {
	other := errors.New("other")
	for err, want := range map[error]error{
		syscall.ENOSPC:   store.ErrFull,
		fs.ErrNotExist:   store.ErrRefused,
		fs.ErrPermission: store.ErrRefused,
		syscall.ENOTDIR:  store.ErrRefused,
		other:            other,
	} {
		got := folder.Refused(fmt.Errorf("wrapped: %w", err))
		if !errors.Is(got, want) || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if errors.Is(folder.Refused(other), store.ErrRefused) || folder.Refused(nil) != nil {
		t.Error("what was not refused")
	}
}

func TestFailed(t *testing.T) {
	for _, err := range []error{
		nil, store.ErrNotFound, store.ErrUnreadable, store.ErrConflict, store.ErrExists, store.ErrTooLarge,
	} {
		if got := folder.Failed("filestore", "load", err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	got := folder.Failed("filestore", "load", fs.ErrClosed)
	if !errors.Is(got, fs.ErrClosed) || got.Error() != "filestore: load: file already closed" {
		t.Errorf("%v", got)
	}
}
