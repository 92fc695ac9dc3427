package cloakfiber_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestCost: a request that leaves its session alone makes no call of the store and sets
// no header; a read makes one call, a change one more.
func TestCost(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/alone", func(c fiber.Ctx) error { return c.SendString("hello") })
		app.Get("/asked", func(c fiber.Ctx) error { cloakfiber.Get(c); return nil })
		app.Get("/read", func(c fiber.Ctx) error { return c.SendString(name.Get(cloakfiber.Get(c))) })
		app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
	})
	b := s.browser()
	b.get("/set")
	for path, want := range map[string]struct {
		calls countstore.Stats
		vary  string
	}{
		"/alone":  {countstore.Stats{}, ""},
		"/asked":  {countstore.Stats{}, ""},
		"/absent": {countstore.Stats{}, ""},
		"/read":   {countstore.Stats{Loads: 1}, "Cookie"},
		"/set":    {countstore.Stats{Loads: 1, Replaces: 1}, "Cookie"},
	} {
		var resp *http.Response
		calls := s.cost(func() { resp, _ = b.get(path) })
		h := resp.Header
		private := h.Get("Cache-Control") == "private"
		if calls != want.calls || h.Get("Vary") != want.vary || private != (want.vary != "") || len(h["Set-Cookie"]) > 0 {
			t.Errorf("%s: calls %+v, header %v", path, calls, printable(h))
		}
	}
	if calls := s.cost(func() { s.browser().get("/read", "Cookie", "session=no-ticket") }); calls != (countstore.Stats{}) {
		t.Errorf("a cookie that is no ticket cost %+v", calls)
	}
}

// TestNoLostUpdates: requests of one session at once lose no change.
func TestNoLostUpdates(t *testing.T) {
	const visits = cloakroom.Key[int]("visits")
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/", func(c fiber.Ctx) error {
			n, err := visits.UpdateNow(cloakfiber.Get(c), func(n int) int { return n + 1 })
			return errors.Join(err, c.SendString(fmt.Sprint(n)))
		})
	})
	b := s.browser()
	b.get("/")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { b.get("/") })
	}
	all.Wait()
	if _, n := b.get("/"); n != "52" {
		t.Errorf("%s visits, want 52", n)
	}
}

