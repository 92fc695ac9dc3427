package cloakgin_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
)

// TestWriterTells: Status, Size and Written are at each step what Gin's own writer has.
func TestWriterTells(t *testing.T) {
	s := newSite(t)
	for what, steps := range map[string][]func(c *gin.Context){
		"held back": {
			func(c *gin.Context) { c.Status(404) },
			func(c *gin.Context) { c.Status(201) },
			func(c *gin.Context) { c.Status(-1) },
			func(c *gin.Context) { c.Writer.WriteHeaderNow() },
			func(c *gin.Context) { c.Status(500) },
			func(c *gin.Context) { c.Writer.WriteHeaderNow() },
		},
		"written": {
			func(c *gin.Context) { c.Writer.Write(nil) },
			func(c *gin.Context) { c.Writer.WriteString("page") },
			func(c *gin.Context) { c.Writer.Write([]byte("more")) },
			func(c *gin.Context) { io.Copy(c.Writer, strings.NewReader("rest")) },
			func(c *gin.Context) { c.Status(500) },
		},
		"flushed": {
			func(c *gin.Context) { c.Status(202) },
			func(c *gin.Context) { c.Writer.Flush() },
			func(c *gin.Context) { c.Writer.WriteString("page") },
		},
		"no body": {
			func(c *gin.Context) { c.JSON(204, nil) },
			func(c *gin.Context) { c.Abort() },
		},
	} {
		t.Run(what, func(t *testing.T) {
			record := func(told *[]string, touches bool) gin.HandlerFunc {
				return func(c *gin.Context) {
					if touches {
						name.Set(s.Get(c.Request), "ann")
					}
					for _, step := range steps {
						step(c)
						w := c.Writer
						*told = append(*told, fmt.Sprint(w.Status(), w.Size(), w.Written()))
					}
				}
			}
			var bare, within []string
			g := gin.New()
			g.GET("/", record(&bare, false))
			(&browser{Handler: g}).Get("/")
			(&browser{Handler: s.engine(nil, record(&within, true))}).Get("/")
			if !slices.Equal(bare, within) {
				t.Errorf("got %v, bare Gin %v", within, bare)
			}
		})
	}
}

// TestStream: events reach the client while the handler goes on, and the cookie is with
// the first.
func TestStream(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		s := newSite(t)
		next := make(chan struct{})
		server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
			name.Set(s.Get(c.Request), "ann")
			n := 0
			gone := c.Stream(func(io.Writer) bool {
				n++
				if n > 1 {
					<-next
				}
				c.SSEvent("tick", n)
				return n < 3
			})
			if gone {
				t.Error("the client has not gone")
			}
		}), h2)
		resp, err := server.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") ||
			len(resp.Cookies()) != 1 {
			t.Errorf("HTTP/2 %v: %s, %d cookies", h2, kind, len(resp.Cookies()))
		}
		lines := bufio.NewScanner(resp.Body)
		for n := 1; n <= 3; n++ {
			var event []string
			for lines.Scan() && lines.Text() != "" {
				event = append(event, lines.Text())
			}
			if want := fmt.Sprintf("event:tick data:%d", n); strings.Join(event, " ") != want {
				t.Errorf("HTTP/2 %v: got %q, want %q", h2, event, want)
			}
			if n < 3 {
				next <- struct{}{}
			}
		}
	}
}

// TestStreamAnywhere: c.Stream needs no http.CloseNotifier below Gin, where bare Gin
// panics: within http.TimeoutHandler, and in a test. Gin within [cloakroom.Manager.Handler]
// needs none either.
func TestStreamAnywhere(t *testing.T) {
	stream := func(s *site) gin.HandlerFunc {
		return func(c *gin.Context) {
			name.Set(s.Get(c.Request), "ann")
			n := 0
			c.Stream(func(w io.Writer) bool { n++; io.WriteString(w, "."); return n < 3 })
		}
	}
	within := func(s *site) http.Handler { return s.engine(nil, stream(s)) }
	around := func(s *site) http.Handler {
		g := gin.New()
		g.GET("/", stream(s))
		return s.Handler(g)
	}
	for what, handler := range map[string]func(s *site) http.Handler{"within": within, "around": around} {
		for _, limited := range []bool{false, true} {
			s := newSite(t)
			h := handler(s)
			if limited {
				h = http.TimeoutHandler(h, time.Hour, "late")
			}
			w := (&browser{Handler: h}).Get("/")
			if w.Code != 200 || w.Body.String() != "..." || len(w.Result().Cookies()) != 1 {
				t.Errorf("%s Gin, limited %v: %d %q", what, limited, w.Code, w.Body)
			}
		}
	}
}

