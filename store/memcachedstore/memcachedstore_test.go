package memcachedstore

import (
	"strings"
	"testing"
)

func TestNewErrors(t *testing.T) {
	ok := []string{"localhost"}
	for _, tt := range []struct {
		opts Options
		want string
	}{
		{Options{}, "Options.Servers is empty"},
		{Options{Servers: []string{""}}, "Options.Servers"},
		{Options{Servers: []string{":11211"}}, "Options.Servers"},
		{Options{Servers: []string{"host:0"}}, "Options.Servers"},
		{Options{Servers: []string{"host:65536"}}, "Options.Servers"},
		{Options{Servers: []string{"host:x"}}, "Options.Servers"},
		{Options{Servers: []string{"a b"}}, "Options.Servers"},
		{Options{Servers: []string{"a:b:c"}}, "Options.Servers"},
		{Options{Servers: []string{"a", "b", "a:11211"}}, `has "a:11211" twice`},
		{Options{Servers: ok, Prefix: "a b"}, "Options.Prefix"},
		{Options{Servers: ok, Prefix: "a\r\n"}, "Options.Prefix"},
		{Options{Servers: ok, Prefix: "ä"}, "Options.Prefix"},
		{Options{Servers: ok, Prefix: strings.Repeat("p", 201)}, "at most 200"},
		{Options{Servers: ok, MaxConns: -1}, "Options.MaxConns"},
		{Options{Servers: ok, MaxIdle: -1}, "Options.MaxIdle"},
		{Options{Servers: ok, MaxItem: -1}, "Options.MaxItem"},
		{Options{Servers: ok, IdleTimeout: -1}, "Options.IdleTimeout"},
	} {
		if s, err := New(tt.opts); err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want an error with %q", tt.opts, err, tt.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for name, want := range map[string]string{
		"host": "tcp host:11211", "host:1": "tcp host:1", "10.0.0.1": "tcp 10.0.0.1:11211", "::1": "tcp [::1]:11211", "[::1]": "tcp [::1]:11211",
		"[::1]:5": "tcp [::1]:5", "/run/memcached.sock": "unix /run/memcached.sock",
	} {
		network, address, err := parseAddress(name)
		if err != nil || network+" "+address != want {
			t.Errorf("%q: %s %s, %v, want %s", name, network, address, err, want)
		}
	}
}
