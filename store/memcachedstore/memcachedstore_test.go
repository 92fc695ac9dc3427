package memcachedstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
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

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 500_000_000, time.UTC)
	day := 24 * time.Hour
	for _, tt := range []struct {
		expires time.Time
		want    string
	}{
		{now.Add(time.Second), "1"},
		{now.Add(time.Nanosecond), "1"},
		{now.Add(1001 * time.Millisecond), "2"},
		{now, "-1"},
		{now.Add(-time.Hour), "-1"},
		{time.Time{}, "-1"},
		{now.Add(30 * day), "2592000"},
		{now.Add(30*day + time.Nanosecond), fmt.Sprint(now.Add(30*day).Unix() + 1)},
		{now.Add(31 * day), fmt.Sprint(now.Add(31*day).Unix() + 1)},
		{now.Add(100 * 365 * day), "2147483647"},
		{time.Unix(1<<62, 0), "2147483647"},
	} {
		if got := expiry(now, tt.expires); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.expires.Sub(now), got, tt.want)
		}
	}
	// Where no date fits any more, thirty days remain.
	if got := expiry(time.Unix(1<<31, 0), time.Unix(1<<32, 0)); got != "2592000" {
		t.Errorf("after 2038: %s", got)
	}
	whole := now.Truncate(time.Second)
	for _, tt := range []struct {
		now  time.Time
		ttl  int64
		want time.Time
	}{
		{whole, 10, whole.Add(10 * time.Second)}, // of 9.5 rounded
		{whole.Add(400 * time.Millisecond), 10, whole.Add(10 * time.Second)},
		{whole.Add(999 * time.Millisecond), 10, whole.Add(10 * time.Second)},
		{whole, -1, time.Unix(dateMost, 0)},
		{whole, 1 << 40, time.Unix(dateMost, 0)},
	} {
		if got := expiresAt(tt.now, tt.ttl); !got.Equal(tt.want) {
			t.Errorf("%v and %d s: %v, want %v", tt.now, tt.ttl, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	s, server := open(t, Options{})
	ctx := t.Context()
	create := func() error { _, err := s.Create(ctx, "id", soon()); return err }
	replace := func() error {
		old := soon()
		old.Version = "1.1000/5"
		_, err := s.Replace(ctx, "id", old, soon())
		return err
	}
	load := func() error { _, err := s.Load(ctx, "id"); return err }
	touch := func() error { return s.Touch(ctx, "id", store.Record{}, time.Now().Add(time.Hour)) }
	del := func() error { return s.Delete(ctx, "id", store.Record{Version: "1.1000/5"}) }
	unknown := errors.New("unknown outcome")
	for _, tt := range []struct {
		verb, reply string
		do          func() error
		want        error
	}{
		{"ms", "HD c9\r\n", create, nil},
		{"ms", "NS c0\r\n", create, store.ErrExists},
		{"ms", "HD\r\n", create, unknown},
		{"ms", "EX\r\n", create, unknown},
		{"ms", "NF\r\n", create, unknown},
		{"ms", "SERVER_ERROR object too large for cache\r\n", create, store.ErrTooLarge},
		{"ms", "SERVER_ERROR out of memory storing object\r\n", create, store.ErrFull},
		{"ms", "SERVER_ERROR proxy lost its backend\r\n", create, unknown},
		{"ms", "HD c9\r\n", replace, nil},
		{"ms", "EX\r\n", replace, store.ErrConflict},
		{"ms", "NF\r\n", replace, store.ErrNotFound},
		{"ms", "NS\r\n", replace, unknown},
		{"ms", "VA 1 c9\r\nx\r\n", replace, unknown},
		{"ms", "SERVER_ERROR out of memory storing object\r\n", replace, store.ErrFull},
		{"mg", "EN\r\n", load, store.ErrNotFound},
		{"mg", "VA 1 ksession:id c1 t1\r\nx\r\n", load, nil},
		{"mg", "VA 1 ksession:Id c1 t1\r\nx\r\n", load, unknown},
		{"mg", "VA 1 c1 t1\r\nx\r\n", load, unknown},
		{"mg", "VA 1 ksession:id t1\r\nx\r\n", load, unknown},
		{"mg", "VA 1 ksession:id c1\r\nx\r\n", load, unknown},
		{"mg", "VA 5000 ksession:id c1 t1\r\n", load, unknown},
		{"mg", "HD\r\n", load, unknown},
		{"mg", "HD\r\n", touch, nil},
		{"mg", "EN\r\n", touch, store.ErrNotFound},
		{"mg", "NF\r\n", touch, unknown},
		{"md", "HD\r\n", del, nil},
		{"md", "EX\r\n", del, store.ErrConflict},
		{"md", "NF\r\n", del, store.ErrNotFound},
		{"md", "EN\r\n", del, unknown},
		{"md", "ERROR\r\n", del, unknown},
	} {
		server.set(tt.verb, tt.reply)
		err := tt.do()
		if errors.Is(tt.want, unknown) {
			for _, sentinel := range []error{nil, store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrTooLarge, store.ErrFull} {
				if errors.Is(err, sentinel) {
					t.Errorf("%q: %v, want an unknown outcome", tt.reply, err)
				}
			}
			if err != nil && !strings.Contains(err.Error(), s.servers[0].name) {
				t.Errorf("%q: %v does not name the server", tt.reply, err)
			}
		} else if !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.reply, err, tt.want)
		}
	}
}

