// Command visits counts a visitor's visits: the first program of the README.
package main

import (
	"fmt"
	"log"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

const visits = cloakroom.Key[int]("visits")

func main() {
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	app := fiber.New()
	app.Use(cloakfiber.New(sessions))
	app.Get("/", func(c fiber.Ctx) error {
		n, err := visits.UpdateNow(cloakfiber.Get(c), func(n int) int { return n + 1 })
		if err != nil {
			return fiber.ErrServiceUnavailable
		}
		return c.SendString(fmt.Sprintf("visit %d", n))
	})
	log.Fatal(app.Listen("127.0.0.1:8080"))
}
