package overhttp

import (
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"
	fiberredis "github.com/gofiber/storage/redis/v3"

	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
)

// serveFiber is the same site on Fiber's own server.
func serveFiber(library, storeURL, addr string, values [2]string) error {
	app := fiber.New()
	answer := func(c fiber.Ctx, right bool) error {
		if right {
			return c.SendString("ok")
		}
		return c.SendString("wrong")
	}
	app.Get("/untouched", func(c fiber.Ctx) error { return answer(c, true) })
	if library == fiberLibrary {
		app = fiber.New()
		config := session.Config{}
		if storeURL != memoryURL {
			config.Storage = fiberredis.New(fiberredis.Config{
				URL: storeURL, PoolSize: sites.GoRedisPool,
			})
		}
		app.Use(session.New(config))
		const name = string(sites.Name)
		has := func(value string) fiber.Handler {
			return func(c fiber.Ctx) error {
				got, _ := session.FromContext(c).Get(name).(string)
				return answer(c, got == value)
			}
		}
		set := func(value string) fiber.Handler {
			return func(c fiber.Ctx) error {
				session.FromContext(c).Set(name, value)
				return answer(c, true)
			}
		}
		app.Get("/untouched", func(c fiber.Ctx) error { return answer(c, true) })
		app.Get("/read", has(values[1]))
		app.Get("/check/a", has(values[0]))
		app.Get("/check/b", has(values[1]))
		app.Get("/start", set(values[1]))
		app.Get("/write/a", set(values[0]))
		app.Get("/write/b", set(values[1]))
		app.Get("/sign-in", func(c fiber.Ctx) error {
			return answer(c, session.FromContext(c).Regenerate() == nil)
		})
	}
	return app.Listen(addr, fiber.ListenConfig{DisableStartupMessage: true})
}
