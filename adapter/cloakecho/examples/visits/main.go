// Command visits counts the visits of each browser, by Echo.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/store/filestore"
)

const visits = cloakroom.Key[int]("visits")

func main() {
	// About once in 1000 requests, what has expired is removed.
	store, err := filestore.New("./sessions", filestore.Options{SweepEvery: 1000})
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.Use(middleware.RequestLogger(), middleware.Recover(), cloakecho.Middleware(sessions))
	e.GET("/", func(c *echo.Context) error {
		n, err := visits.UpdateNow(sessions.Get(c.Request()), func(n int) int { return n + 1 })
		if err != nil {
			return echo.ErrServiceUnavailable.Wrap(err)
		}
		return c.String(http.StatusOK, fmt.Sprintf("visit %d\n", n))
	})
	log.Fatal(e.Start("127.0.0.1:8080"))
}
