// Command echo serves the demo's routes by Echo.
package main

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/integration/adapters/routes"
)

func main() { routes.Main(server) }

func server(site *routes.Site) routes.Server {
	e := echo.New()
	e.HTTPErrorHandler = plain(e.HTTPErrorHandler)
	e.Use(middleware.Recover(), cloakecho.Middleware(site.Sessions))
	for _, route := range site.Routes() {
		e.Add(route.Method, route.Path, func(c *echo.Context) error {
			field := func(name string) (string, bool) { return c.FormValue(name), has(c, name) }
			a := route.Do(c.Request().Context(), site.Sessions.Get(c.Request()), field)
			switch {
			case a.Status == 0:
				return nil // the middleware answers
			case a.Status >= http.StatusBadRequest:
				return echo.NewHTTPError(a.Status, a.Body)
			}
			return c.Blob(a.Status, a.Type, []byte(a.Body))
		})
	}
	return routes.HTTP(e)
}

func has(c *echo.Context, name string) bool {
	form, err := c.FormValues()
	return err == nil && form.Has(name)
}

// plain is Echo's error handler, with text in place of JSON.
func plain(otherwise echo.HTTPErrorHandler) echo.HTTPErrorHandler {
	return func(c *echo.Context, err error) {
		response, _ := echo.UnwrapResponse(c.Response())
		wrong := (*echo.HTTPError)(nil)
		if response == nil || response.Committed || !errors.As(err, &wrong) {
			otherwise(c, err)
			return
		}
		if err := c.String(wrong.Code, wrong.Message); err != nil {
			c.Logger().Error("answer", "error", err)
		}
	}
}