// TestPusher: Gin's is passed on.
func TestPusher(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		s := newSite(t)
		server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
			p := c.Writer.Pusher()
			if (p != nil) != h2 {
				t.Errorf("HTTP/2 %v: pusher %v", h2, p)
			} else if p != nil {
				// Go's client has switched pushing off.
				if err := p.Push("/name", nil); err == nil {
					t.Error("it is pushed")
				}
			}
		}), h2)
		server.Fetch(t, "/")
	}
}

// TestResponseController: what the server's writer can do, it can do within Gin.
func TestResponseController(t *testing.T) {
	s := newSite(t)
	server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
		name.Set(s.Get(c.Request), "ann")
		rc := http.NewResponseController(c.Writer)
		for what, err := range map[string]error{
			"SetReadDeadline":  rc.SetReadDeadline(time.Now().Add(time.Hour)),
			"SetWriteDeadline": rc.SetWriteDeadline(time.Now().Add(time.Hour)),
			"EnableFullDuplex": rc.EnableFullDuplex(),
			"Flush":            rc.Flush(),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}), false)
	if resp, _ := server.Fetch(t, "/"); len(resp.Cookies()) != 1 {
		t.Errorf("%d cookies", len(resp.Cookies()))
	}
}

// TestWithoutBody: HEAD and 304 have the cookie, and no body.
func TestWithoutBody(t *testing.T) {
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		s := newSite(t)
		server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
			name.Set(s.Get(c.Request), "ann")
			c.Header("ETag", `"1"`)
			if c.GetHeader("If-None-Match") == `"1"` {
				c.Status(http.StatusNotModified)
				return
			}
			c.String(http.StatusOK, "page")
		}), false)
		r, err := http.NewRequest(method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := http.StatusOK
		if method == http.MethodGet {
			r.Header.Set("If-None-Match", `"1"`)
			want = http.StatusNotModified
		}
		resp, err := server.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || len(body) > 0 || len(resp.Cookies()) != 1 {
			t.Errorf("%s: %d %q, %d cookies", method, resp.StatusCode, body, len(resp.Cookies()))
		}
		if _, name := server.Fetch(t, "/name"); name != "ann" {
			t.Errorf("%s: the session has %q", method, name)
		}
	}
}

// upgrades are the ways in which libraries take the connection over.
var upgrades = map[string]func(c *gin.Context, s *cloakroom.Session) (net.Conn, error){
	// as coder/websocket does: the header leaves by the writer
	"WriteHeader first": func(c *gin.Context, _ *cloakroom.Session) (net.Conn, error) {
		c.Header("Connection", "Upgrade")
		c.Header("Upgrade", "test")
		c.Writer.WriteHeader(http.StatusSwitchingProtocols)
		c.Writer.WriteHeaderNow()
		conn, _, err := c.Writer.Hijack()
		return conn, err
	},
	// as gorilla/websocket does: it writes to the connection
	"Hijack first": func(c *gin.Context, s *cloakroom.Session) (net.Conn, error) {
		if err := s.Save(); err != nil {
			return nil, err
		}
		header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"test"}}
		for _, cookie := range s.Cookies() {
			header.Add("Set-Cookie", cookie.String())
		}
		conn, _, err := c.Writer.Hijack()
		if err != nil {
			return nil, err
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\n")
		header.Write(conn)
		fmt.Fprint(conn, "\r\n")
		return conn, nil
	},
}

// TestUpgrade: the connection is taken over with a new session and with an old one.
func TestUpgrade(t *testing.T) {
	for how, upgrade := range upgrades {
		t.Run(how, func(t *testing.T) {
			s := newSite(t)
			server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
				session := s.Get(c.Request)
				name.Set(session, "ann")
				conn, err := upgrade(c, session)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				fmt.Fprint(conn, "hello "+name.Get(session))
				if !c.Writer.Written() {
					t.Error("Gin takes the response for open")
				}
			}), false)
			for _, cookies := range []int{1, 0} {
				r, _ := http.NewRequest(http.MethodGet, server.URL, nil)
				r.Header.Set("Connection", "Upgrade")
				r.Header.Set("Upgrade", "test")
				resp, err := server.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 101 || string(body) != "hello ann" || len(resp.Cookies()) != cookies {
					t.Errorf("%d %q, %d cookies, want %d", resp.StatusCode, body, len(resp.Cookies()), cookies)
				}
			}
		})
	}
}

