package cloakfiber_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/cache"
	"github.com/gofiber/fiber/v3/middleware/compress"
	"github.com/gofiber/fiber/v3/middleware/etag"
	recoverer "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/timeout"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
)

// sides runs a test with middleware inside and outside of this one.
func sides(t *testing.T, other fiber.Handler, build routes, test func(t *testing.T, inside bool, s *site)) {
	for _, inside := range []bool{true, false} {
		what := "outside"
		if inside {
			what = "inside"
		}
		t.Run(what, func(t *testing.T) {
			test(t, inside, newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
				if inside {
					app.Use(cloakfiber.New(s.m), other)
				} else {
					app.Use(other, cloakfiber.New(s.m))
				}
				app.Get("/set", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "ann"); return nil })
				app.Get("/who", who)
				build(app, s)
			}))
		})
	}
}

// TestRecover: a panic drops what was not committed, and leaves what the handler had
// committed by itself, with its cookie. A recover middleware inside answers within this
// one, and so has to discard.
func TestRecover(t *testing.T) {
	sides(t, recoverer.New(), func(app *fiber.App, _ *site) {
		app.Get("/panic", func(c fiber.Ctx) error {
			c.Set("X-Handler", "1")
			name.Set(cloakfiber.Get(c), "late")
			panic("on purpose")
		})
		app.Get("/saved", func(c fiber.Ctx) error {
			s := cloakfiber.Get(c)
			if err := errors.Join(s.Login("ann"), s.Save()); err != nil {
				t.Error(err)
			}
			name.Set(s, "late")
			panic(errors.New("on purpose"))
		})
		app.Get("/alone", func(fiber.Ctx) error { panic("on purpose") })
	}, func(t *testing.T, inside bool, s *site) {
		late := ""
		if inside {
			late = "late"
		}
		b := s.browser()
		for _, step := range []struct{ path, want string }{
			{"/alone", ","}, {"/panic", "," + late}, {"/saved", "ann," + late},
		} {
			if resp, _ := b.get(step.path); resp.StatusCode != 500 {
				t.Errorf("%s: status %d", step.path, resp.StatusCode)
			}
			if got := b.stored(); got != step.want {
				t.Errorf("%s: stored %q, want %q", step.path, got, step.want)
			}
		}
	})
}

// TestRecoverDiscards: a recover middleware inside that discards stores nothing.
func TestRecoverDiscards(t *testing.T) {
	discard := func(c fiber.Ctx) (err error) {
		defer func() {
			if p := recover(); p != nil {
				cloakfiber.Get(c).Discard()
				err = fiber.ErrInternalServerError
			}
		}()
		return c.Next()
	}
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m), discard)
		app.Get("/panic", func(c fiber.Ctx) error { name.Set(cloakfiber.Get(c), "late"); panic("on purpose") })
		app.Get("/who", who)
	})
	b := s.browser()
	if resp, _ := b.get("/panic"); resp.StatusCode != 500 || len(resp.Cookies()) > 0 || b.stored() != "," {
		t.Errorf("status %d, stored %q", resp.StatusCode, b.stored())
	}
}

