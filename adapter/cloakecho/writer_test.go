package cloakecho_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
)

// TestHooks: what a function of Response.Before changes is committed with the rest, and
// what one of After changes is committed when the handler returns.
func TestHooks(t *testing.T) {
	s := newSite(t)
	writes := int64(0)
	b := &browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
		session := s.Get(c.Request())
		response, err := echo.UnwrapResponse(c.Response())
		if err != nil {
			return err
		}
		response.Before(func() { name.Set(session, "before") })
		response.After(func() {
			writes = s.Calls.Stats().Creates
			counter.Set(session, response.Status)
		})
		return c.String(http.StatusAccepted, "page")
	})}
	b.Get("/")
	if writes != 1 || b.Cookie == "" {
		t.Errorf("%d records when the body was written, a cookie: %v", writes, b.Cookie != "")
	}
	_, ticket, _ := strings.Cut(b.Cookie, "=")
	session := s.Open(t.Context(), ticket)
	defer session.Close()
	if name.Get(session) != "before" || counter.Get(session) != http.StatusAccepted {
		t.Errorf("%q, %d", name.Get(session), counter.Get(session))
	}
}

// TestResponseTells: Echo's response knows what was sent, as without the middleware.
func TestResponseTells(t *testing.T) {
	s := newSite(t)
	tell := func(told *string, touches bool) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if touches {
				name.Set(s.Get(c.Request()), "ann")
			}
			response, _ := echo.UnwrapResponse(c.Response())
			before := fmt.Sprint(response.Status, response.Size, response.Committed)
			err := c.String(http.StatusAccepted, "page")
			*told = before + ", " + fmt.Sprint(response.Status, response.Size, response.Committed)
			return err
		}
	}
	var bare, within string
	e := echo.New()
	e.GET("/", tell(&bare, false))
	(&browser{Handler: e}).Get("/")
	(&browser{Handler: s.echo(nil, nil, tell(&within, true))}).Get("/")
	if bare != within {
		t.Errorf("got %s, bare Echo %s", within, bare)
	}
}

// TestStream: events reach the client while the handler goes on, and the cookie is with
// the first.
func TestStream(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		s := newSite(t)
		next := make(chan struct{})
		server := adaptertest.NewClient(t, s.echo(nil, nil, func(c *echo.Context) error {
			name.Set(s.Get(c.Request()), "ann")
			c.Response().Header().Set("Content-Type", "text/event-stream")
			for n := 1; n <= 3; n++ {
				fmt.Fprintf(c.Response(), "data: %d\n\n", n)
				if err := http.NewResponseController(c.Response()).Flush(); err != nil {
					return err
				}
				<-next
			}
			return nil
		}), h2)
		resp, err := server.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if len(resp.Cookies()) != 1 {
			t.Errorf("HTTP/2 %v: %d cookies", h2, len(resp.Cookies()))
		}
		lines := bufio.NewScanner(resp.Body)
		for n := 1; n <= 3; n++ {
			if lines.Scan(); lines.Text() != fmt.Sprintf("data: %d", n) {
				t.Errorf("HTTP/2 %v, event %d: %q", h2, n, lines.Text())
			}
			lines.Scan()
			next <- struct{}{}
		}
	}
}

// TestStreamFails: a stream whose commit fails ends, with the 503 alone.
func TestStreamFails(t *testing.T) {
	s := newSite(t)
	s.Full.Store(true)
	w := (&browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		return c.Stream(http.StatusOK, "text/plain", endless{})
	})}).Get("/")
	if w.Code != 503 || strings.Contains(w.Body.String(), "page") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

// endless is read until writing fails.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "page"), nil }

// TestResponseController: what the server's writer can do, it can do within Echo.
func TestResponseController(t *testing.T) {
	s := newSite(t)
	server := adaptertest.NewClient(t, s.echo(nil, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		rc := http.NewResponseController(c.Response())
		return errors.Join(rc.SetReadDeadline(time.Now().Add(time.Hour)),
			rc.SetWriteDeadline(time.Now().Add(time.Hour)), rc.EnableFullDuplex(), rc.Flush())
	}), false)
	if resp, body := server.Fetch(t, "/"); resp.StatusCode != 200 || body != "" || len(resp.Cookies()) != 1 {
		t.Errorf("%d %q, %d cookies", resp.StatusCode, body, len(resp.Cookies()))
	}
}