// TestUpgradeRefused: a hijack that would lose the cookie, or whose commit fails, fails.
func TestUpgradeRefused(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := newSite(t)
		s.Full.Store(full)
		server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
			name.Set(s.Get(c.Request), "ann")
			if conn, _, err := c.Writer.Hijack(); err == nil {
				t.Error("the connection is taken over")
				conn.Close()
			}
			c.AbortWithStatus(http.StatusTeapot)
		}), false)
		want := http.StatusTeapot
		if full {
			want = http.StatusServiceUnavailable
		}
		if resp, _ := server.Fetch(t, "/"); resp.StatusCode != want {
			t.Errorf("full %v: got %d, want %d", full, resp.StatusCode, want)
		}
	}
}

// TestHijackHTTP2: it panics, as Gin's own does.
func TestHijackHTTP2(t *testing.T) {
	s := newSite(t)
	panics := 0
	hijack := func(c *gin.Context) {
		defer func() {
			if recover() != nil {
				panics++
			}
		}()
		c.Writer.Hijack()
	}
	bare := gin.New()
	bare.GET("/", hijack)
	adaptertest.NewClient(t, bare, true).Fetch(t, "/")
	adaptertest.NewClient(t, s.engine(nil, hijack), true).Fetch(t, "/")
	if panics != 2 {
		t.Errorf("%d of 2 panic", panics)
	}
}

// TestCommitFailsBeforeUpgrade: the client gets the 503, and no connection.
func TestCommitFailsBeforeUpgrade(t *testing.T) {
	for how, upgrade := range upgrades {
		s := newSite(t)
		s.Full.Store(true)
		server := adaptertest.NewClient(t, s.engine(nil, func(c *gin.Context) {
			session := s.Get(c.Request)
			name.Set(session, "ann")
			if conn, err := upgrade(c, session); err == nil {
				t.Errorf("%s: the connection is taken over", how)
				conn.Close()
			}
		}), false)
		if resp, _ := server.Fetch(t, "/"); resp.StatusCode != 503 {
			t.Errorf("%s: got %d", how, resp.StatusCode)
		}
	}
}

// TestWrapped: other middleware that wraps Gin's writer, outside or inside, goes on to work.
func TestWrapped(t *testing.T) {
	upper := func(c *gin.Context) { c.Writer = shouting{c.Writer}; c.Next() }
	for _, full := range []bool{false, true} {
		for _, outside := range []bool{false, true} {
			s := newSite(t)
			s.Full.Store(full)
			g := gin.New()
			if outside {
				g.Use(upper, cloakgin.Middleware(s.Manager))
			} else {
				g.Use(cloakgin.Middleware(s.Manager), upper)
			}
			g.GET("/", func(c *gin.Context) {
				name.Set(s.Get(c.Request), "ann")
				c.String(http.StatusCreated, "page")
			})
			w := (&browser{Handler: g}).Get("/")
			switch body := w.Body.String(); {
			case full && (w.Code != 503 || strings.Contains(strings.ToLower(body), "page")):
				t.Errorf("outside %v, after a failed commit: %d %q", outside, w.Code, body)
			case !full && (w.Code != 201 || body != "PAGE" || len(w.Result().Cookies()) != 1):
				t.Errorf("outside %v: %d %q, %d cookies", outside, w.Code, body, len(w.Result().Cookies()))
			}
		}
	}
}

// shouting is a writer of other middleware.
type shouting struct{ gin.ResponseWriter }

func (s shouting) Write(p []byte) (int, error) {
	return s.ResponseWriter.Write([]byte(strings.ToUpper(string(p))))
}

func (s shouting) WriteString(text string) (int, error) { return s.Write([]byte(text)) }

// TestLimited: a handler that is too slow, within http.TimeoutHandler outside, still
// commits as a whole.
func TestLimited(t *testing.T) {
	s := newSite(t)
	b := &browser{Handler: s.engine(nil, func(c *gin.Context) { name.Set(s.Get(c.Request), "ann") })}
	b.Get("/")
	ctx, over := context.WithCancel(t.Context()) // in place of a limit, which needs time
	answered, returned := make(chan struct{}), make(chan struct{})
	outside := func(c *gin.Context) { defer close(returned); c.Next() }
	g := s.engine([]gin.HandlerFunc{outside}, func(c *gin.Context) {
		s.Get(c.Request).Load()
		over()
		<-answered
		name.Set(s.Get(c.Request), "late")
		c.String(http.StatusOK, "page")
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header.Set("Cookie", b.Cookie)
	http.TimeoutHandler(g, time.Hour, "").ServeHTTP(w, r)
	close(answered)
	<-returned
	if name := b.Get("/name").Body.String(); w.Code != 503 || w.Body.Len() > 0 || name != "late" {
		t.Errorf("%d %q, then %q", w.Code, w.Body, name)
	}
}