// TestErrors: the response that Fiber makes of a handler's error is committed like any
// other, and the application's ErrorHandler has the session; if it panics, nothing is
// committed.
func TestErrors(t *testing.T) {
	config := fiber.Config{ErrorHandler: func(c fiber.Ctx, err error) error {
		if c.Path() == "/panic" {
			panic("on purpose")
		}
		if c.Path() == "/fails" {
			return err
		}
		c.Set("Cache-Control", "public")
		return c.Status(fiber.StatusTeapot).SendString(name.Get(cloakfiber.Get(c)))
	}}
	failing := func(c fiber.Ctx) error {
		name.Set(cloakfiber.Get(c), c.Path()[1:])
		return errors.New("on purpose")
	}
	s := newSite(t, config, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(func(c fiber.Ctx) (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = c.SendStatus(fiber.StatusInternalServerError)
				}
			}()
			if err := c.Next(); err != nil {
				t.Errorf("middleware outside sees %v", err)
			}
			return nil
		}, cloakfiber.New(s.m))
		app.Get("/shown", failing)
		app.Get("/fails", failing)
		app.Get("/panic", failing)
		app.Get("/who", who)
	})
	b := s.browser()
	resp, body := b.get("/shown")
	if resp.StatusCode != fiber.StatusTeapot || body != "shown" || b.stored() != ",shown" || resp.Header.Get("Cache-Control") != "private" {
		t.Errorf("%d %q, header %v, stored %q", resp.StatusCode, body, printable(resp.Header), b.stored())
	}
	for path, want := range map[string]string{"/absent": "shown", "/panic": "Internal Server Error"} {
		if _, body := b.get(path); body != want || b.stored() != ",shown" {
			t.Errorf("%s: %q, stored %q", path, body, b.stored())
		}
	}
	if resp, _ := b.get("/fails"); resp.StatusCode != 500 || b.stored() != ",fails" {
		t.Errorf("status %d, stored %q", resp.StatusCode, b.stored())
	}
}

// TestHeadAndEtag: a response without a body is committed like any other, and its cookie
// leaves.
func TestHeadAndEtag(t *testing.T) {
	sides(t, etag.New(), func(app *fiber.App, _ *site) {
		app.Get("/", func(c fiber.Ctx) error {
			s := cloakfiber.Get(c)
			if err := s.Renew(); err != nil {
				t.Error(err)
			}
			return c.SendString("hello")
		})
	}, func(t *testing.T, _ bool, s *site) {
		b := s.browser()
		b.get("/set")
		resp, _ := b.get("/")
		for _, method := range []string{"GET", "HEAD"} {
			before := b.ticket()
			again, body := b.do(method, "/", "If-None-Match", resp.Header.Get("Etag"))
			if again.StatusCode != 304 || body != "" || b.ticket() == before || again.Header.Get("Vary") != "Cookie" {
				t.Errorf("%s: %d, a new ticket: %v", method, again.StatusCode, b.ticket() != before)
			}
			before = b.ticket()
			if again, body := b.do(method, "/"); again.StatusCode != 200 || b.ticket() == before || (body == "") != (method == "HEAD") {
				t.Errorf("%s: %d %q, a new ticket: %v", method, again.StatusCode, body, b.ticket() != before)
			}
			if got := b.stored(); got != ",ann" {
				t.Errorf("stored %q", got)
			}
		}
	})
}

// TestNotModifiedFile: fasthttp's answer that a file is not modified has the cookie.
func TestNotModifiedFile(t *testing.T) {
	s := simple(t, func(c fiber.Ctx) error {
		name.Set(cloakfiber.Get(c), "ann")
		return c.SendFile("go.mod")
	})
	b := s.browser()
	future := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Format("Mon, 02 Jan 2006 15:04:05 GMT")
	if resp, _ := b.get("/", "If-Modified-Since", future); resp.StatusCode != 304 || b.stored() != ",ann" {
		t.Errorf("status %d, stored %q", resp.StatusCode, b.stored())
	}
}

// TestCompress: what is sent compressed is committed.
func TestCompress(t *testing.T) {
	sides(t, compress.New(), func(app *fiber.App, _ *site) {
		app.Get("/", func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "ann")
			return c.SendString(string(make([]byte, 10_000)))
		})
	}, func(t *testing.T, _ bool, s *site) {
		b := s.browser()
		resp, _ := b.get("/", "Accept-Encoding", "gzip")
		if resp.Header.Get("Content-Encoding") != "gzip" || b.stored() != ",ann" {
			t.Errorf("header %v, stored %q", printable(resp.Header), b.stored())
		}
	})
}

