package demotest

import (
	"maps"
	"strings"
	"testing"
)

// checkBadCookies sends cookies that hold no ticket, and a ticket to a route that never
// touches its session.
func checkBadCookies(t *testing.T, s Store) {
	d := s.one(t)
	b := &browser{t: t}
	b.want(d, 200, "value set", "POST /set", "value=v")
	good := b.ticket
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, good[len(good)-1])
	before := stats(t, d)
	for range 10 {
		b.want(d, 200, "pong", "GET /ping", "")
	}
	for name, bad := range map[string]string{
		"empty":                        "",
		"too short":                    good[:42],
		"too long":                     good + "A",
		"wrong alphabet":               "+" + good[1:],
		"padded":                       good + "=",
		"another spelling of its bits": good[:42] + string(alphabet[last+1]),
		"5,000 bytes":                  strings.Repeat("A", 5000),
		"NUL":                          good[:20] + "\x00" + good[21:],
		"quoted":                       `"` + good + `"`,
		"spaces within":                good[:20] + " " + good[20:],
	} {
		got, want := sendRaw(t, d, "/get", cookieName+"="+bad), "HTTP/1.1 200 OK"
		if name == "NUL" {
			want = "HTTP/1.1 400 Bad Request" // net/http refuses the header
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if after := stats(t, d); !maps.Equal(before, after) {
			t.Errorf("%s: cost %v", name, difference(before, after))
		}
	}
	// The first well-formed one counts, whatever stands before it.
	behind := cookieName + "=bad; other=1; " + cookieName + "=" + good
	if got := sendRaw(t, d, "/get", behind); got != "HTTP/1.1 200 OK" {
		t.Error(got)
	}
	if changed := difference(before, stats(t, d)); !maps.Equal(changed, oneLoad) {
		t.Errorf("a ticket behind a malformed one cost %v, want one load", changed)
	}
}

var oneLoad = map[string]int64{"loads": 1}

func checkUnknownTicket(t *testing.T, s Store) {
	d := s.one(t)
	unknown := strings.Repeat("A", 43)
	b := &browser{t: t, ticket: unknown}
	before := stats(t, d)
	if a := b.do(d, "GET /get", ""); a.Body != "no value set" || a.SetCookie {
		t.Errorf("GET /get: %+v", a)
	}
	if changed := difference(before, stats(t, d)); !maps.Equal(changed, oneLoad) {
		t.Errorf("an unknown ticket cost %v, want one load", changed)
	}
	for _, write := range [][2]string{
		{"POST /set", "value=v"},
		{"POST /incr", "key=n"},
		{"POST /slow", "ms=0&key=k&value=v"},
		{"POST /login", "user=ada"},
	} {
		b := &browser{t: t, ticket: unknown}
		a := b.do(d, write[0], write[1])
		if a.Status != 200 || !a.SetCookie || a.Ticket == "" || a.Ticket == unknown {
			t.Errorf("%s: got %d with a cookie: %v, an adopted ticket: %v",
				write[0], a.Status, a.SetCookie, a.Ticket == unknown)
		}
	}
	b = &browser{t: t, ticket: unknown}
	b.want(d, 200, "no value set", "GET /get", "")
	b.want(d, 401, "signed out", "GET /sessions", "")
}

func checkReads(t *testing.T, s Store) {
	d := s.one(t)
	b := &browser{t: t}
	b.want(d, 200, "value set", "POST /set", "value=v")
	before := stats(t, d)
	for range 100 {
		b.want(d, 200, "v", "GET /get", "")
	}
	changed := difference(before, stats(t, d))
	touches := changed["touches"]
	delete(changed, "touches")
	if !maps.Equal(changed, map[string]int64{"loads": 100}) || touches > 1 {
		t.Errorf("100 reads cost %v and %d touches, want 100 loads and at most one touch",
			changed, touches)
	}
	before = stats(t, d)
	b.want(d, 200, "value set", "POST /set", "value=w")
	changed = difference(before, stats(t, d))
	if !maps.Equal(changed, map[string]int64{"loads": 1, "replaces": 1}) {
		t.Errorf("a write cost %v, want a load and a replace", changed)
	}
}
