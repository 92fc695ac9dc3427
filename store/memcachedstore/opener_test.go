package memcachedstore

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func TestOpener(t *testing.T) {
	s, server := open(t, Options{})
	server.set("mg", "EN\r\n")
	name := s.servers[0].name
	for _, tt := range []struct{ rawURL, want string }{
		{"memcached://" + name, ""},
		{"memcached://" + name + "/?prefix=shop:&max_conns=5&max_item=100000", ""},
		{"memcached://127.0.0.1:1," + name, ""}, // one of two is there
		{"memcached://127.0.0.1:1", "refused"},
		{"memcached:///nowhere/memcached.sock", "/nowhere/memcached.sock"},
		{"memcached:", "want memcached://host:port"},
		{"memcached://", "want memcached://host:port"},
		{"memcached:host", "want memcached://host:port"},
		{"memcached://" + name + "/db", "want memcached://host:port"},
		{"memcached://user:hunter2@" + name, "not supported"},
		{"memcached://" + name + "," + name, "twice"},
		{"memcached://x,," + name, "Options.Servers"},
		{"memcached://" + name + "?prefx=a", `unknown parameter "prefx"`},
		{"memcached://" + name + "?max_item=0x", "max_item"},
		{"memcached://" + name + "?prefix=%20", "Options.Prefix"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, closer, err := storeurl.Open(ctx, tt.rawURL, Opener())
		cancel()
		if tt.want == "" && err == nil {
			closer.Close()
			continue
		}
		if tt.want == "" || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", tt.rawURL, err, tt.want)
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestIPv6: several servers, IPv6 addresses among them, in one URL.
func TestIPv6(t *testing.T) {
	_, _, err := storeurl.Open(t.Context(), "memcached://[::1]:1,127.0.0.1:1,[::1]:2", Opener())
	if err == nil || !strings.Contains(err.Error(), "on [::1]:1:") || !strings.Contains(err.Error(), "on [::1]:2:") {
		t.Errorf("%v, want that none of them answers", err)
	}
}
