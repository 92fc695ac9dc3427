package storeurl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/filestore"
	"github.com/cloakroom-go/cloakroom/stores/memstore"
	"github.com/cloakroom-go/cloakroom/storeurl"
)

var openers = []storeurl.Opener{memstore.Opener(), filestore.Opener()}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, tt := range []struct{ rawURL, folder string }{
		{"memory:", ""},
		{"memory:?max_bytes=1000000&max_records=10", ""},
		{"MEMORY:", ""},
		{"file://" + dir + "/absolute", "absolute"},
		{"file://localhost" + dir + "/with-host", "with-host"},
		{"file:" + dir + "/one-slash", "one-slash"},
		{"file:relative/folder?sync=off", "relative/folder"},
		{"file:./dot", "dot"},
		{"file:with%20space?sync=on", "with space"},
	} {
		s, closer, err := storeurl.Open(t.Context(), tt.rawURL, openers...)
		if err != nil {
			t.Errorf("%s: %v", tt.rawURL, err)
			continue
		}
		if _, err := s.Create(t.Context(), "id", cloakroom.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Errorf("%s: %v", tt.rawURL, err)
		}
		if err := closer.Close(); err != nil {
			t.Errorf("%s: %v", tt.rawURL, err)
		}
		if tt.folder != "" {
			if _, err := os.Stat(filepath.Join(dir, tt.folder, "sessions")); err != nil {
				t.Errorf("%s: %v", tt.rawURL, err)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct{ rawURL, want string }{
		{"", "file, memory"},
		{"sessions", "file, memory"},
		{"redis://host", `unknown scheme "redis"; known are file, memory`},
		{"memory:?max=1", `unknown parameter "max"; known are max_bytes, max_records`},
		{"memory:?max_bytes=-1", "max_bytes"},
		{"memory:?max_bytes=0x", "max_bytes"},
		{"memory:?max_records=1&max_records=2", "max_records is there 2 times"},
		{"memory://host", "nothing but parameters"},
		{"memory:?a=%zz", "malformed"},
		{"file:", "names a folder"},
		{"file://", "names a folder"},
		{"file://relative/folder", "no host"},
		{"file:x?sync=maybe", "sync"},
		{"file:x?Sync=off", `unknown parameter "Sync"`},
		{":x", "missing protocol scheme"},
	} {
		s, closer, err := storeurl.Open(t.Context(), tt.rawURL, openers...)
		if err == nil || s != nil || closer != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want an error with %q", tt.rawURL, err, tt.want)
		}
	}
	if list, err := os.ReadDir("."); err != nil || len(list) > 0 {
		t.Errorf("a refused URL left %v; %v", list, err)
	}
}

// Passwords stay out of errors, however they are written and whatever the opener says.
func TestPasswordsAreHidden(t *testing.T) {
	cause := errors.New("refused")
	leaky := storeurl.Opener{
		Schemes: []string{"leaky"},
		Open: func(_ context.Context, u *url.URL) (cloakroom.Store, io.Closer, error) {
			p, _ := u.User.Password()
			return nil, nil, fmt.Errorf("dial %s as %q with %s: %w", u, u.User.Username(), p, cause)
		},
	}
	for _, rawURL := range []string{
		"leaky://user:hunter2@host/db", "leaky://user:hun%20ter2@host/db", "leaky://user:hunter2%2F@host",
		"other://user:hunter2@host", "leaky://user:hunter2@host:port/", "leaky://user:hunter2@[::1/", "://user:hunter2@host",
		"leaky://user:hunter2%zz@host", "leaky://user:hun\x7fter2@host",
	} {
		_, _, err := storeurl.Open(t.Context(), rawURL, leaky)
		if err == nil || strings.Contains(err.Error(), "hun") || strings.Contains(err.Error(), "ter2") {
			t.Errorf("%q: %v", rawURL, err)
		}
	}
	if _, _, err := storeurl.Open(t.Context(), "leaky://u:p@h", leaky); !errors.Is(err, cause) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func Example() {
	ctx := context.Background()
	store, closer, err := storeurl.Open(ctx, "memory:?max_records=100000", memstore.Opener(), filestore.Opener())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	_, err = store.Load(ctx, "some id")
	fmt.Println(errors.Is(err, cloakroom.ErrNotFound))

	_, _, err = storeurl.Open(ctx, "carrier-pigeon://loft", memstore.Opener(), filestore.Opener())
	fmt.Println(err)
	// Output:
	// true
	// storeurl: unknown scheme "carrier-pigeon"; known are file, memory
}