// TestFailedCommit: after a commit that fails, nothing of the handler's leaves; what
// middleware outside has set does.
func TestFailedCommit(t *testing.T) {
	const secret = "SECRET"
	handler := func(c fiber.Ctx) error {
		name.Set(cloakfiber.Get(c), "ann")
		c.Set("X-Handler", secret)
		c.Set("Cache-Control", "public")
		c.Cookie(&fiber.Cookie{Name: "handler", Value: secret})
		if err := c.Response().Header.AddTrailer("X-Trailer"); err != nil {
			t.Error(err)
		}
		c.Response().Header.Set("X-Trailer", secret)
		return c.SendString(secret)
	}
	for what, h := range map[string]fiber.Handler{
		"a body": handler,
		"an error": func(c fiber.Ctx) error {
			return errors.Join(handler(c), fiber.NewError(fiber.StatusTeapot, secret))
		},
		"a stream": func(c fiber.Ctx) error {
			err := handler(c)
			return errors.Join(err, c.SendStreamWriter(func(w *bufio.Writer) { w.WriteString(secret) }))
		},
		"a stream with the session": func(c fiber.Ctx) error {
			err := handler(c)
			return errors.Join(err, cloakfiber.SendStreamWriter(c, func(*bufio.Writer, *cloakroom.Session) {
				t.Error("the stream runs")
			}))
		},
		"a file": func(c fiber.Ctx) error { return errors.Join(handler(c), c.SendFile("go.mod")) },
		"a hijack": func(c fiber.Ctx) error {
			c.RequestCtx().Hijack(func(net.Conn) { t.Error("hijacked") })
			c.RequestCtx().HijackSetNoResponse(true)
			return handler(c)
		},
	} {
		for kind, cfg := range map[string][]cloakfiber.Config{
			"": nil,
			"own ErrorHandler": {{ErrorHandler: func(c fiber.Ctx, err error) error {
				if !errors.Is(err, cloakroom.ErrRefused) {
					t.Error(err)
				}
				c.Set("X-Error", "kept")
				return c.Status(fiber.StatusBadGateway).SendString("sorry")
			}}},
			"ErrorHandler that fails": {{ErrorHandler: func(c fiber.Ctx, err error) error {
				return errors.Join(err, c.SendString(secret))
			}}},
		} {
			t.Run(what+" "+kind, func(t *testing.T) {
				s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
					app.Use(func(c fiber.Ctx) error {
						c.Set("X-Outer", "kept")
						c.Set("CDN-Cache-Control", "public")
						return c.Next()
					})
					app.Use(cloakfiber.New(s.m, cfg...))
					app.Get("/:id", h)
				})
				s.store.Inject(storetest.OpCreate, refused)
				resp, body := s.browser().get("/7?x=" + secret)
				status, text := fiber.StatusServiceUnavailable, "Service Unavailable"
				if kind == "own ErrorHandler" {
					status, text = fiber.StatusBadGateway, "sorry"
				}
				h := resp.Header
				if resp.StatusCode != status || body != text || strings.Contains(fmt.Sprint(h, resp.Trailer), secret) {
					t.Errorf("%d %q, header %v, trailer %v", resp.StatusCode, body, printable(h), resp.Trailer)
				}
				if h.Get("X-Outer") != "kept" || h.Get("Cache-Control") != "no-store" || h.Get("CDN-Cache-Control") != "no-store" || len(resp.Cookies()) > 0 {
					t.Errorf("header %v", printable(h))
				}
				if want := "method=GET pattern=/:id"; !s.log.Has("response not sent") || !s.log.Has(want) || s.log.Has(secret) {
					t.Errorf("logged:\n%s", s.log)
				}
			})
		}
	}
}

// TestFailedLoad: a response that was made of a session that could not be loaded is not
// sent, and with Require the handler does not run.
func TestFailedLoad(t *testing.T) {
	ran := false
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Get("/outside", cloakfiber.Require, func(fiber.Ctx) error { t.Error("it runs"); return nil })
		app.Use(cloakfiber.New(s.m))
		app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
		app.Get("/read", func(c fiber.Ctx) error { return c.SendString("name: " + name.Get(cloakfiber.Get(c))) })
		app.Get("/charge", cloakfiber.Require, func(c fiber.Ctx) error { ran = true; return nil })
	})
	b := s.browser()
	b.get("/set")
	for _, path := range []string{"/read", "/charge"} {
		s.store.Inject(storetest.OpLoad, refused)
		if resp, body := b.get(path); resp.StatusCode != 503 || body != "Service Unavailable" || ran {
			t.Errorf("%s: %d %q, ran %v", path, resp.StatusCode, body, ran)
		}
	}
	if resp, _ := b.get("/charge"); resp.StatusCode != 200 || !ran {
		t.Errorf("status %d, ran %v", resp.StatusCode, ran)
	}
	if resp, _ := b.get("/outside"); resp.StatusCode != 503 {
		t.Errorf("Require without the middleware: %d", resp.StatusCode)
	}
}

// TestEnded: changes of a session that ended meanwhile are dropped, and the response
// goes out without a cookie.
func TestEnded(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/login", func(c fiber.Ctx) error { return cloakfiber.Get(c).Login("ann") })
		app.Get("/slow", func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "late")
			if _, err := s.m.RevokeOwned(c, "ann"); err != nil {
				t.Error(err)
			}
			return c.SendString("done")
		})
		app.Get("/who", who)
	})
	b := s.browser()
	b.get("/login")
	resp, body := b.get("/slow")
	if resp.StatusCode != 200 || body != "done" || len(resp.Cookies()) > 0 || !s.log.Has("changes were dropped") {
		t.Errorf("%d %q, header %v, logged:\n%s", resp.StatusCode, body, printable(resp.Header), s.log)
	}
	if got := b.stored(); got != "," {
		t.Errorf("it lives on: %q", got)
	}
}

