package memcachedstore

import (
	"fmt"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	s, err := New(Options{Servers: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, id := range []string{hex, "Ab-_9", "a~", strings.Repeat("x", 242)} {
		if got := s.key(id); got != "session:"+id {
			t.Errorf("%q has the key %q", id, got)
		}
	}
	seen := map[string]string{}
	for _, id := range []string{"", " ", "  ", "a b", "a b ", "~", "~a", "a\x7f", "a\nb", strings.Repeat("x", 243), strings.Repeat("x", 255), "~" + s.key(" ")[9:]} {
		key := s.key(id)
		if !strings.HasPrefix(key, "session:~") || len(key) != 9+43 || !plain(key) {
			t.Errorf("%q has the key %q", id, key)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q share a key", id, other)
		}
		seen[key] = id
	}
	s.prefix = strings.Repeat("p", maxPrefix)
	if n := len(s.key(hex)); n > 250 {
		t.Errorf("a key of %d bytes", n)
	}
}

// The expected servers are what pymemcache 3.5.2 chose. They must never change.
func TestDistribution(t *testing.T) {
	names := []string{"10.0.0.1:11211", "10.0.0.2:11211", "cache.example:11212"}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}} {
		var opts Options
		for _, i := range order {
			opts.Servers = append(opts.Servers, names[i])
		}
		s, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]int{
			"a": 0, "b": 0, "c": 1, "d": 2, "e": 0, "f": 2, strings.Repeat("0123456789abcdef", 4): 0, strings.Repeat("Ab-_9", 8): 1,
		} {
			if got := s.server(s.key(id)).name; got != names[want] {
				t.Errorf("%q is on %s, want %s", id, got, names[want])
			}
		}
		counts := map[string]int{}
		for i := range 3000 {
			counts[s.server(s.key(fmt.Sprint("id ", i))).name]++
		}
		for _, name := range names {
			if n := counts[name]; n < 800 || n > 1200 {
				t.Errorf("%s has %d of 3000 keys", name, n)
			}
		}
	}
	for text, want := range map[string]uint32{"": 0, "10.0.0.1:11211-session:a": 3581320044, "10.0.0.1:11211-session:f": 4171119548} {
		if got := murmur3(text); got != want {
			t.Errorf("murmur3(%q) = %d, want %d", text, got, want)
		}
	}
}
