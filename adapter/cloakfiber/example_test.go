package cloakfiber_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gofiber/fiber/v3"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func Example() {
	const visits = cloakroom.Key[int]("visits")
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{})
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

	// A browser, in place of app.Listen(":8080").
	var cookies []*http.Cookie
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		resp, err := app.Test(r)
		if err != nil {
			log.Fatal(err)
		}
		cookies = append(cookies, resp.Cookies()...)
		body, _ := io.ReadAll(resp.Body)
		fmt.Println(string(body), len(resp.Cookies()))
	}
	// Output:
	// visit 1 1
	// visit 2 0
}
