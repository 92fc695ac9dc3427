package demo

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The demo answers to its own names only, in any case and with any port, or to the
// address that was connected to.
func TestOwnHosts(t *testing.T) {
	handler := ownHosts([]string{"localhost", "127.0.0.1", "::1", "Demo.Example"}, http.HandlerFunc(ping))
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 8080}
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "localhost.:1": true, "127.0.0.1:8080": true, "127.0.0.1": true,
		"[::1]": true, "[::1]:8080": true, "demo.example": true, "DEMO.example:443": true, "192.0.2.7:8080": true, "192.0.2.7": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"192.0.2.8": false, "": false, "[::2]:8080": false, "0.0.0.0:8080": false, "localhost@evil.example": false, "::": false,
	} {
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(local)), "GET", "/ping", nil)
		r.Host = host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		want := http.StatusOK
		if !ok {
			want = http.StatusMisdirectedRequest
		}
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", host, w.Code, want)
		}
	}
}

// A request under another name never touches the session.
func TestOtherHostMakesNoSession(t *testing.T) {
	s := serve(t, nil)
	handler := New(Config{Sessions: nil, Stats: s.counted.Stats, Hosts: []string{"localhost"}})
	for _, path := range []string{"/", "/incr", "/page.json"} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader("key=x"))
		r.Host = "evil.example"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusMisdirectedRequest || w.Header().Get("Set-Cookie") != "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: status %d, %v", path, w.Code, w.Header())
		}
	}
}
