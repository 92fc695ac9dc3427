package cloakecho_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

func Example() {
	const visits = cloakroom.Key[int]("visits")
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	// InsecureCookie allows plain HTTP: for development only.
	sessions, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	e := echo.New()
	e.Use(middleware.Recover(), cloakecho.Middleware(sessions))
	e.GET("/", func(c *echo.Context) error {
		n, err := visits.UpdateNow(sessions.Get(c.Request()), func(n int) int { return n + 1 })
		if err != nil {
			return echo.ErrServiceUnavailable.Wrap(err)
		}
		return c.String(http.StatusOK, fmt.Sprintf("visit %d", n))
	})

	server := httptest.NewServer(e)
	defer server.Close()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	for range 2 {
		resp, err := browser.Get(server.URL)
		if err != nil {
			log.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(string(page))
	}
	// Output:
	// visit 1
	// visit 2
}
