// Package frameworks runs the middleware with frameworks, wrappers and WebSockets of
// other projects, inside and outside of it.
package frameworks

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/felixge/httpsnoop"
	"github.com/gin-gonic/gin"
	chi "github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/klauspost/compress/gzhttp"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

const name = cloakroom.Key[string]("name")

func init() { gin.SetMode(gin.ReleaseMode) }

// manager returns a manager for plain HTTP, with a log.
func manager(t *testing.T) *cloakroom.Manager {
	t.Helper()
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	m, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wrapper is middleware of another project.
type wrapper struct {
	name string
	wrap func(http.Handler) http.Handler
}

var wrappers = []wrapper{
	{"nothing", func(h http.Handler) http.Handler { return h }},
	{"gin", func(h http.Handler) http.Handler {
		g := gin.New()
		g.Use(gin.Recovery())
		g.Any("/*path", gin.WrapH(h))
		return g
	}},
	{"echo", func(h http.Handler) http.Handler {
		e := echo.New()
		e.Use(echomiddleware.Recover())
		e.Any("/*", echo.WrapHandler(h))
		return e
	}},
	{"chi", func(h http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(chimiddleware.RequestLogger(&chimiddleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0), NoColor: true}))
		r.Use(chimiddleware.Recoverer)
		r.Handle("/*", h)
		return r
	}},
	{"chi's Compress", chimiddleware.Compress(5)},
	{"gzhttp", func(h http.Handler) http.Handler { return gzhttp.GzipHandler(h) }},
	{"httpsnoop", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpsnoop.CaptureMetrics(h, w, r) })
	}},
	{"otelhttp", func(h http.Handler) http.Handler { return otelhttp.NewHandler(h, "test") }},
}

// sides runs a test with each wrapper inside and outside of the middleware, over HTTP/1.1
// and HTTP/2.
func sides(t *testing.T, h2 []bool, test func(t *testing.T, serve func(http.HandlerFunc) *client, m *cloakroom.Manager)) {
	for _, w := range wrappers {
		for _, inside := range []bool{true, false} {
			for _, two := range h2 {
				t.Run(fmt.Sprintf("%s, inside %v, HTTP/2 %v", w.name, inside, two), func(t *testing.T) {
					m := manager(t)
					test(t, func(h http.HandlerFunc) *client {
						if inside {
							return newClient(t, m.Handler(w.wrap(h)), two)
						}
						return newClient(t, w.wrap(m.Handler(h)), two)
					}, m)
				})
			}
		}
	}
}

// client is a browser with a server of its own.
type client struct {
	*http.Client
	t   *testing.T
	url string
}

func newClient(t *testing.T, h http.Handler, h2 bool) *client {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = h2
	server.StartTLS()
	t.Cleanup(server.Close)
	c := server.Client()
	c.Jar, _ = cookiejar.New(nil)
	return &client{c, t, server.URL}
}

func (c *client) get(path string) (*http.Response, string) {
	c.t.Helper()
	resp, err := c.Get(c.url + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	return resp, string(body)
}

var both = []bool{false, true}

// TestWrappers: a value is set and read, however the response is written.
func TestWrappers(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	for what, write := range map[string]func(http.ResponseWriter) error{
		"nothing":     func(http.ResponseWriter) error { return nil },
		"WriteHeader": func(w http.ResponseWriter) error { w.WriteHeader(http.StatusAccepted); return nil },
		"WriteString": func(w http.ResponseWriter) error { _, err := io.WriteString(w, long); return err },
		"ReadFrom": func(w http.ResponseWriter) error {
			_, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(long)})
			return err
		},
		"Flush": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	} {
		t.Run(what, func(t *testing.T) {
			sides(t, both, func(t *testing.T, serve func(http.HandlerFunc) *client, m *cloakroom.Manager) {
				c := serve(func(w http.ResponseWriter, r *http.Request) {
					s := m.Get(r)
					w.Header().Set("X-Name", name.Get(s))
					name.Set(s, "ann")
					if err := write(w); err != nil {
						t.Error(err)
					}
				})
				for _, want := range []string{"", "ann"} {
					if resp, body := c.get("/x"); resp.StatusCode >= 300 || resp.Header.Get("X-Name") != want || body != "" && body != long {
						t.Errorf("status %d, name %q, body of %d bytes", resp.StatusCode, resp.Header.Get("X-Name"), len(body))
					}
				}
			})
		})
	}
}

