//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filestore_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

// A pipe or a folder in the place of a file is no record, is waited for by nothing, and
// stops no listing.
func TestNoFiles(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
	} {
		for _, noSync := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,NoSync=%v", name, noSync), func(t *testing.T) {
				ctx, dir, id := t.Context(), t.TempDir(), hexID(1)
				s := open(t, dir, filestore.Options{Logger: slog.New(slog.DiscardHandler), NoSync: noSync})
				if err := put(recordPath(dir, id)); err != nil {
					t.Fatal(err)
				}
				r := lasting("data")
				_, load := s.Load(ctx, id)
				_, replace := s.Replace(ctx, id, r, r)
				touch, deleted := s.Touch(ctx, id, r, r.Expires), s.Delete(ctx, id, store.Record{})
				for op, err := range map[string]error{"Load": load, "Replace": replace, "Touch": touch, "Delete": deleted} {
					if !errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
						t.Errorf("%s: %v, want ErrNotFound", op, err)
					}
				}
				if page, _, err := s.All(ctx, "", 10); len(page) != 0 || err != nil {
					t.Errorf("All: %v, %v", page, err)
				}
				if n := sweepAll(t, s); n != 0 {
					t.Errorf("swept %d", n)
				}
			})
		}
	}
}
