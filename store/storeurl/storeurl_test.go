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

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/filestore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
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

// Several hosts may be there, of each kind, whatever else is in the URL.
func TestHosts(t *testing.T) {
	var got []string
	opener := storeurl.Opener{
		Schemes: []string{"many"},
		Open: func(_ context.Context, u *url.URL) (store.Store, io.Closer, error) {
			got = nil
			for _, one := range storeurl.Hosts(u) {
				got = append(got, one.Hostname()+" "+one.Port())
			}
			password, _ := u.User.Password()
			return nil, nil, fmt.Errorf("%s %s %s", password, u.Path, u.RawQuery)
		},
	}
	for _, tt := range []struct{ rawURL, want string }{
		{"many://a", "a "},
		{"many://a:1,b:2", "a 1|b 2"},
		{"many://a,b:2", "a |b 2"},
		{"many://[::1]:1", "::1 1"},
		{"many://[::1]:1,[::2]:2", "::1 1|::2 2"},
		{"many://[::1],[::2]", "::1 |::2 "},
		{"many://a:1,[::2]:2,10.0.0.1:3", "a 1|::2 2|10.0.0.1 3"},
		{"many://[fe80::1%25eth0]:1,b", "fe80::1%eth0 1|b "},
		{"many://user:p%40,ss@[::1]:1,b:2/db?x=a,b", "::1 1|b 2"},
		{"many://user:pass@a/path,with?x=[::1],y", "a "},
	} {
		if _, _, err := storeurl.Open(t.Context(), tt.rawURL, opener); strings.Join(got, "|") != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.rawURL, got, err, tt.want)
		}
	}
	for _, rawURL := range []string{"many://[::1]:1,[::2", "many://a:x,b:1", "many://a:1,b:x", "many://u:secret@[::1,b]", "many://a,[b]c:1", "many://a b,c"} {
		got = nil
		if _, _, err := storeurl.Open(t.Context(), rawURL, opener); err == nil || got != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %q, %v, want an error", rawURL, got, err)
		}
	}
}

// Passwords stay out of errors, however they are written and whatever the opener says.
func TestPasswordsAreHidden(t *testing.T) {
	cause := errors.New("refused")
	leaky := storeurl.Opener{
		Schemes: []string{"leaky"},
		Open: func(_ context.Context, u *url.URL) (store.Store, io.Closer, error) {
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
