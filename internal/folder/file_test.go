package folder_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
	"github.com/cloakroom-go/cloakroom/store"
)

func noSync(*os.File) error { return nil }

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	broken := errors.New("broken")
	err := folder.WriteNew(path, []byte("x"), func(*os.File) error { return broken })
	if !errors.Is(err, broken) || folder.IsThere(path) {
		t.Errorf("it stays after %v", err)
	}
	if err := folder.WriteNew(path, []byte("hello, file"), noSync); err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteNew(path, []byte("other"), noSync); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another: %v", err)
	}
	b := make([]byte, 5)
	if n, err := folder.ReadStart(path, b); string(b[:n]) != "hello" || err != nil {
		t.Errorf("read %q, %v", b[:n], err)
	}
	b = make([]byte, 50)
	if n, err := folder.ReadStart(path, b); string(b[:n]) != "hello, file" || err != nil {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if b, err := folder.ReadAll(path, 9); string(b) != "hello, fi" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestReadMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	_, start := folder.ReadStart(path, make([]byte, 5))
	_, all := folder.ReadAll(path, 5)
	for _, err := range []error{start, all} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
			t.Error(err)
		}
	}
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := folder.Rename(t.Context(), from, to, true)
	if !errors.Is(err, store.ErrNotFound) || folder.IsThere(to) || !folder.IsThere(from) {
		t.Errorf("what was removed comes back: %v", err)
	}
	for _, live := range []bool{false, true} {
		if err := folder.Rename(t.Context(), from, to, live); err != nil || folder.IsThere(from) {
			t.Errorf("live %v: %v", live, err)
		}
		if err := os.WriteFile(from, []byte("newer"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(to); string(b) != "new" && string(b) != "newer" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	if err := folder.Remove(t.Context(), to); err != nil || folder.IsThere(to) {
		t.Errorf("remove: %v", err)
	}
}