// TestSignInAndOut: both change the cookie, and the old ticket is dead.
func TestSignInAndOut(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
		app.Get("/login", func(c fiber.Ctx) error { return cloakfiber.Get(c).Login(c.Query("user")) })
		app.Get("/logout", func(c fiber.Ctx) error { return cloakfiber.Get(c).Logout() })
		app.Get("/who", who)
	})
	b := s.browser()
	b.get("/set")
	old := b.ticket()
	b.get("/login?user=u-17")
	if got := b.stored(); got != "u-17,ann" || b.ticket() == old {
		t.Errorf("signed in: %q, a new ticket: %v", got, b.ticket() != old)
	}
	if _, got := s.browser().get("/who", "Cookie", "session="+old); got != "," {
		t.Errorf("the old ticket: %q", got)
	}
	several := "other=1; session=no-ticket; session=" + b.ticket()
	if _, got := s.browser().get("/who", "Cookie", several); got != "u-17,ann" {
		t.Errorf("behind another cookie of that name: %q", got)
	}
	resp, _ := b.get("/logout")
	if b.ticket() != "" || len(resp.Cookies()) != 1 || b.stored() != "," {
		t.Errorf("signed out: %v", printable(resp.Header))
	}
	if s.log.Has(old) {
		t.Error("a ticket was logged")
	}
}

