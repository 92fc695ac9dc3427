package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
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
