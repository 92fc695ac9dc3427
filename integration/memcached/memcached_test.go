// Package memcached tests the store in memcached on real servers.
package memcached

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "24") // the suite's cases wait for expiries rather than work
	os.Exit(demotest.Main(m))
}

// variable names the server to test with, instead of those that the tests start. Tests
// that stop their server or need one with settings of their own start it all the same.
const variable = "CLOAKROOM_TEST_MEMCACHED_URL"

// open opens a store by URL, until the test ends.
func open(t testing.TB, rawURL string) store.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servers.Patience)
	defer cancel()
	s, closer, err := storeurl.Open(ctx, rawURL, memcachedstore.Opener())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return s
}

func conformance(t *testing.T, rawURL string) {
	opener := func(t testing.TB) store.Store { return open(t, rawURL) }
	storetest.Run(t, storetest.Config{Open: opener, Peer: opener, Precision: time.Second})
}

func TestConformance(t *testing.T) {
	if rawURL := os.Getenv(variable); rawURL != "" {
		t.Run("Given", func(t *testing.T) { conformance(t, rawURL) })
		return
	}
	t.Run("OneServer", func(t *testing.T) {
		t.Parallel()
		conformance(t, servers.StartMemcached(t).URL())
	})
	t.Run("ThreeServers", func(t *testing.T) {
		t.Parallel()
		a, b, c := servers.StartMemcached(t), servers.StartMemcached(t), servers.StartMemcached(t)
		conformance(t, a.URL(b, c))
	})
	t.Run("Socket", func(t *testing.T) {
		t.Parallel()
		conformance(t, servers.StartMemcached(t, "-s").URL())
	})
}

// TestDemo runs the checks of the demo's promises, but for listing and revoking.
func TestDemo(t *testing.T) {
	demotest.Check(t, demotest.Store{
		URL: func(t testing.TB) string {
			if rawURL := os.Getenv(variable); rawURL != "" {
				return rawURL
			}
			return servers.StartMemcached(t).URL()
		},
		Shared:  true,
		Durable: true, // beyond the demo's process
	})
}

