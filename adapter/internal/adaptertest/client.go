package adaptertest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
)

// Browser sends requests to a handler, without a network, and keeps the cookie.
type Browser struct {
	Handler http.Handler
	Cookie  string // as the Cookie header has it
}

// Do sends a request without a body.
func (b *Browser) Do(method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, nil)
	if b.Cookie != "" {
		r.Header.Set("Cookie", b.Cookie)
	}
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.Cookie = ""; c.MaxAge >= 0 {
			b.Cookie = c.Name + "=" + c.Value
		}
	}
	return w
}

// Get sends a GET request.
func (b *Browser) Get(path string) *httptest.ResponseRecorder { return b.Do(http.MethodGet, path) }

// Client is a browser with a server of its own.
type Client struct {
	*http.Client

	URL string // of the server
}

// NewClient starts a server with TLS for a handler, until the test ends.
func NewClient(t testing.TB, h http.Handler, h2 bool) Client {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.EnableHTTP2 = h2
	server.StartTLS()
	t.Cleanup(server.Close)
	c := Client{server.Client(), server.URL}
	c.Jar, _ = cookiejar.New(nil) // it never fails without options
	return c
}

// Fetch sends a GET request, and returns the response and its body.
func (c Client) Fetch(t testing.TB, path string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp, string(body)
}
