package cloakecho_test

import (
	"log/slog"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
)

const (
	name    = cloakroom.Key[string]("name")
	counter = cloakroom.Key[int]("counter")
)

type (
	browser = adaptertest.Browser
	site    struct{ *adaptertest.Site }
)

func newSite(t testing.TB) *site { return &site{adaptertest.NewSite(t)} }

// echo is Echo with the middleware between those of before and after, and the handler of
// GET /.
func (s *site) echo(before, after []echo.MiddlewareFunc, handler echo.HandlerFunc) *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(before...)
	e.Use(cloakecho.Middleware(s.Manager))
	e.Use(after...)
	e.GET("/", handler)
	e.GET("/name", func(c *echo.Context) error { return c.String(200, name.Get(s.Get(c.Request()))) })
	e.GET("/owner", func(c *echo.Context) error { return c.String(200, s.Get(c.Request()).Owner()) })
	return e
}
