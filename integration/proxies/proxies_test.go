// Package proxies runs the configurations of docs/proxy.md, each in front of an application
// that speaks plain HTTP and has the options of production.
package proxies

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

const (
	host = "shop.example.com" // as docs/proxy.md has it
	name = cloakroom.Key[string]("name")
)

// site is the application.
type site struct {
	m    *cloakroom.Manager
	seen chan struct{} // the first event of the stream
}

func newSite(t *testing.T) *site {
	t.Helper()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{
		ClientIP: func(r *http.Request) string { return r.Header.Get("X-Real-IP") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &site{m, make(chan struct{})}
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /login", func(_ http.ResponseWriter, r *http.Request) { s.m.Get(r).Login("ann") })
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, s.m.Get(r).Owner()) })
	mux.HandleFunc("/events", s.events)
	mux.HandleFunc("/socket", s.socket)
	return http.NewCrossOriginProtection().Handler(s.m.Handler(mux))
}

// events sends one event, and goes on when the test has seen it.
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx keeps it back
	fmt.Fprintf(w, "data: %s\n\n", s.m.Get(r).Owner())
	http.NewResponseController(w).Flush()
	select {
	case <-s.seen:
	case <-r.Context().Done():
	}
}

// socket greets its visitor, whose session may be new.
func (s *site) socket(w http.ResponseWriter, r *http.Request) {
	session := s.m.Get(r)
	name.Set(session, "ann")
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.Write(r.Context(), websocket.MessageText, []byte("hello "+name.Get(session)))
}

// visitor is a browser on an address of its own, where the machine has another than the proxy's.
type visitor struct {
	*http.Client
	t  *testing.T
	ip string
}

func newVisitor(t *testing.T, port int, tls *servers.TLS) *visitor {
	t.Helper()
	v := &visitor{&http.Client{}, t, "127.0.0.1"}
	if runtime.GOOS == "linux" {
		v.ip = "127.0.0.2"
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(v.ip)}}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
		},
		TLSClientConfig: tls.Client.Clone(),
	}
	transport.TLSClientConfig.ServerName = "localhost"
	t.Cleanup(transport.CloseIdleConnections)
	v.Transport = transport
	v.Jar, _ = cookiejar.New(nil)
	return v
}

// do requests a page, and returns the response and its body.
func (v *visitor) do(method, path string, header http.Header) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(v.t.Context(), method, "https://"+host+path, nil)
	if err != nil {
		return nil, "", err
	}
	if header != nil {
		r.Header = header
	}
	resp, err := v.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", path, resp.StatusCode, body)
	}
	return resp, string(body), err
}

// TestProxies: TLS ends at the proxy, the application has no option for that, and all goes as
// without a proxy.
func TestProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			s, tls := newSite(t), servers.NewTLS(t)
			origin := httptest.NewServer(s.handler())
			t.Cleanup(origin.Close)
			v := newVisitor(t, p.start(t, tls, origin.Listener.Addr().String()), tls)
			servers.Until(t, "the proxy answers", func() error {
				_, _, err := v.do(http.MethodGet, "/ready", nil)
				return err
			})
			s.signsIn(v)
			s.streams(v)
			s.upgrades(v)
		})
	}
}

// signsIn: the cookie is that of production, a browser without Sec-Fetch-Site is known to
// come from the site itself, and no visitor can name another address than theirs.
func (s *site) signsIn(v *visitor) {
	v.t.Helper()
	resp, _, err := v.do(http.MethodPost, "/login", http.Header{
		"Origin": {"https://" + host}, "X-Real-Ip": {"203.0.113.9"}, "X-Forwarded-For": {"203.0.113.9"},
	})
	if err != nil {
		v.t.Fatal(err)
	}
	cookie := resp.Header.Get("Set-Cookie")
	_, attributes, _ := strings.Cut(cookie, "; ")
	if !strings.HasPrefix(cookie, "__Host-session=") || attributes != "Path=/; HttpOnly; Secure; SameSite=Lax" {
		v.t.Errorf("%d cookies, the attributes %s", len(resp.Cookies()), attributes)
	}
	if _, owner, err := v.do(http.MethodGet, "/who", nil); owner != "ann" || err != nil {
		v.t.Errorf("owner %q, %v", owner, err)
	}
	for info, err := range s.m.Owned(v.t.Context(), "ann") {
		if err != nil || info.IP != v.ip {
			v.t.Errorf("the address is %s, want %s, %v", info.IP, v.ip, err)
		}
	}
}

// streams: an event arrives while the handler has not returned.
func (s *site) streams(v *visitor) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), servers.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/events", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if lines.Scan(); lines.Text() != "data: ann" {
		v.t.Fatalf("the first event: %q, %v", lines.Text(), lines.Err())
	}
	s.seen <- struct{}{}
}

// upgrades: a WebSocket opens in a new session, whose cookie comes with it, and in an old one.
func (s *site) upgrades(v *visitor) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), servers.Patience)
	defer cancel()
	v.Jar, _ = cookiejar.New(nil)
	for _, cookies := range []int{1, 0} {
		options := &websocket.DialOptions{HTTPClient: v.Client}
		c, resp, err := websocket.Dial(ctx, "wss://"+host+"/socket", options)
		if err != nil {
			v.t.Fatal(err)
		}
		_, message, err := c.Read(ctx)
		c.CloseNow()
		if string(message) != "hello ann" || len(resp.Cookies()) != cookies {
			v.t.Errorf("%q, %v, %d cookies, want %d", message, err, len(resp.Cookies()), cookies)
		}
	}
}