// TestWithoutBody: HEAD, which Echo may make of GET, and 304 have the cookie, and no body.
// After a failed commit they are a 503.
func TestWithoutBody(t *testing.T) {
	for _, test := range []struct {
		what, method string
		etag         bool
		want         int
	}{
		{"HEAD", http.MethodHead, false, http.StatusOK},
		{"304", http.MethodGet, true, http.StatusNotModified},
	} {
		for _, full := range []bool{false, true} {
			for _, automatic := range []bool{false, true} {
				s := newSite(t)
				s.Full.Store(full)
				e := echo.NewWithConfig(echo.Config{
					Logger: slog.New(slog.DiscardHandler),
					Router: echo.NewRouter(echo.RouterConfig{AutoHandleHEAD: automatic}),
				})
				e.Use(cloakecho.Middleware(s.Manager))
				page := func(c *echo.Context) error {
					name.Set(s.Get(c.Request()), "ann")
					if c.Request().Header.Get("If-None-Match") != "" {
						return c.NoContent(http.StatusNotModified)
					}
					return c.String(http.StatusOK, "page")
				}
				e.GET("/", page)
				if !automatic {
					e.HEAD("/", page)
				}
				server := adaptertest.NewClient(t, e, false)
				r, err := http.NewRequest(test.method, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				if test.etag {
					r.Header.Set("If-None-Match", `"1"`)
				}
				resp, err := server.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				want, cookies := test.want, 1
				if full {
					want, cookies = http.StatusServiceUnavailable, 0
				}
				if resp.StatusCode != want || len(resp.Cookies()) != cookies || strings.Contains(string(body), "page") {
					t.Errorf("%s, full %v, automatic %v: %d %q, %d cookies",
						test.what, full, automatic, resp.StatusCode, body, len(resp.Cookies()))
				}
				if !full && s.Calls.Stats().Creates != 1 {
					t.Errorf("%s: nothing is stored", test.what)
				}
			}
		}
	}
}

// upgrades are the ways in which libraries take the connection over.
var upgrades = map[string]func(c *echo.Context, s *cloakroom.Session) (net.Conn, error){
	// as coder/websocket does: the header leaves by the writer
	"WriteHeader first": func(c *echo.Context, _ *cloakroom.Session) (net.Conn, error) {
		c.Response().Header().Set("Connection", "Upgrade")
		c.Response().Header().Set("Upgrade", "test")
		c.Response().WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(c.Response()).Hijack()
		return conn, err
	},
	// as gorilla/websocket does: it writes to the connection
	"Hijack first": func(c *echo.Context, s *cloakroom.Session) (net.Conn, error) {
		if err := s.Save(); err != nil {
			return nil, err
		}
		header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"test"}}
		for _, cookie := range s.Cookies() {
			header.Add("Set-Cookie", cookie.String())
		}
		conn, _, err := c.Response().(http.Hijacker).Hijack()
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
			server := adaptertest.NewClient(t, s.echo(nil, nil, func(c *echo.Context) error {
				session := s.Get(c.Request())
				name.Set(session, "ann")
				conn, err := upgrade(c, session)
				if err != nil {
					t.Error(err)
					return err
				}
				defer conn.Close()
				fmt.Fprint(conn, "hello "+name.Get(session))
				return nil
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

// TestUpgradeRefused: a hijack that would lose the cookie fails, and Echo answers with that
// error; one whose commit fails is a 503.
func TestUpgradeRefused(t *testing.T) {
	for _, full := range []bool{false, true} {
		for how, upgrade := range upgrades {
			s := newSite(t)
			s.Full.Store(full)
			server := adaptertest.NewClient(t, s.echo(nil, nil, func(c *echo.Context) error {
				session := s.Get(c.Request())
				name.Set(session, "ann")
				if !full {
					_, _, err := http.NewResponseController(c.Response()).Hijack()
					return err
				}
				conn, err := upgrade(c, session)
				if err == nil {
					t.Errorf("%s: the connection is taken over", how)
					conn.Close()
				}
				return err
			}), false)
			want := http.StatusInternalServerError
			if full {
				want = http.StatusServiceUnavailable
			}
			if resp, _ := server.Fetch(t, "/"); resp.StatusCode != want {
				t.Errorf("%s, full %v: got %d, want %d", how, full, resp.StatusCode, want)
			}
		}
	}
}

// TestContextTimeout: Echo's limit inside is the answer; what the handler had set is
// committed. Outside it comes after the answer to the error.
func TestContextTimeout(t *testing.T) {
	limit := []echo.MiddlewareFunc{middleware.ContextTimeout(time.Millisecond)}
	for _, outside := range []bool{false, true} {
		s := newSite(t)
		slow := func(c *echo.Context) error {
			name.Set(s.Get(c.Request()), "ann")
			<-c.Request().Context().Done()
			return context.Cause(c.Request().Context())
		}
		e, want := s.echo(nil, limit, slow), http.StatusServiceUnavailable
		if outside {
			e, want = s.echo(limit, nil, slow), http.StatusInternalServerError
		}
		b := &browser{Handler: e}
		if w := b.Get("/"); w.Code != want || !strings.Contains(w.Body.String(), http.StatusText(want)) {
			t.Errorf("outside %v: got %d %q, want %d", outside, w.Code, w.Body, want)
		}
		_, ticket, _ := strings.Cut(b.Cookie, "=")
		session := s.Open(t.Context(), ticket)
		if name.Get(session) != "ann" {
			t.Errorf("outside %v: the session has %q", outside, name.Get(session))
		}
		session.Close()
	}
}

// TestTimeoutHandler: a handler that is too slow, within http.TimeoutHandler outside, still
// commits as a whole.
func TestTimeoutHandler(t *testing.T) {
	s := newSite(t)
	b := &browser{Handler: s.echo(nil, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		return nil
	})}
	b.Get("/")
	ctx, over := context.WithCancel(t.Context()) // in place of a limit, which needs time
	answered, returned := make(chan struct{}), make(chan struct{})
	outside := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { defer close(returned); return next(c) }
	}
	e := s.echo([]echo.MiddlewareFunc{outside}, nil, func(c *echo.Context) error {
		s.Get(c.Request()).Load()
		over()
		<-answered
		name.Set(s.Get(c.Request()), "late")
		return c.String(http.StatusOK, "page")
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header.Set("Cookie", b.Cookie)
	http.TimeoutHandler(e, time.Hour, "").ServeHTTP(w, r)
	close(answered)
	<-returned
	if name := b.Get("/name").Body.String(); w.Code != 503 || w.Body.Len() > 0 || name != "late" {
		t.Errorf("%d %q, then %q", w.Code, w.Body, name)
	}
}

// TestEchosMiddleware: what Echo brings goes on to work, outside and inside.
func TestEchosMiddleware(t *testing.T) {
	var logged, dumped string
	logger := middleware.RequestLoggerConfig{
		LogStatus: true, HandleError: true,
		LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error {
			logged = fmt.Sprint(v.Status, " ", v.Error)
			return nil
		},
	}
	dump := func(_ *echo.Context, _, body []byte, _ error) { dumped = string(body) }
	long := strings.Repeat("page", 1000)
	for what, test := range map[string]struct {
		wrap  echo.MiddlewareFunc
		check func() bool
	}{
		"Gzip":           {middleware.Gzip(), func() bool { return true }},
		"Gzip of length": {middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 10_000}), func() bool { return true }},
		"BodyDump":       {middleware.BodyDump(dump), func() bool { return dumped == long }},
		"RequestLogger":  {middleware.RequestLoggerWithConfig(logger), func() bool { return logged == "202 <nil>" }},
		"Secure":         {middleware.Secure(), func() bool { return true }},
		"CORS":           {middleware.CORS("https://example.com"), func() bool { return true }},
		"RequestID":      {middleware.RequestID(), func() bool { return true }},
	} {
		for _, outside := range []bool{false, true} {
			t.Run(fmt.Sprint(what, ", outside ", outside), func(t *testing.T) {
				s := newSite(t)
				page := func(c *echo.Context) error {
					name.Set(s.Get(c.Request()), "ann")
					return c.String(http.StatusAccepted, long)
				}
				wrap := []echo.MiddlewareFunc{test.wrap}
				e := s.echo(nil, wrap, page)
				if outside {
					e = s.echo(wrap, nil, page)
				}
				server := adaptertest.NewClient(t, e, false)
				r, _ := http.NewRequest(http.MethodGet, server.URL, nil)
				r.Header.Set("Accept-Encoding", "gzip") // set here, the client does not decode
				resp, err := server.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body := io.Reader(resp.Body)
				if resp.Header.Get("Content-Encoding") == "gzip" {
					if body, err = gzip.NewReader(body); err != nil {
						t.Fatal(err)
					}
				}
				got, err := io.ReadAll(body)
				if err != nil || resp.StatusCode != 202 || string(got) != long || len(resp.Cookies()) != 1 || !test.check() {
					t.Errorf("%v, %d, %d bytes, %d cookies, logged %q", err, resp.StatusCode, len(got), len(resp.Cookies()), logged)
				}
			})
		}
	}
}

// TestRequestLogger: it sees the 503 of a failed commit, and the error that a handler
// returned.
func TestRequestLogger(t *testing.T) {
	s := newSite(t)
	var status int
	var err error
	logger := middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		LogStatus: true, HandleError: true,
		LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error {
			status, err = v.Status, v.Error
			return nil
		},
	})
	var answer error
	e := s.echo([]echo.MiddlewareFunc{logger}, nil, func(c *echo.Context) error {
		name.Set(s.Get(c.Request()), "ann")
		return answer
	})
	b := &browser{Handler: e}
	for _, test := range []struct {
		full   bool
		answer error
		want   int
	}{
		{false, nil, 200}, {false, io.EOF, 500}, {false, echo.ErrForbidden, 403},
		{true, nil, 503}, {true, io.EOF, 503}, {true, echo.ErrForbidden, 503},
	} {
		s.Full.Store(test.full)
		answer = test.answer
		b.Cookie = ""
		w := b.Get("/")
		if w.Code != test.want || status != test.want || !errors.Is(err, answer) {
			t.Errorf("full %v, %v: got %d; logged %d, %v", test.full, test.answer, w.Code, status, err)
		}
	}
}
