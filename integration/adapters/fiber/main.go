// Command fiber serves the demo's routes by Fiber.
package main

import (
	"context"
	"net"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/integration/adapters/routes"
)

func main() { routes.Main(server) }

func server(site *routes.Site) routes.Server {
	app := fiber.New(fiber.Config{
		ReadBufferSize: 16 << 10, // for a Cookie header of 5,000 bytes
		// Clients keep connections for later, and Shutdown waits for those that have had
		// no request.
		ReadTimeout: 2 * time.Second, IdleTimeout: time.Minute,
	})
	app.Use(cloakfiber.New(site.Sessions, cloakfiber.Config{
		ErrorHandler: func(c fiber.Ctx, err error) error { return send(c, routes.Failed(err)) },
	}))
	for _, route := range site.Routes() {
		app.Add([]string{route.Method}, route.Path, func(c fiber.Ctx) error {
			return send(c, route.Do(c.Context(), cloakfiber.Get(c), field(c)))
		})
	}
	return running{app}
}

// field returns a function that returns a field of the form or the query. What it returns
// is lent by Fiber.
func field(c fiber.Ctx) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		form, query := c.Request().PostArgs(), c.Request().URI().QueryArgs()
		return c.FormValue(name), form.Has(name) || query.Has(name)
	}
}

// send sends an answer, unless the middleware does.
func send(c fiber.Ctx, a routes.Answer) error {
	if a.Status == 0 {
		return nil
	}
	c.Set(fiber.HeaderContentType, a.Type)
	return c.Status(a.Status).SendString(a.Body)
}

// running is an application as a [routes.Server].
type running struct{ app *fiber.App }

func (r running) Serve(l net.Listener) error {
	return r.app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true})
}

func (r running) Shutdown(ctx context.Context) error { return r.app.ShutdownWithContext(ctx) }
