//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cachelibstore_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
)

// A pipe, a socket or a folder among the files is passed over, and waited for by nothing.
func TestNoFiles(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
		"device": func(path string) error { return os.Symlink("/dev/tty", path) },
		"socket": func(path string) error {
			short := filepath.Join(os.TempDir(), "cachelib-"+filepath.Base(path)[:8])
			l, err := net.Listen("unix", short)
			if err != nil {
				return err
			}
			t.Cleanup(func() { l.Close() })
			return os.Rename(short, path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShared(t)
			for _, key := range []string{"session:a", "session:b", counter} {
				if err := put(s.path(key, bySHA256)); err != nil {
					t.Fatal(err)
				}
			}
			if err := put(filepath.Join(s.dir, "tmpx.__wz_cache")); err != nil {
				t.Fatal(err)
			}
			s.python("b", byMD5)
			st := s.open(cachelibstore.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
			r := s.load(st, "b")
			r.Expires = time.Now().Add(2 * time.Hour)
			for range 2 {
				if _, err := st.Load(t.Context(), "a"); !errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
					t.Errorf("Load: %v", err)
				}
				if err := st.Touch(t.Context(), "a", r, r.Expires); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Touch: %v", err)
				}
				if err := st.Delete(t.Context(), "a", store.Record{}); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("Delete: %v", err)
				}
				if n, _, err := st.Sweep(t.Context(), "", 10); n != 0 || err != nil {
					t.Errorf("swept %d, %v", n, err)
				}
			}
			if _, err := st.Replace(t.Context(), "b", r, r); err != nil {
				t.Errorf("Replace: %v", err)
			}
			if _, err := os.Lstat(s.path("session:a", bySHA256)); err != nil {
				t.Errorf("it was removed: %v", err)
			}
		})
	}
}
