package cloakfiber_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestEvents: the session is committed before the first event of a stream leaves, which
// goes on with the session; what it changes is stored when it saves, and when it ends.
func TestEvents(t *testing.T) {
	next, ended := make(chan struct{}), make(chan error, 1)
	s := simple(t, func(c fiber.Ctx) error {
		name.Set(cloakfiber.Get(c), "before")
		c.Set("Content-Type", "text/event-stream")
		return cloakfiber.SendStreamWriter(c, func(w *bufio.Writer, s *cloakroom.Session) {
			for _, value := range []string{"first", "second"} {
				fmt.Fprintf(w, "data: %s\n\n", name.Get(s))
				w.Flush()
				<-next
				name.Set(s, value)
				if value == "first" {
					ended <- errors.Join(s.Save(), s.KeepAlive(), s.Reload(), s.Err())
				}
			}
		})
	})
	b := s.browser()
	resp, err := b.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	events.Scan()
	if got := b.stored(); events.Text() != "data: before" || got != ",before" || resp.Header.Get("Cache-Control") != "private" {
		t.Errorf("%q, stored %q, header %v", events.Text(), got, printable(resp.Header))
	}
	next <- struct{}{}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	events.Scan()
	events.Scan()
	if got := b.stored(); events.Text() != "data: first" || got != ",first" {
		t.Errorf("%q, stored %q", events.Text(), got)
	}
	next <- struct{}{}
	for events.Scan() {
	}
	if got := b.stored(); got != ",second" {
		t.Errorf("stored %q", got)
	}
}

// TestStreamTooLate: a stream cannot hand out a ticket any more, and what cannot be
// stored is logged, or where the session has ended, dropped.
func TestStreamTooLate(t *testing.T) {
	for what, test := range map[string]struct {
		write     func(t *testing.T, s *site, x *cloakroom.Session)
		log, then string
	}{
		"a sign-in": {func(t *testing.T, _ *site, x *cloakroom.Session) {
			if err := x.Login("bob"); !errors.Is(err, cloakroom.ErrHeaderSent) {
				t.Error(err)
			}
		}, "is not stored", "ann,set"},
		"a failure": {func(_ *testing.T, s *site, x *cloakroom.Session) {
			s.store.Inject(storetest.OpReplace, refused)
			name.Set(x, "late")
		}, "method=GET pattern=/", "ann,set"},
		"ended": {func(t *testing.T, s *site, x *cloakroom.Session) {
			if _, err := s.m.RevokeOwned(t.Context(), "ann"); err != nil {
				t.Error(err)
			}
			name.Set(x, "late")
		}, "changes were dropped", ","},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
				app.Use(cloakfiber.New(s.m))
				app.Get("/login", func(c fiber.Ctx) error {
					name.Set(cloakfiber.Get(c), "set")
					return cloakfiber.Get(c).Login("ann")
				})
				app.Get("/", func(c fiber.Ctx) error {
					cloakfiber.Get(c).Owner() // it is loaded
					return cloakfiber.SendStreamWriter(c, func(w *bufio.Writer, x *cloakroom.Session) {
						w.WriteString("hello")
						test.write(t, s, x)
					})
				})
				app.Get("/who", who)
			})
			b := s.browser()
			b.get("/login")
			if _, body := b.get("/"); body != "hello" {
				t.Errorf("%q", body)
			}
			if got := b.stored(); got != test.then || !s.log.Has(test.log) {
				t.Errorf("stored %q, logged:\n%s", got, s.log)
			}
		})
	}
}

// TestPlainStream: a session that Fiber's own stream writer uses after the handler is
// finished, which is an error, and never a write.
func TestPlainStream(t *testing.T) {
	returned, used := make(chan struct{}), make(chan error, 1)
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(func(c fiber.Ctx) error {
			defer close(returned)
			return c.Next()
		}, cloakfiber.New(s.m))
		app.Get("/", func(c fiber.Ctx) error {
			x := cloakfiber.Get(c)
			name.Set(x, "ann")
			return c.SendStreamWriter(func(w *bufio.Writer) {
				<-returned
				name.Set(x, "late")
				used <- x.Err()
				w.WriteString("hello")
			})
		})
	})
	resp, body := s.browser().get("/")
	if err := <-used; !errors.Is(err, cloakroom.ErrFinished) || body != "hello" || len(resp.Cookies()) != 1 {
		t.Errorf("%v, %q, %d cookies", err, body, len(resp.Cookies()))
	}
	if !s.log.Has("session used in vain") {
		t.Errorf("logged:\n%s", s.log)
	}
}

// TestStreamReplaced: the stream of a response that was replaced, or that a panic or a
// client that hangs up ended, does not keep the session.
func TestStreamReplaced(t *testing.T) {
	over := make(chan struct{}, 1)
	s := simple(t, func(c fiber.Ctx) error {
		name.Set(cloakfiber.Get(c), "ann")
		err := cloakfiber.SendStreamWriter(c, func(w *bufio.Writer, _ *cloakroom.Session) {
			for {
				if _, err := w.WriteString("hello"); err != nil {
					over <- struct{}{}
					return
				}
			}
		})
		return errors.Join(err, c.SendString("no stream"))
	})
	b := s.browser()
	if _, body := b.get("/"); body != "no stream" || b.stored() != ",ann" {
		t.Errorf("%q, stored %q", body, b.stored())
	}
	<-over
}

