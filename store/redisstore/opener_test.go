package redisstore

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func parsed(t *testing.T, rawURL string) (*clientOption, Options) {
	t.Helper()
	var u *url.URL
	_, _, err := storeurl.Open(t.Context(), rawURL, storeurl.Opener{Schemes: Opener().Schemes,
		Open: func(_ context.Context, parsed *url.URL) (store.Store, io.Closer, error) {
			u = parsed
			return nil, nil, errors.New("only parsed")
		}})
	if u == nil {
		t.Fatal(err)
	}
	o, opts, err := parse(u)
	if err != nil {
		t.Fatalf("%s: %v", rawURL, err)
	}
	return o, opts
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		rawURL string
		hosts  string
		check  func(o rueidis.ClientOption, must bool, opts Options) bool
	}{
		{"redis:", "localhost:6379", nil},
		{"redis://", "localhost:6379", nil},
		{"redis://host", "host:6379", func(o rueidis.ClientOption, must bool, opts Options) bool {
			return opts.Prefix == "session:" && !must && o.DisableCache && o.TLSConfig == nil && !o.ForceSingleClient
		}},
		{"redis://[::1]:7/2", "[::1]:7", func(o rueidis.ClientOption, _ bool, _ Options) bool { return o.SelectDB == 2 }},
		{"valkey://us%3Aer:p%40ss@host/", "host:6379", func(o rueidis.ClientOption, _ bool, _ Options) bool {
			return o.Username == "us:er" && o.Password == "p@ss"
		}},
		{"rediss://:secret@host", "host:6379", func(o rueidis.ClientOption, _ bool, _ Options) bool {
			return o.Password == "secret" && o.Username == "" && o.TLSConfig != nil && !o.TLSConfig.InsecureSkipVerify
		}},
		{"redis://a,b:7000,c:7001/?cluster=true", "a:7001 b:7000 c:7001", func(_ rueidis.ClientOption, must bool, _ Options) bool { return must }},
		{"redis://a,b,c:7000", "a:7000 b:7000 c:7000", nil},
		{"redis://a:1,b:2,c:3", "a:1 b:2 c:3", nil},
		{"redis://[::1]:7000,[::2]:7001/?cluster=true", "[::1]:7000 [::2]:7001", nil},
		{"redis://a,[::2],[fe80::1%25eth0]:7001", "a:7001 [::2]:7001 [fe80::1%eth0]:7001", nil},
		{"redis://a,b/3?sentinel_master=m&sentinel_user=u&sentinel_password=p", "a:26379 b:26379", func(o rueidis.ClientOption, _ bool, _ Options) bool {
			return o.SelectDB == 3 && o.Sentinel.MasterSet == "m" && o.Sentinel.Username == "u" && o.Sentinel.Password == "p"
		}},
		{"redis+unix:///run/redis.sock?db=4", "/run/redis.sock", func(o rueidis.ClientOption, _ bool, _ Options) bool {
			return o.SelectDB == 4 && o.DialCtxFn != nil
		}},
		{"unix://u:p@/run/redis.sock", "/run/redis.sock", func(o rueidis.ClientOption, _ bool, _ Options) bool { return o.Password == "p" }},
		{"redis://h?prefix=x:&near_cache=30s&wait_replicas=2&wait_timeout=200ms&dial_timeout=3s&cluster=false", "h:6379",
			func(o rueidis.ClientOption, _ bool, opts Options) bool {
				want := Options{Prefix: "x:", NearCache: 30 * time.Second, WaitReplicas: 2, WaitTimeout: 200 * time.Millisecond}
				return reflect.DeepEqual(opts, want) &&
					o.Dialer.Timeout == 3*time.Second && !o.DisableCache && o.ForceSingleClient
			}},
	} {
		o, opts := parsed(t, tt.rawURL)
		if got := o.client.InitAddress; !slices.Equal(got, strings.Fields(tt.hosts)) {
			t.Errorf("%s: hosts %q, want %q", tt.rawURL, got, tt.hosts)
		}
		if c := o.client; !c.DisableRetry || c.MaxFlushDelay != 20*time.Microsecond || c.ConnWriteTimeout != time.Second || c.Dialer.KeepAlive != 300*time.Millisecond {
			t.Errorf("%s: the client is not set as documented", tt.rawURL)
		}
		if tt.check != nil && !tt.check(o.client, o.mustCluster, opts) {
			t.Errorf("%s: %+v, %+v", tt.rawURL, o, opts)
		}
	}
}

func TestParseErrors(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ rawURL, want string }{
		{"redis://h?prefixes=x", `unknown parameter "prefixes"`},
		{"redis://h?ca=x", `unknown parameter "ca"`}, // it would not be used
		{"redis://h?db=1", `unknown parameter "db"`},
		{"redis://h?sentinel_user=x", `unknown parameter "sentinel_user"`},
		{"redis://h/x", `database is "x"`},
		{"redis://h/-1", `database is "-1"`},
		{"redis://h?cluster=perhaps", "cluster"},
		{"redis://a,b?cluster=false", "one host"},
		{"redis://a,,b", "a host is empty"},
		{"redis://a,b/1", "database 0 only"},
		{"redis://a?cluster=true&sentinel_master=m", "exclude"},
		{"redis://h?near_cache=2h", "near_cache"},
		{"redis://h?near_cache=-1s", "near_cache"},
		{"redis://h?near_cache=soon", "near_cache"},
		{"redis://h?wait_replicas=-1", "wait_replicas"},
		{"redis://h?wait_timeout=1h", "wait_timeout"},
		{"redis://h?dial_timeout=0s", "dial_timeout"},
		{"redis://h?near_cache=1us", "near_cache"},
		{"redis://h?near_cache=1h0m1s", "near_cache"},
		{"redis://h#x", "want redis://"},
		{"redis:h", "want redis://"},
		{"unix://host/path", "want redis+unix:///path"},
		{"unix:", "want redis+unix:///path"},
		{"unix:///path?cluster=true", "unknown parameter"},
		{"rediss://h?ca=" + filepath.Join(dir, "missing"), "parameter ca"},
		{"rediss://h?ca=" + empty, "no certificate"},
		{"rediss://h?cert=" + empty, "go together"},
		{"rediss://h?cert=" + empty + "&key=" + empty, "cert and key"},
	} {
		s, closer, err := Open(t.Context(), tt.rawURL)
		if err == nil || s != nil || closer != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.rawURL, err, tt.want)
		}
	}
}

// An error that says that no server listens there has no password.
func TestOpenHidesPasswords(t *testing.T) {
	dir := t.TempDir()
	for _, rawURL := range []string{
		"unix://user:hunter2@" + dir + "/none",
		"redis://user:hunter2@127.0.0.1:1?sentinel_master=m&sentinel_password=hunter2",
	} {
		_, _, err := Open(t.Context(), rawURL)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Open(ctx, "redis://127.0.0.1:1"); err == nil {
		t.Error("opened what is not there")
	}
}