// TestCache: Fiber's cache, outside, does not keep what depends on a session, and keeps
// what does not.
func TestCache(t *testing.T) {
	made := map[string]int{}
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cache.New(), cloakfiber.New(s.m))
		app.Get("/set", func(c fiber.Ctx) error { made["set"]++; name.Set(cloakfiber.Get(c), "ann"); return c.SendString("set") })
		app.Get("/read", func(c fiber.Ctx) error {
			made["read"]++
			c.Set("Cache-Control", "public, max-age=60")
			return c.SendString(name.Get(cloakfiber.Get(c)))
		})
		app.Get("/alone", func(c fiber.Ctx) error { made["alone"]++; return c.SendString("hello") })
	})
	b := s.browser()
	for range 3 {
		b.get("/set")
		if _, got := b.get("/read"); got != "ann" {
			t.Errorf("read %q", got)
		}
		if _, got := s.browser().get("/read"); got != "" {
			t.Errorf("another browser reads %q", got)
		}
		b.get("/alone")
	}
	if made["set"] != 3 || made["read"] != 6 || made["alone"] != 1 {
		t.Errorf("made %v", made)
	}
}

// late returns a configuration of middleware/timeout whose time is over once the handler
// has arrived at some place: Fiber goes on with the response without waiting for it.
func late(arrived <-chan struct{}) timeout.Config {
	return timeout.Config{Timeout: time.Millisecond, OnTimeout: func(fiber.Ctx) error {
		<-arrived
		return fiber.ErrRequestTimeout
	}}
}

// TestTimeoutInside: where middleware/timeout inside has answered, nothing of what the
// handler changed is committed, but what it had saved by itself, whose cookie leaves;
// afterwards it has no session.
func TestTimeoutInside(t *testing.T) {
	for path, want := range map[string]string{"/late": ",", "/saved": "ann,"} {
		arrived, answered, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
			app.Use(cloakfiber.New(s.m))
			app.Get("/who", who)
			app.Get(path, timeout.New(func(c fiber.Ctx) error {
				s := cloakfiber.Get(c)
				if path == "/saved" {
					if err := errors.Join(s.Login("ann"), s.Save()); err != nil {
						t.Error(err)
					}
				}
				name.Set(s, "late")
				close(arrived)
				<-answered
				name.Set(s, "later")
				ended <- errors.Join(s.Err(), s.Save())
				return c.SendString("too late")
			}, late(arrived)))
		})
		b := s.browser()
		resp, _ := b.get(path)
		close(answered)
		if resp.StatusCode != 408 {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
		if err := <-ended; !errors.Is(err, cloakroom.ErrFinished) {
			t.Errorf("%s: the session of the late handler: %v", path, err)
		}
		if got := b.stored(); got != want {
			t.Errorf("%s: stored %q, want %q", path, got, want)
		}
	}
}

// TestTimeoutOutside: where middleware/timeout outside has answered, nothing is
// committed, since the client was told otherwise. A handler that is in time is.
func TestTimeoutOutside(t *testing.T) {
	arrived, answered, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		middleware := cloakfiber.New(s.m)
		app.Get("/slow", timeout.New(func(c fiber.Ctx) error {
			defer close(ended)
			return middleware(c)
		}, late(arrived)), func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "late")
			close(arrived)
			<-answered
			return c.SendString("too late")
		})
		app.Get("/fast", timeout.New(middleware, timeout.Config{Timeout: time.Minute}), func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), "ann")
			return nil
		})
		app.Get("/who", middleware, who)
	})
	b := s.browser()
	b.get("/fast")
	if got := b.stored(); got != ",ann" {
		t.Errorf("in time: stored %q", got)
	}
	resp, _ := b.get("/slow")
	close(answered)
	<-ended
	if got := b.stored(); resp.StatusCode != 408 || got != ",ann" {
		t.Errorf("status %d, stored %q", resp.StatusCode, got)
	}
}

// TestAbandoned: a context that the application itself keeps from being used again is
// no time-out.
func TestAbandoned(t *testing.T) {
	s := simple(t, func(c fiber.Ctx) error {
		c.Abandon()
		name.Set(cloakfiber.Get(c), "ann")
		return nil
	})
	b := s.browser()
	b.get("/")
	if got := b.stored(); got != ",ann" {
		t.Errorf("stored %q", got)
	}
}
