package cloakfiber_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/event"
)

// overwrite does what fasthttp does with the memory of a string that it lends, once the
// request is over.
func overwrite(lent string) {
	bytes := unsafe.Slice(unsafe.StringData(lent), len(lent))
	for i := range bytes {
		bytes[i] = '#'
	}
}

// TestLent: strings that Fiber lends are set in the session, and used again by fasthttp
// once the session is committed. Neither what is stored nor what a stream goes on with
// changes.
func TestLent(t *testing.T) {
	const kind = cloakroom.Key[string]("kind")
	seen := make(chan string, 1)
	var events []event.Event
	var mu sync.Mutex
	options := cloakroom.Options{Events: func(_ context.Context, e event.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}}
	s := newSite(t, fiber.Config{}, options, func(app *fiber.App, s *site) {
		var lent []string
		app.Use(func(c fiber.Ctx) error {
			lent = []string{c.Query("name"), c.Query("user"), c.Get("User-Agent"), c.Get("Cookie"), c.Query("kind")}
			err := c.Next()
			if c.Path() == "/set" {
				for _, text := range lent {
					overwrite(text)
				}
			}
			return err
		}, cloakfiber.New(s.m))
		app.Get("/new", func(c fiber.Ctx) error { kind.Set(cloakfiber.Get(c), "new"); return nil })
		app.Get("/set", func(c fiber.Ctx) error {
			x := cloakfiber.Get(c)
			if c.Query("user") != "" {
				if err := x.Login(c.Query("user")); err != nil {
					return err
				}
			}
			name.Set(x, c.Query("name"))
			x.Flash("info", c.Query("name"))
			kind.Update(x, func(string) string { return c.Query("kind") })
			return cloakfiber.SendStreamWriter(c, func(_ *bufio.Writer, x *cloakroom.Session) {
				got := fmt.Sprint(x.Owner(), name.Get(x), kind.Get(x))
				name.Set(x, "then "+name.Get(x))
				got += fmt.Sprint(errors.Join(x.Save(), x.Reload()), x.Owner(), name.Get(x))
				seen <- got
			})
		})
		app.Get("/who", who)
		app.Get("/flashes", func(c fiber.Ctx) error { return c.JSON(cloakfiber.Get(c).Flashes()) })
	})
	b := s.browser()
	b.get("/new")
	for _, query := range []string{"user=u17&name=red&kind=a", "name=blue&kind=b", "user=u17&name=green&kind=c"} {
		b.get("/set?"+query, "User-Agent", "browser/1")
		colour := map[string]string{"user=u17&name=red&kind=a": "red a", "name=blue&kind=b": "blue b", "user=u17&name=green&kind=c": "green c"}[query]
		var word, letter string
		fmt.Sscan(colour, &word, &letter)
		if got, want := <-seen, fmt.Sprint("u17", word, letter)+fmt.Sprint(nil, "u17", "then "+word); got != want {
			t.Errorf("the stream had %q, want %q", got, want)
		}
		if got, want := b.stored(), "u17,then "+word; got != want {
			t.Errorf("stored %q, want %q", got, want)
		}
		if _, got := b.get("/flashes"); got != fmt.Sprintf(`[{"Category":"info","Message":%q}]`, word) {
			t.Errorf("flash messages %s", got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(events) == 0 {
		t.Error("no events")
	}
	for _, e := range events {
		if text := fmt.Sprint(e.Owner, e.IP, e.UserAgent); strings.Contains(text, "#") {
			t.Errorf("the event %v has %s", e.Kind, text)
		}
	}
	for info, err := range s.m.Owned(t.Context(), "u17") {
		if err != nil || info.UserAgent != "browser/1" || info.IP != "127.0.0.1" {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

// TestLentConnection: requests that follow each other on one connection, in the same
// memory, change nothing that was stored before.
func TestLentConnection(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/set/:key", func(c fiber.Ctx) error {
			cloakroom.Key[string](c.Params("key")).Set(cloakfiber.Get(c), c.Query("value"))
			return nil
		})
		app.Get("/get/:key", func(c fiber.Ctx) error {
			return c.SendString(cloakroom.Key[string](c.Params("key")).Get(cloakfiber.Get(c)))
		})
	})
	b := s.browser()
	for i := range 20 {
		b.get(fmt.Sprintf("/set/key%02d?value=value%02d", i, i))
	}
	for i := range 20 {
		if _, got := b.get(fmt.Sprintf("/get/key%02d", i)); got != fmt.Sprintf("value%02d", i) {
			t.Errorf("key%02d holds %q", i, got)
		}
	}
}

// TestLentRouted: a parameter of the route that was set in the session does not change
// with the path, which Fiber keeps in the same memory.
func TestLentRouted(t *testing.T) {
	s := newSite(t, fiber.Config{}, cloakroom.Options{}, func(app *fiber.App, s *site) {
		app.Use(cloakfiber.New(s.m))
		app.Get("/set/:name", func(c fiber.Ctx) error {
			name.Set(cloakfiber.Get(c), c.Params("name"))
			c.Path("/another/route")
			return c.RestartRouting()
		})
		app.Get("/another/:route", func(fiber.Ctx) error { return nil })
		app.Get("/who", who)
	})
	b := s.browser()
	b.get("/set/ann-and-bob")
	if got := b.stored(); got != ",ann-and-bob" {
		t.Errorf("stored %q", got)
	}
}
