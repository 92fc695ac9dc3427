// Command gin serves the demo's routes by Gin.
package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
	"github.com/cloakroom-go/cloakroom/integration/adapters/routes"
)

func main() { routes.Main(server) }

func server(site *routes.Site) routes.Server {
	gin.SetMode(gin.ReleaseMode) // prints nothing
	g := gin.New()
	g.HandleMethodNotAllowed = true
	g.Use(gin.Recovery(), cloakgin.Middleware(site.Sessions))
	for _, route := range site.Routes() {
		g.Handle(route.Method, route.Path, func(c *gin.Context) {
			field := c.GetQuery
			if route.Method == http.MethodPost {
				field = c.GetPostForm
			}
			a := route.Do(c.Request.Context(), site.Sessions.Get(c.Request), field)
			if a.Status != 0 { // otherwise the middleware answers
				c.Data(a.Status, a.Type, []byte(a.Body))
			}
		})
	}
	return routes.HTTP(g)
}