// TestStreamHangUp: a client that hangs up ends the stream by an error, and what it had
// changed is stored.
func TestStreamHangUp(t *testing.T) {
	ended := make(chan struct{})
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/", func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "ann")
			x, release := cloakfiber.Hold(c)
			return cloakfiber.SendStreamWriter(c, func(w *bufio.Writer, _ *cloakroom.Session) {
				defer close(ended)
				defer release()
				for w.Flush() == nil {
					io.WriteString(w, "hello")
				}
				name.Set(x, "gone")
				if err := x.Save(); err != nil {
					t.Error(err)
				}
			})
		})
		app.Get("/who", who)
	})
	b := s.browser()
	resp, err := b.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 5))
	resp.Body.Close()
	<-ended
	if got := b.stored(); got != ",gone" {
		t.Errorf("stored %q", got)
	}
}

// TestWebSocket: the answer to an upgrade has the cookie, and the socket goes on with a
// session that is held; one that is not held is finished.
func TestWebSocket(t *testing.T) {
	released := make(chan struct{}, 1)
	upgrader := websocket.FastHTTPUpgrader{}
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(func(c fiber.Ctx) error {
			err := c.Next()
			if c.Path() == "/plain" {
				released <- struct{}{} // the handlers have returned
			}
			return err
		}, cloakfiber.New(s.m))
		app.Get("/held", func(c fiber.Ctx) error {
			x, release := cloakfiber.Hold(c)
			name.Set(x, "before")
			return upgrader.Upgrade(c.RequestCtx(), func(conn *websocket.Conn) {
				defer conn.Close()
				conn.WriteMessage(websocket.TextMessage, []byte("hello "+name.Get(x)))
				name.Set(x, "after")
				release()
				release() // does nothing
				released <- struct{}{}
				if err := x.Load(); !errors.Is(err, cloakroom.ErrFinished) {
					t.Error(err)
				}
			})
		})
		app.Get("/plain", func(c fiber.Ctx) error {
			x := cloakfiber.Get(c)
			name.Set(x, "plain")
			return upgrader.Upgrade(c.RequestCtx(), func(conn *websocket.Conn) {
				defer conn.Close()
				<-released
				name.Set(x, "late")
				conn.WriteMessage(websocket.TextMessage, []byte(fmt.Sprint(errors.Is(x.Err(), cloakroom.ErrFinished))))
			})
		})
		app.Get("/who", who)
	})
	b := s.browser()
	dialer := websocket.Dialer{Jar: b.Jar}
	dial := func(path string) string {
		conn, resp, err := dialer.Dial(strings.Replace(s.url, "http", "ws", 1)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
		_, message, err := conn.ReadMessage()
		if err != nil {
			t.Error(err)
		}
		return string(message)
	}
	if got := dial("/held"); got != "hello before" {
		t.Errorf("%q", got)
	}
	<-released
	if got := b.stored(); got != ",after" {
		t.Errorf("stored %q", got)
	}
	if got := dial("/plain"); got != "true" || b.stored() != ",plain" {
		t.Errorf("finished: %s, stored %q", got, b.stored())
	}
}

// TestHoldBriefly: what is changed after a release, while the handler still runs, is
// committed with it.
func TestHoldBriefly(t *testing.T) {
	s := simple(t, func(c fiber.Ctx) error {
		x, release := cloakfiber.Hold(c)
		release()
		name.Set(x, "ann")
		return nil
	})
	b := s.browser()
	b.get("/")
	if got := b.stored(); got != ",ann" {
		t.Errorf("stored %q", got)
	}
}

// TestOutside: middleware outside has the session once the middleware has returned, but
// it is finished.
func TestOutside(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(func(c fiber.Ctx) error {
			err := c.Next()
			held, release := cloakfiber.Hold(c)
			defer release()
			if late := errors.Join(cloakfiber.Get(c).Load(), held.Err()); !errors.Is(late, cloakroom.ErrFinished) {
				t.Error(late)
			}
			if c.Path() != "/stream" {
				return err
			}
			return errors.Join(err, cloakfiber.SendStreamWriter(c, func(_ *bufio.Writer, x *cloakroom.Session) {
				if err := x.Load(); !errors.Is(err, cloakroom.ErrFinished) {
					t.Error(err)
				}
			}))
		}, cloakfiber.New(s.m))
		app.Get("/untouched", func(fiber.Ctx) error { return nil })
		app.Get("/stream", func(fiber.Ctx) error { return nil })
		app.Get("/touched", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
	})
	for _, path := range []string{"/untouched", "/touched", "/stream"} {
		s.browser().get(path)
	}
	if s.log.Has("is not stored") {
		t.Errorf("logged:\n%s", s.log)
	}
}