// TestVisitor: a sign-in notes the address and the browser, which are copied.
func TestVisitor(t *testing.T) {
	s := newSite(t, fiber.Config{TrustProxy: true, TrustProxyConfig: fiber.TrustProxyConfig{Loopback: true}, ProxyHeader: "X-Real-Ip"}, cloakroom.Options{},
		func(app *fiber.App, s *site) {
			app.Use(cloakfiber.New(s.m))
			app.Get("/login", func(c fiber.Ctx) error { return cloakfiber.Get(c).Login("ann") })
		})
	s.browser().get("/login", "User-Agent", "browser/1", "X-Real-Ip", "192.0.2.7")
	for info, err := range s.m.Owned(t.Context(), "ann") {
		if err != nil || info.IP != "192.0.2.7" || info.UserAgent != "browser/1" {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

// TestCookieLines: a ticket is found in any of several Cookie headers, and twins are
// cleared beside the cookie that is set.
func TestCookieLines(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{ClearDomains: []string{"example.org"}}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
		app.Get("/login", func(c fiber.Ctx) error { return cloakfiber.Get(c).Login("ann") })
		app.Get("/who", who)
	})
	b := s.browser()
	b.get("/set")
	raw := func(path string) string {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nCookie: a=1; session=bad\r\nCookie: session=%s\r\nConnection: close\r\n\r\n", path, b.ticket())
		var answer strings.Builder
		bufio.NewReader(conn).WriteTo(&answer)
		return answer.String()
	}
	if got := raw("/who"); !strings.HasSuffix(got, ",ann") {
		t.Errorf("%q", got)
	}
	if got := raw("/login"); strings.Count(got, "Set-Cookie: session=") != 2 || !strings.Contains(got, "Domain=example.org") {
		t.Error("a twin is not cleared, beside the cookie that is set")
	}
}

// TestRequestHeader: where tickets come in a header, no cookie is read or set.
func TestRequestHeader(t *testing.T) {
	for header, value := range map[string]string{"Authorization": "bearer %", "X-Ticket": "%"} {
		s := newSite(t, fiber.Config{}, cloakroom.Options{RequestHeader: header}, func(app *fiber.App, s *site) {
			app.Use(cloakfiber.New(s.m))
			app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
			app.Get("/logout", func(c fiber.Ctx) error { return cloakfiber.Get(c).Logout() })
			app.Get("/who", who)
		})
		b := s.browser()
		resp, _ := b.get("/set")
		ticket := resp.Header.Get("Session-Ticket")
		if ticket == "" || len(resp.Cookies()) > 0 || resp.Header.Get("Vary") != header {
			t.Errorf("%s: a ticket: %v, %d cookies, Vary %q", header, ticket != "", len(resp.Cookies()), resp.Header.Get("Vary"))
		}
		value = strings.Replace(value, "%", ticket, 1)
		if _, got := b.get("/who", header, value); got != ",ann" {
			t.Errorf("%s: %q", header, got)
		}
		if _, got := b.get("/who", header, "Basic "+ticket, "Cookie", "session="+ticket); got != "," {
			t.Errorf("%s: by another scheme and a cookie: %q", header, got)
		}
		resp, _ = b.get("/logout", header, value)
		if lines := resp.Header.Values("Session-Ticket"); len(lines) != 1 || lines[0] != "" {
			t.Errorf("%s: signed out: %d lines", header, len(lines))
		}
	}
}

// TestOptionsCookie: what the adapter cannot do is refused.
func TestOptionsCookie(t *testing.T) {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	m, err := cloakroom.New(store, cloakroom.Options{Cookie: func(*http.Request, *http.Cookie) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("New takes a manager with Options.Cookie")
		}
	}()
	cloakfiber.New(m)
}

// TestNoMiddleware: a session without the middleware is an error, and no panic.
func TestNoMiddleware(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, _ *site) {
		app.Get("/", func(c fiber.Ctx) error {
			if err := cloakfiber.Get(c).Load(); !errors.Is(err, cloakroom.ErrNoMiddleware) {
				t.Error(err)
			}
			x, release := cloakfiber.Hold(c)
			defer release()
			if err := x.Load(); !errors.Is(err, cloakroom.ErrNoMiddleware) {
				t.Error(err)
			}
			return cloakfiber.SendStreamWriter(c, func(_ *bufio.Writer, x *cloakroom.Session) {
				if err := x.Load(); !errors.Is(err, cloakroom.ErrNoMiddleware) {
					t.Error(err)
				}
			})
		})
	})
	s.browser().get("/")
}

// TestNested: the middleware in itself is one, and that of another manager is another.
func TestNested(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		other, err := cloakroom.New(s.calls, cloakroom.Options{CookieName: "other", InsecureCookie: true})
		if err != nil {
			t.Fatal(err)
		}
		around := func(c fiber.Ctx) error {
			before := cloakfiber.Get(c)
			err := c.Next()
			if cloakfiber.Get(c) != before {
				t.Error("around the inner middleware is its session")
			}
			return err
		}
		app.Use(cloakfiber.New(s.m), around, cloakfiber.New(s.m), func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "ann")
			return c.Next()
		}, cloakfiber.New(other))
		app.Get("/", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "bob"); return nil })
	})
	resp, _ := s.browser().get("/")
	var names []string
	for _, c := range resp.Cookies() {
		names = append(names, c.Name)
	}
	if fmt.Sprint(names) != "[other session]" {
		t.Errorf("cookies %v", names)
	}
}

// TestHangUp: a client that hangs up does not keep what was changed from being stored.
func TestHangUp(t *testing.T) {
	arrived, gone, committed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(func(c fiber.Ctx) error {
			err := c.Next()
			if c.Path() == "/slow" {
				close(committed)
			}
			return err
		}, cloakfiber.New(s.m))
		app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
		app.Get("/slow", func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "bob")
			close(arrived)
			<-gone
			return nil
		})
		app.Get("/who", who)
	})
	b := s.browser()
	b.get("/set")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: x\r\nCookie: session=%s\r\n\r\n", b.ticket())
	<-arrived
	conn.Close()
	close(gone)
	<-committed
	if got := b.stored(); got != ",bob" {
		t.Errorf("stored %q", got)
	}
}

