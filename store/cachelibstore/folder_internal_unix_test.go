//go:build unix

package cachelibstore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/folder"
)

// A folder that others make just before this store does is noticed.
func TestMakesNothingOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	s, err := New(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := s.makeFolder(); !errors.Is(err, folder.ErrOthers) {
		t.Errorf("error %v", err)
	}
	s.opts.TrustFolder = true
	if err := s.makeFolder(); err != nil {
		t.Errorf("it is meant: %v", err)
	}
}
