package cachelibstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// A file that Python removes meanwhile keeps that of the other name alive no longer.
func TestDeleteGoesOnWithoutAFile(t *testing.T) {
	s, err := New(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: []byte("\x81\xa1a\x01"), Expires: time.Now().Add(time.Hour)}
	if _, err := s.Create(t.Context(), "id", r); err != nil {
		t.Fatal(err)
	}
	live, other := s.place("id", SHA256), s.place("id", MD5)
	if n, err := s.removeAll(t.Context(), []place{other, live}); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	if _, err := s.Load(t.Context(), "id"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it lives on: %v", err)
	}
	if _, err := s.removeAll(t.Context(), []place{other, live}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("there was none: %v", err)
	}
}

// A session behind a symbolic link is found, so it ends as any other.
func TestDeleteRemovesALink(t *testing.T) {
	s, err := New(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: []byte("\x81\xa1a\x01"), Expires: time.Now().Add(time.Hour)}
	if _, err := s.Create(t.Context(), "id", r); err != nil {
		t.Fatal(err)
	}
	path := s.place("id", SHA256).path
	moved := t.TempDir() + "/moved"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(moved, path); errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "id"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "id", store.Record{}); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := s.Load(t.Context(), "id"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it lives on: %v", err)
	}
}

// What is removed by hand, or by Python, while a write is under way stays gone.
func TestRemovedUnderWrite(t *testing.T) {
	s, err := New(t.TempDir(), Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: []byte("\x81\xa1a\x01"), Expires: time.Now().Add(time.Hour)}
	if _, err := s.Create(t.Context(), "id", r); err != nil {
		t.Fatal(err)
	}
	calls := 0
	_, err = s.write(t.Context(), "id", r, func(current *file, err error) error {
		if calls++; calls == 2 { // under the lock
			return os.Remove(current.path)
		}
		return err
	})
	if !errors.Is(err, store.ErrNotFound) || calls != 2 {
		t.Errorf("after %d looks: %v, want ErrNotFound", calls, err)
	}
	if _, err := s.Load(t.Context(), "id"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it came back: %v", err)
	}
	temp, err := filepath.Glob(filepath.Join(s.dir, tempPrefix+"*"))
	if err != nil || len(temp) > 0 {
		t.Errorf("left behind %v; %v", temp, err)
	}
}