// TestRefresh: with a profile that asks for it, every request of a session uses it.
func TestRefresh(t *testing.T) {
	p := &cloakroom.Profile{
		ID:     func(ticket string) (string, bool) { return "id-" + ticket, len(ticket) == 26 },
		NewID:  func() string { return "id-" + rand.Text() },
		Ticket: func(id string) string { return strings.TrimPrefix(id, "id-") }, OwnerName: "owner",
		RefreshEachRequest: true,
	}
	options := cloakroom.Options{Profile: p, Persistent: true}
	s := newSite(t, fiber.Config{}, options, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
		app.Get("/alone", func(fiber.Ctx) error { return nil })
	})
	b := s.browser()
	b.get("/set")
	for what, test := range map[string]struct {
		b       *browser
		calls   countstore.Stats
		cookies int
	}{
		"a session": {b, countstore.Stats{Loads: 1, Touches: 1}, 1},
		"none":      {s.browser(), countstore.Stats{}, 0},
	} {
		var resp *http.Response
		calls := s.cost(func() { resp, _ = test.b.get("/alone") })
		if calls != test.calls || len(resp.Cookies()) != test.cookies {
			t.Errorf("%s: calls %+v, header %v", what, calls, printable(resp.Header))
		}
	}
}

// TestCommitPanics: a store that panics leaves nothing of the handler's to middleware
// outside that recovers.
func TestCommitPanics(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(func(c fiber.Ctx) (err error) {
			defer func() {
				if recover() != nil {
					err = fiber.ErrInternalServerError
				}
			}()
			c.Set("X-Outer", "kept")
			return c.Next()
		}, cloakfiber.New(s.m))
		app.Get("/", func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "ann")
			c.Set("X-Handler", "1")
			return c.SendString("hello")
		})
	})
	s.store.Inject(storetest.OpCreate, storetest.Before(func(context.Context) { panic("on purpose") }))
	resp, body := s.browser().get("/")
	if resp.StatusCode != 500 || body == "hello" || resp.Header.Get("X-Handler") != "" || resp.Header.Get("X-Outer") != "kept" || len(resp.Cookies()) > 0 {
		t.Errorf("%d %q, header %v", resp.StatusCode, body, printable(resp.Header))
	}
}

// TestEnd: a handler that sends the response by itself, before the middleware can, has
// to save and to hand out the cookie by itself.
func TestEnd(t *testing.T) {
	s := simple(t, func(c fiber.Ctx) error {
		x := cloakfiber.Get(c)
		name.Set(x, "ann")
		if err := x.Save(); err != nil {
			return err
		}
		for _, cookie := range x.Cookies() {
			c.Response().Header.Add("Set-Cookie", cookie.String())
		}
		return errors.Join(c.SendString("hello"), c.End())
	})
	b := s.browser()
	if _, body := b.get("/"); body != "hello" || b.stored() != ",ann" {
		t.Errorf("%q, stored %q", body, b.stored())
	}
}

// TestTakenCookie: a handler that hands out the cookie by itself does not double it.
func TestTakenCookie(t *testing.T) {
	s := simple(t, func(c fiber.Ctx) error {
		x := cloakfiber.Get(c)
		name.Set(x, "ann")
		if err := x.Save(); err != nil {
			return err
		}
		c.Response().Header.Add("Set-Cookie", x.Cookie().String())
		c.Response().Header.Add("Set-Cookie", "other=1")
		return nil
	})
	b := s.browser()
	if resp, _ := b.get("/"); len(resp.Cookies()) != 2 || b.stored() != ",ann" {
		t.Errorf("%d cookies, stored %q", len(resp.Cookies()), b.stored())
	}
}
