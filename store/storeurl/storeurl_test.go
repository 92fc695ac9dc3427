package storeurl_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

var openers = []storeurl.Opener{memstore.Opener(), filestore.Opener()}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	tests := []struct{ rawURL, folder string }{
		{"memory:", ""},
		{"memory:?max_bytes=1000000&max_records=10", ""},
		{"MEMORY:", ""},
		{"file:" + filepath.ToSlash(dir) + "/absolute", "absolute"},
		{"file:relative/folder?sync=off", "relative/folder"},
		{"file:./dot", "dot"},
		{"file:with%20space?sync=on", "with space"},
	}
	if filepath.Separator == '/' { // elsewhere a full path does not begin with a slash
		tests = append(tests, []struct{ rawURL, folder string }{
			{"file://" + dir + "/three-slashes", "three-slashes"},
			{"file://localhost" + dir + "/with-host", "with-host"},
		}...)
	}
	for _, tt := range tests {
		s, closer, err := storeurl.Open(t.Context(), tt.rawURL, openers...)
		if err != nil {
			t.Errorf("%s: %v", tt.rawURL, err)
			continue
		}
		if _, err := s.Create(t.Context(), "id", store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour)}); err != nil {
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

func Example() {
	ctx := context.Background()
	st, closer, err := storeurl.Open(ctx, "memory:?max_records=100000", memstore.Opener(), filestore.Opener())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	_, err = st.Load(ctx, "some id")
	fmt.Println(errors.Is(err, store.ErrNotFound))

	_, _, err = storeurl.Open(ctx, "carrier-pigeon://loft", memstore.Opener(), filestore.Opener())
	fmt.Println(err)
	// Output:
	// true
	// storeurl: unknown scheme "carrier-pigeon"; known are file, memory
}