// TestStreams: flushed output reaches the client while the handler goes on.
func TestStreams(t *testing.T) {
	sides(t, both, func(t *testing.T, serve func(http.HandlerFunc) *client, m *cloakroom.Manager) {
		next := make(chan struct{})
		c := serve(func(w http.ResponseWriter, r *http.Request) {
			name.Set(m.Get(r), "ann")
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				w.(http.Flusher).Flush()
				<-next
			}
		})
		resp, err := c.Get(c.url + "/x")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for i := range 3 {
			if lines.Scan(); lines.Text() != fmt.Sprintf("data: %d", i) {
				t.Errorf("event %d: %q", i, lines.Text())
			}
			lines.Scan()
			next <- struct{}{}
		}
		if len(resp.Cookies()) != 1 {
			t.Errorf("%d cookies", len(resp.Cookies()))
		}
	})
}

// TestAsserted: type assertions that succeed on net/http's own writers succeed within
// each wrapper too: the middleware takes no ability away.
func TestAsserted(t *testing.T) {
	can := func(w http.ResponseWriter) string {
		_, flusher := w.(http.Flusher)
		_, hijacker := w.(http.Hijacker)
		_, pusher := w.(http.Pusher)
		_, readerFrom := w.(io.ReaderFrom)
		_, closeNotifier := w.(interface{ CloseNotify() <-chan bool })
		return fmt.Sprintf("Flusher %v, Hijacker %v, Pusher %v, ReaderFrom %v, CloseNotifier %v", flusher, hijacker, pusher, readerFrom, closeNotifier)
	}
	for _, w := range wrappers {
		for _, h2 := range both {
			var bare, within string
			m := manager(t)
			newClient(t, w.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { bare = can(w) })), h2).get("/x")
			newClient(t, m.Handler(w.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { within = can(w) }))), h2).get("/x")
			for _, ability := range strings.Split(bare, ", ") {
				if strings.HasSuffix(ability, "true") && !strings.Contains(within, ability) {
					t.Errorf("%s, HTTP/2 %v: bare %s; within %s", w.name, h2, bare, within)
				}
			}
		}
	}
}

// TestUpgrades: a connection is hijacked in an existing session.
func TestUpgrades(t *testing.T) {
	sides(t, []bool{false}, func(t *testing.T, serve func(http.HandlerFunc) *client, m *cloakroom.Manager) {
		c := serve(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/set" {
				name.Set(m.Get(r), "ann")
				return
			}
			who := name.Get(m.Get(r))
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", who)
			rw.Flush()
		})
		c.get("/set")
		if _, body := c.get("/x"); body != "ann" {
			t.Errorf("%q", body)
		}
	})
}

// TestReverseProxy: it passes on the responses of the application behind, streams, and
// hijacks.
func TestReverseProxy(t *testing.T) {
	m := manager(t)
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Upgrade", "echo")
			w.Header().Set("Connection", "Upgrade")
			w.WriteHeader(http.StatusSwitchingProtocols)
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			line, _ := rw.ReadString('\n')
			rw.WriteString(line)
			rw.Flush()
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "page")
		http.NewResponseController(w).Flush()
		w.Header().Set("X-Sum", "4")
	}))
	t.Cleanup(behind.Close)
	target, _ := url.Parse(behind.URL)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, FlushInterval: -1}
	for _, h2 := range both {
		c := newClient(t, m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") == "" {
				name.Set(m.Get(r), "ann")
			} else if name.Get(m.Get(r)) != "ann" {
				t.Error("no session")
			}
			proxy.ServeHTTP(w, r)
		})), h2)
		resp, body := c.get("/")
		if body != "page" || resp.Trailer.Get("X-Sum") != "4" || resp.Header.Get("Cache-Control") != "private, max-age=60" || len(resp.Cookies()) != 1 {
			t.Errorf("HTTP/2 %v: %q, %v, trailer %v", h2, body, resp.Header, resp.Trailer)
		}
		if h2 {
			continue
		}
		r, _ := http.NewRequest(http.MethodGet, c.url, nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "echo")
		resp, err := c.Do(r)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%v, %v", resp, err)
		}
		conn := resp.Body.(io.ReadWriteCloser)
		io.WriteString(conn, "hello\n")
		if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
			t.Errorf("%q, %v", line, err)
		}
		conn.Close()
	}
}
