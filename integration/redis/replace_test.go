package redis

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// TestReplace: the script writes before it knows whether it may, so a conflict must
// leave everything as it was, and so must a server that is full; an expiry that does
// not change is left to the touches that come in between. Valkey needs no script.
func TestReplace(t *testing.T) {
	programs(t, func(t *testing.T, program string) {
		r := servers.StartRedis(t, servers.RedisOptions{Program: program})
		store, ctx, id := open(t, r.URL()), t.Context(), hexID(1)
		key := "session:" + id
		record := lasting("first")
		var err error
		if record.Version, err = store.Create(ctx, id, record); err != nil {
			t.Fatal(err)
		}
		is := func(what, data string, expires time.Time) {
			t.Helper()
			if got := r.Do(t, "GET", key); got != data {
				t.Errorf("%s: there is %q, want %q", what, got, data)
			}
			want := int64(-1) // none
			if !expires.IsZero() {
				want = expires.UnixMilli()
			}
			if got := r.Do(t, "PEXPIRETIME", key); got != strconv.FormatInt(want, 10) {
				t.Errorf("%s: it expires at %s, want %d", what, got, want)
			}
		}
		is("created", "first", record.Expires)

		stale, other := record, lasting("other")
		stale.Data = []byte("stale")
		for _, other.Expires = range []time.Time{record.Expires, record.Expires.Add(time.Minute)} {
			if _, err := store.Replace(ctx, id, stale, other); !errors.Is(err, cloakroom.ErrConflict) {
				t.Errorf("replace of another: %v", err)
			}
			is("after a conflict", "first", record.Expires)
		}
		for _, setting := range []string{"maxmemory", "min-replicas-to-write"} {
			r.Do(t, "CONFIG", "SET", setting, "1")
			if _, err := store.Replace(ctx, id, record, other); err == nil || errors.Is(err, cloakroom.ErrFull) != (setting == "maxmemory") {
				t.Errorf("%s: replace: %v", setting, err)
			}
			if _, err := store.Replace(ctx, id, stale, other); !errors.Is(err, cloakroom.ErrConflict) {
				t.Errorf("%s: replace of another: %v", setting, err)
			}
			if _, err := store.Replace(ctx, hexID(2), record, other); !errors.Is(err, cloakroom.ErrNotFound) {
				t.Errorf("%s: replace of nothing: %v", setting, err)
			}
			r.Do(t, "CONFIG", "SET", setting, "0")
			is(setting, "first", record.Expires)
		}

		touched := record.Expires.Add(time.Minute)
		if err := store.Touch(ctx, id, record, touched); err != nil {
			t.Fatal(err)
		}
		second := lasting("second")
		second.Expires = record.Expires
		if second.Version, err = store.Replace(ctx, id, record, second); err != nil {
			t.Fatal(err)
		}
		is("replaced after a touch", "second", touched)
		third := lasting("third")
		third.Expires = record.Expires.Add(time.Second)
		if _, err = store.Replace(ctx, id, second, third); err != nil {
			t.Fatal(err)
		}
		is("replaced with another expiry", "third", third.Expires)

		// What another library stored without an expiry keeps none in a conflict.
		r.Do(t, "SET", key, "foreign")
		if _, err := store.Replace(ctx, id, third, other); !errors.Is(err, cloakroom.ErrConflict) {
			t.Errorf("replace of what another has overwritten: %v", err)
		}
		is("foreign", "foreign", time.Time{})
		r.Do(t, "DEL", key)
		if _, err := store.Replace(ctx, id, third, other); !errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("replace of nothing: %v", err)
		}
		is("nothing", "", time.UnixMilli(-2))
		r.Do(t, "RPUSH", key, "a list")
		if _, err := store.Replace(ctx, id, third, other); !errors.Is(err, cloakroom.ErrUnreadable) {
			t.Errorf("replace of a list: %v", err)
		}

		version, first := r.Info("valkey_version"), [2]int{8, 1}
		if version == "" {
			version, first = r.Info("redis_version"), [2]int{8, 4}
		}
		var has [2]int
		fmt.Sscanf(version, "%d.%d", &has[0], &has[1])
		needs := slices.Compare(has[:], first[:]) < 0
		if scripts := strings.Contains(r.Do(t, "INFO", "commandstats"), "cmdstat_eval"); scripts != needs {
			t.Errorf("scripts were called: %v, want %v", scripts, needs)
		}
	})
}