// What the server would refuse for its size is not sent: it would delete what is there.
func TestTooLargeSendsNothing(t *testing.T) {
	for _, tt := range []struct {
		maxItem, most int
	}{{0, 4096 - 128 - 10}, {1000, 1000 - 128 - 10}, {5000, 4096 - 128 - 10}} {
		s, server := open(t, Options{MaxItem: tt.maxItem})
		server.set("ms", "HD c1\r\n")
		r := soon()
		r.Data = make([]byte, tt.most+1)
		for i := range r.Data {
			r.Data[i] = 'x'
		}
		old := soon()
		old.Version = "1.1000/5"
		_, create := s.Create(t.Context(), "id", r)
		_, replace := s.Replace(t.Context(), "id", old, r)
		for _, err := range []error{create, replace} {
			if !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), fmt.Sprintf("%d bytes", tt.most+1)) || !strings.Contains(err.Error(), fmt.Sprint(tt.most)) {
				t.Errorf("MaxItem %d: %v", tt.maxItem, err)
			}
		}
		if n := server.count(); n != 0 {
			t.Errorf("MaxItem %d: %d commands were sent", tt.maxItem, n)
		}
		r.Data = r.Data[:tt.most]
		if _, err := s.Create(t.Context(), "id", r); err != nil {
			t.Errorf("MaxItem %d: %v", tt.maxItem, err)
		}
	}
}

// A server that starts anew begins its tokens anew. A version of an earlier start matches no
// record.
func TestVersionsEndWithTheServer(t *testing.T) {
	s, server := open(t, Options{})
	server.set("ms", "HD c5\r\n")
	server.set("md", "HD\r\n")
	server.set("mg", "EN\r\n")
	v, err := s.Create(t.Context(), "id", soon())
	if err != nil {
		t.Fatal(err)
	}
	old := soon()
	old.Version = v
	again, err := s.Replace(t.Context(), "id", old, soon())
	if err != nil || again != v || server.last() != "ms session:id 4 T3600 c C5" {
		t.Fatalf("%v, sent %q", err, server.last())
	}
	server.start(2)
	for _, version := range []store.Version{v, "other", "/", "2.1000/", "2.1000/x", "2.1000/5 I", "2.1000/5\r\nflush_all"} {
		s.servers[0].pool.Close() // what happens to the connections of a server that ends
		fresh, err := New(Options{Servers: []string{s.servers[0].name}})
		if err != nil {
			t.Fatal(err)
		}
		old.Version = version
		for reply, want := range map[string]error{"EN\r\n": store.ErrNotFound, "HD\r\n": store.ErrConflict} {
			server.set("mg", reply)
			if _, err := fresh.Replace(t.Context(), "id", old, soon()); !errors.Is(err, want) {
				t.Errorf("version %q: Replace: %v, want %v", version, err, want)
			}
			if err := fresh.Delete(t.Context(), "id", old); !errors.Is(err, want) {
				t.Errorf("version %q: Delete: %v, want %v", version, err, want)
			}
			if got := server.last(); got != "mg session:id" {
				t.Errorf("version %q: sent %q", version, got)
			}
		}
		fresh.Close()
	}
	if _, err := s.Load(t.Context(), "id"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

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
