package storeurl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// leaky is an opener whose errors tell all that it was given, in every spelling.
func leaky(schemes ...string) storeurl.Opener {
	return storeurl.Opener{Schemes: schemes, Open: func(_ context.Context, u *url.URL) (store.Store, io.Closer, error) {
		p, _ := u.User.Password()
		return nil, nil, fmt.Errorf("dial %s %q as %q with %s, %q, host %q, query %q, %v: %w",
			u, u.String(), u.User, p, p, u.Host, u.RawQuery, u.Query(), errLeaky)
	}}
}

var errLeaky = errors.New("refused")

// places are URLs with a password at %s.
var places = []string{
	"redis://:%s@host:1/0", "redis://u:%s@host/0?db=1", "rediss://u:%s@[::1]:6379/0", "redis://:%s/0", "redis://u:%s", "redis://u:%s?db=1",
	"redis://u:%s@host:1:2/0", "redis://host:1/0?sentinel_master=m&sentinel_password=%s", "redis://u:%s@a:1,b:2/0",
	"postgres://u:%s@host/db", "postgres://u:%s@host/db?sslmode=nope", "postgres://u@host/db?password=%s", "postgres://u@host/db?sslpassword=%s",
	"mysql://u:%s@host/db?tls=nope", "mysql://u:%s@tcp(host:1)/db", "mongodb://u:%s@host/db?authMechanism=NOPE",
	"mongodb://u@host/db?tlsCertificateKeyFilePassword=%s&tlsCertificateKeyFile=/x", "mongodb://u@h/?authMechanismProperties=AWS_SESSION_TOKEN:%s",
	"dynamodb://Sessions?endpoint=http://u:%s@host:1", "dynamodb://Sessions?secret_access_key=%s", "memcached://u:%s@host", "file://u:%s@host/x",
	"sqlite://u:%s@/file", "u:%s@host", "//u:%s@host/", "redis:u:%s@host", "redis://u:%s@ho st/0", "redis://u:%s@host/%%zz",
}

// checkHidden reports a password that an error shows, in whole or in a part.
func checkHidden(t *testing.T, rawURL, password string) {
	t.Helper()
	_, _, err := storeurl.Open(t.Context(), rawURL, leaky("redis", "rediss", "postgres", "mysql", "mongodb", "dynamodb", "memcached", "file", "sqlite"))
	if err == nil {
		t.Fatalf("%q was opened", rawURL)
	}
	for i := 0; i+6 <= len(password); i++ {
		if strings.Contains(err.Error(), password[i:i+6]) {
			t.Errorf("%q: %v", rawURL, err)
			return
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	for _, place := range places {
		for _, password := range []string{"S3cr!et%2Fx", "hunter2hunter2", "pa%20ss%40word", "with:colon:inside", "p@ssword@sign", "quo\"te\\slash"} {
			checkHidden(t, fmt.Sprintf(place, password), password)
			if plain, err := url.QueryUnescape(password); err == nil {
				checkHidden(t, fmt.Sprintf(place, password), plain)
			}
		}
	}
	_, _, err := storeurl.Open(t.Context(), "redis://u:hunter2@host/db", leaky("redis"))
	if !errors.Is(err, errLeaky) || !strings.Contains(err.Error(), "host") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("the cause is lost: %v", err)
	}
}

// What has no secret is told in full.
func TestHideKeepsText(t *testing.T) {
	err := errors.New("dial tcp 127.0.0.1:6379: connection refused")
	for _, rawURL := range []string{
		"redis://127.0.0.1:6379/0", "redis://user@127.0.0.1:6379", "memcached://a:1,b:2", "redis://[::1]:6379", "file:./folder:with:colons",
		"file:///a/b:c", "dynamodb://Sessions?endpoint=http://127.0.0.1:8000&region=x", "",
	} {
		if got := storeurl.Hide(err, rawURL); got.Error() != err.Error() {
			t.Errorf("%q: %v", rawURL, got)
		}
	}
	if storeurl.Hide(nil, "redis://u:p@h") != nil {
		t.Error("an error was made of none")
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add("hunter2hunter2")
	f.Add("S3cr!et%2Fx")
	f.Add("a@b:c/d?e#f%")
	f.Add("\x7f\"\\")
	f.Fuzz(func(t *testing.T, password string) {
		for _, place := range places {
			rawURL := fmt.Sprintf(place, url.QueryEscape(password))
			checkHidden(t, rawURL, password)
			checkHidden(t, rawURL, url.QueryEscape(password))
			if !strings.ContainsAny(password, "/?#&;") { // else the URL has another password
				checkHidden(t, fmt.Sprintf(place, password), password)
			}
		}
	})
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
