package memcachedstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

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

// TestRefused: what a server says that did nothing is told apart from what a proxy says
// that has given up.
func TestRefused(t *testing.T) {
	for reply, want := range map[string]error{
		"ERROR":                           store.ErrRefused,
		"CLIENT_ERROR unauthenticated":    store.ErrRefused,
		"SERVER_ERROR pool is read only":  store.ErrRefused,
		"SERVER_ERROR out of memory":      store.ErrRefused,
		"SERVER_ERROR backend failure":    nil,
		"SERVER_ERROR Connection timeout": nil,
	} {
		s, server := open(t, Options{})
		for _, verb := range []string{"mg", "ms", "md"} {
			server.set(verb, reply+"\r\n")
		}
		r := soon()
		_, creating := s.Create(t.Context(), "id", r)
		if reply == "SERVER_ERROR out of memory" {
			if !errors.Is(creating, store.ErrFull) {
				t.Errorf("%s: create: %v", reply, creating)
			}
			creating = want
		}
		_, loading := s.Load(t.Context(), "id")
		for what, err := range map[string]error{
			"create": creating, "load": loading, "touch": s.Touch(t.Context(), "id", r, time.Now().Add(time.Hour)),
			"delete": s.Delete(t.Context(), "id", store.Record{}),
		} {
			if err == nil || errors.Is(err, store.ErrRefused) != (want != nil) {
				t.Errorf("%s: %s: %v, want %v", reply, what, err, want)
			}
		}
	}
}
