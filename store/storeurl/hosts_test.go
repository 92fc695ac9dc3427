package storeurl_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

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
