package frameworks

import (
	"context"
	"net/http"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v5"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
)

// adapters serve a handler in a framework that has the middleware of its own kind.
var adapters = map[string]func(*cloakroom.Manager, http.HandlerFunc) http.Handler{
	"gin": func(m *cloakroom.Manager, h http.HandlerFunc) http.Handler {
		g := gin.New()
		g.Use(gin.Recovery(), cloakgin.Middleware(m))
		g.GET("/", gin.WrapF(h))
		return g
	},
	"echo": func(m *cloakroom.Manager, h http.HandlerFunc) http.Handler {
		e := echo.New()
		e.Use(cloakecho.Middleware(m))
		e.GET("/", echo.WrapHandler(h))
		return e
	},
}

// TestAdaptersWebSockets: a WebSocket opens within the adapters, with a new session and
// with an old one.
func TestAdaptersWebSockets(t *testing.T) {
	for framework, serve := range adapters {
		for library, accept := range websockets {
			t.Run(framework+", "+library, func(t *testing.T) {
				m := manager(t)
				c := newClient(t, serve(m, func(w http.ResponseWriter, r *http.Request) {
					s := m.Get(r)
					name.Set(s, "ann")
					if err := accept(w, r, s); err != nil {
						t.Error(err)
					}
				}), false)
				for _, cookies := range []int{1, 0} {
					conn, resp, err := coder.Dial(context.Background(),
						strings.Replace(c.url, "https:", "wss:", 1), &coder.DialOptions{HTTPClient: c.Client})
					if err != nil {
						t.Fatal(err)
					}
					_, message, err := conn.Read(context.Background())
					if string(message) != "hello ann" || len(resp.Cookies()) != cookies {
						t.Errorf("%q, %v, %d cookies, want %d", message, err, len(resp.Cookies()), cookies)
					}
					conn.CloseNow()
				}
			})
		}
	}
}
