package redisstore

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"github.com/cloakroom-go/cloakroom/store"
)

func TestOptions(t *testing.T) {
	client := fakeClient{}
	for _, tt := range []struct {
		opts Options
		want string
	}{
		{Options{}, ""},
		{Options{NearCache: time.Hour, WaitReplicas: 2, WaitTimeout: 20 * time.Second}, ""},
		{Options{NearCache: -1}, "NearCache is -1ns"},
		{Options{NearCache: time.Microsecond}, "NearCache is 1µs"},
		{Options{NearCache: 2 * time.Hour}, "NearCache is 2h"},
		{Options{WaitReplicas: -1}, "WaitReplicas is negative: -1"},
		{Options{WaitTimeout: -time.Second}, "WaitTimeout is -1s"},
		{Options{WaitTimeout: time.Minute}, "WaitTimeout is 1m"},
	} {
		s, err := New(client, tt.opts)
		if tt.want == "" && (err != nil || s == nil) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.opts, err, tt.want)
		}
	}
	if _, err := New(nil, Options{}); err == nil {
		t.Error("no client is no error")
	}
}

// fakeClient is a client that is never called.
type fakeClient struct{ rueidis.Client }

func (fakeClient) Mode() rueidis.ClientMode { return rueidis.ClientModeStandalone }

func TestMillis(t *testing.T) {
	for _, tt := range []struct {
		in   time.Time
		want int64
	}{
		{time.UnixMilli(1234567), 1234567},
		{time.UnixMilli(1234567).Add(999 * time.Microsecond), 1234567},
		{time.Time{}, 1},
		{time.Unix(0, 0), 1},
		{time.Unix(-5, 0), 1},
		{time.Date(9999, 12, 31, 23, 59, 59, 999, time.UTC), latest},
		{time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC), latest},
		{time.Unix(1<<62, 0), latest},
	} {
		if got := millis(tt.in); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.in, got, tt.want)
		}
	}
	if got := expiry(-1); got.Year() != 9999 {
		t.Errorf("without an expiry: %v", got)
	}
	if got := expiry(1234567); !got.Equal(time.UnixMilli(1234567)) {
		t.Errorf("got %v", got)
	}
}

func TestVersion(t *testing.T) {
	if got := digest([]byte("abc")); got != "a9993e364706816aba3e25717850c26c9cd0d89d" {
		t.Errorf("got %q, want the SHA-1 of FIPS 180-4", got)
	}
	if a := version([]byte("abc")); a == "" || a != version([]byte("abc")) || a == version([]byte("abd")) {
		t.Errorf("version %q", a)
	}
}

func TestKeys(t *testing.T) {
	s, err := New(fakeClient{}, Options{Prefix: `a*?[x]\`})
	if err != nil {
		t.Fatal(err)
	}
	if want := `a\*\?\[x\]\\*`; s.match != want {
		t.Errorf("the pattern is %s, want %s", s.match, want)
	}
	owner := strings.Repeat("a", 64)
	if id := strings.TrimPrefix(s.ownerKey(owner), s.prefix); strings.IndexFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		t.Errorf("%q may be an id", id)
	}
}

func TestCursors(t *testing.T) {
	for _, p := range []place{
		{topology: "-", scan: 7, process: "0123456789ab"},
		{topology: "1a2b", node: 2, scan: 1<<64 - 1},
		{topology: "1a2b", node: 2},
	} {
		if got, err := parsePlace(p.String()); err != nil || got != p {
			t.Errorf("%+v: %+v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"x", "1:2", "a:b:c:d", "a:-1:c:0", "a:0:c:-1", "a:99999:c:0", "a:0:c:0:0"} {
		if _, err := parsePlace(bad); err == nil {
			t.Errorf("All takes the cursor %q", bad)
		}
	}
	if got := (place{end: true, scan: 5}).String(); got != "" {
		t.Errorf("at the end: %q", got)
	}
	for _, bad := range []string{"x", "1", "-1:a", ":a"} {
		if _, _, err := parseOwnedCursor(bad); err == nil {
			t.Errorf("Owned takes the cursor %q", bad)
		}
	}
	if from, process, err := parseOwnedCursor("12:abc"); from != "12" || process != "abc" || err != nil {
		t.Errorf("%q, %q, %v", from, process, err)
	}
}

func TestForgettable(t *testing.T) {
	now := time.Now().UnixMilli()
	grace := store.IndexGrace.Milliseconds()
	for entry, want := range map[string]bool{
		decimal(now) + ":0":           false,
		decimal(now-grace) + ":0":     false,
		decimal(now-grace-1) + ":0":   true,
		decimal(now+5000) + ":999999": false,
		"":                            true,
		"rubbish":                     true,
	} {
		if got := (indexed{entry: entry}).forgettable(now); got != want {
			t.Errorf("%q: %v, want %v", entry, got, want)
		}
	}
}

func TestArgumentsAreCutOff(t *testing.T) {
	const text = "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' 'hunter2' "
	if got := withoutArguments(text); got != "ERR unknown command 'HELLO'" {
		t.Errorf("got %q", got)
	}
}

func TestRecentWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecentWrites()
		bypassed := func(id string) bool {
			_, _, bypass := w.bypassed(id)
			return bypass
		}
		if bypassed("a") {
			t.Error("a read bypasses the cache without a write")
		}
		end := w.begin("a")
		early, before, _ := w.bypassed("a")
		end()
		early() // began before the write ended, so it says nothing
		if !bypassed("a") {
			t.Error("a read that began before the end of the write ended the bypass")
		}
		late, after, _ := w.bypassed("a")
		if before == after {
			t.Error("reads before and after the end of a write ask the same question")
		}
		late()
		if bypassed("a") {
			t.Error("a read that began after the write does not end the bypass")
		}

		w.begin("b")()
		time.Sleep(recentFor + 1)
		if bypassed("b") {
			t.Error("the bypass does not end by itself")
		}

		// Two ids in one place: neither speaks for the other.
		p, h := w.place("c")
		endC := w.begin("c")
		p.mu.Lock()
		p.id, p.several = h+1, true // as another id would leave it
		p.mu.Unlock()
		endC()
		answered, _, _ := w.bypassed("c")
		answered()
		if !bypassed("c") {
			t.Error("a read of one of two ids ended the bypass for both")
		}
	})
}

func TestUnheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnheld()
		if u.noted("a") {
			t.Error("noted without a failure")
		}
		u.note("a")
		u.note("a")
		if !u.noted("a") {
			t.Error("not noted")
		}
		u.clear("a")
		if u.noted("a") {
			t.Error("not cleared")
		}
		u.note("a")
		p, _ := u.place("a")
		p.several = true // as another key would leave it
		if u.clear("a"); !u.noted("a") {
			t.Error("one key cleared the place of two")
		}
		time.Sleep(unheldFor + 1)
		if u.noted("a") {
			t.Error("it does not end")
		}
	})
}