func TestItems(t *testing.T) {
	rawURL := os.Getenv(variable)
	if rawURL == "" {
		rawURL = servers.StartMemcached(t).URL()
	}
	s, ctx := open(t, rawURL), t.Context()
	all := make([]byte, 900_000)
	for i := range all {
		all[i] = byte(i)
	}
	for name, data := range map[string][]byte{"EveryByte": all[:256], "900KB": all, "Empty": {}} {
		t.Run(name, func(t *testing.T) {
			id := fmt.Sprintf("%s %d", name, time.Now().UnixNano())
			if _, err := s.Create(ctx, id, store.Record{Data: data, Expires: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Load(ctx, id); err != nil || string(got.Data) != string(data) {
				t.Errorf("%d bytes came back of %d, %v", len(got.Data), len(data), err)
			}
		})
	}
	for _, days := range []int{29, 30, 31, 90, 400} {
		t.Run(strconv.Itoa(days)+"Days", func(t *testing.T) {
			id := fmt.Sprintf("days%d-%d", days, time.Now().UnixNano())
			expires := time.Now().Add(time.Duration(days) * 24 * time.Hour).Truncate(time.Second)
			if _, err := s.Create(ctx, id, store.Record{Data: []byte("x"), Expires: expires}); err != nil {
				t.Fatal(err)
			}
			near(t, s, id, expires)
			expires = expires.Add(24 * time.Hour)
			if err := s.Touch(ctx, id, store.Record{}, expires); err != nil {
				t.Fatal(err)
			}
			near(t, s, id, expires)
		})
	}
	// A record that another program stored without expiry gets the latest that memcached has.
	t.Run("NoExpiry", func(t *testing.T) {
		if os.Getenv(variable) != "" {
			t.Skip("with a server of its own only")
		}
		m := servers.StartMemcached(t)
		s := open(t, m.URL())
		m.Do(t, "set session:foreign 16 0 3\r\nabc")
		if got, err := s.Load(ctx, "foreign"); err != nil || string(got.Data) != "abc" || !got.Expires.Equal(time.Unix(1<<31-1, 0)) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// near fails unless the record expires then, give or take what the package
// documentation says, and a second for the server's clock, which begins with its start.
func near(t *testing.T, s store.Store, id string, expires time.Time) {
	t.Helper()
	begun := time.Now()
	got, err := s.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	// What a busy machine holds up between the server and here comes on top.
	if d := got.Expires.Sub(expires).Abs(); d > 2*time.Second+time.Since(begun) {
		t.Errorf("expires at %v, want %v", got.Expires, expires)
	}
}

// What the server would refuse for its size is ErrTooLarge, and leaves the record that
// was there, whatever the limit is. Sent to the server, it would be the end of that
// record.
func TestTooLarge(t *testing.T) {
	for _, test := range []struct {
		flags []string
		limit int
	}{{nil, 1 << 20}, {[]string{"-I", "2m"}, 2 << 20}, {[]string{"-I", "512k"}, 512 << 10}, {[]string{"-I", "4m", "-m", "256"}, 4 << 20}} {
		t.Run(strings.Join(append([]string{"memcached"}, test.flags...), " "), func(t *testing.T) {
			t.Parallel()
			m := servers.StartMemcached(t, test.flags...)
			s, ctx := open(t, m.URL()), t.Context()
			const id = "the-id"
			largest := test.limit - 128 - len("session:"+id)
			r := store.Record{Data: []byte("small"), Expires: time.Now().Add(time.Hour)}
			v, err := s.Create(ctx, id, r)
			if err != nil {
				t.Fatal(err)
			}
			small := r
			small.Version = v
			large := r
			large.Data = make([]byte, largest+1)
			_, create := s.Create(ctx, id, large)
			_, replace := s.Replace(ctx, id, small, large)
			for _, err := range []error{create, replace} {
				if !errors.Is(err, cloakroom.ErrTooLarge) || !strings.Contains(err.Error(), strconv.Itoa(largest+1)) {
					t.Errorf("%v, want %v with the size", err, cloakroom.ErrTooLarge)
				}
			}
			if got, err := s.Load(ctx, id); err != nil || got.Version != v {
				t.Errorf("the record that was there: %v", err)
			}
			large.Data = large.Data[:largest]
			if _, err := s.Replace(ctx, id, small, large); err != nil {
				t.Errorf("one byte less: %v", err)
			}
			if got, err := s.Load(ctx, id); err != nil || len(got.Data) != largest {
				t.Errorf("%d bytes came back, %v", len(got.Data), err)
			}
			// The reason for all this.
			reply := m.Do(t, fmt.Sprintf("ms session:%s %d T60 C1\r\n%s", id, test.limit, strings.Repeat("x", test.limit)))
			if reply != "SERVER_ERROR object too large for cache" {
				t.Errorf("the server says %q", reply)
			}
			if _, err := s.Load(ctx, id); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Logf("this memcached keeps what is under the key of an item that it refuses: %v", err)
			}
		})
	}
}

// A server that is full and may not evict says ErrFull.
func TestFull(t *testing.T) {
	s, ctx := open(t, servers.StartMemcached(t, "-M", "-m", "8").URL()), t.Context()
	r := store.Record{Data: make([]byte, 9000), Expires: time.Now().Add(time.Hour)}
	for i := range 10_000 {
		if _, err := s.Create(ctx, fmt.Sprint("id", i), r); err != nil {
			if !errors.Is(err, cloakroom.ErrFull) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("90 MB fit into 8")
}

// A version from before a restart fits no record of after it, though the server gives
// the same tokens again.
func TestVersionsOfAnotherStart(t *testing.T) {
	m := servers.StartMemcached(t)
	s, ctx := open(t, m.URL()), t.Context()
	const id = "id"
	before := store.Record{Data: []byte("before"), Expires: time.Now().Add(time.Hour)}
	v, err := s.Create(ctx, id, before)
	if err != nil {
		t.Fatal(err)
	}
	before.Version = v
	m.Kill()
	m.Restart(t)
	if _, err := s.Replace(ctx, id, before, before); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("Replace: %v, want %v", err, cloakroom.ErrNotFound)
	}
	after := before
	after.Data = []byte("after")
	w, err := s.Create(ctx, id, after)
	if err != nil {
		t.Fatal(err)
	}
	if w == v {
		t.Errorf("version %q was given again", v)
	}
	if _, token, _ := strings.Cut(string(v), "/"); !strings.HasSuffix(string(w), "/"+token) {
		t.Logf("the tokens differ, %q and %q: nothing was shown", v, w)
	}
	if _, err := s.Replace(ctx, id, before, before); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("Replace: %v, want %v", err, cloakroom.ErrConflict)
	}
	if err := s.Delete(ctx, id, before); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("Delete: %v, want %v", err, cloakroom.ErrConflict)
	}
	if got, err := s.Load(ctx, id); err != nil || string(got.Data) != "after" {
		t.Errorf("%q, %v", got.Data, err)
	}
}
