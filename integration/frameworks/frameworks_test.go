package frameworks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	chi "github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/cloakroom-go/cloakroom"
)

// TestGinStreams: its server-sent events assert http.CloseNotifier.
func TestGinStreams(t *testing.T) {
	m := manager(t)
	g := gin.New()
	g.Use(gin.Recovery())
	g.GET("/events", func(c *gin.Context) {
		name.Set(m.Get(c.Request), "ann")
		n := 0
		c.Stream(func(io.Writer) bool { n++; c.SSEvent("tick", n); return n < 3 })
	})
	g.GET("/push", func(c *gin.Context) {
		if p := c.Writer.Pusher(); p == nil {
			t.Error("no pusher")
		} else if err := p.Push("/style.css", nil); err == nil {
			t.Error("it is pushed over HTTP/1.1")
		}
	})
	resp, body := newClient(t, m.Handler(g), false).get("/events")
	if resp.StatusCode != 200 || strings.Count(body, "event:tick") != 3 || len(resp.Cookies()) != 1 {
		t.Errorf("status %d, %d cookies, %q", resp.StatusCode, len(resp.Cookies()), body)
	}
	newClient(t, m.Handler(g), false).get("/push")
	w := struct{ http.ResponseWriter }{httptest.NewRecorder()} // which has nothing of the kind
	m.Handler(g).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/events", nil))
}

// TestGinRecovery: changes before a panic that Gin recovers from are committed with its
// 500, unless middleware between discards them.
func TestGinRecovery(t *testing.T) {
	for _, discards := range []bool{false, true} {
		m := manager(t)
		g := gin.New()
		g.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
			if discards {
				m.Get(c.Request).Discard()
			}
			c.AbortWithStatus(500)
		}))
		g.GET("/login", func(c *gin.Context) {
			m.Get(c.Request).Login("ann")
			panic("on purpose")
		})
		g.GET("/who", func(c *gin.Context) { c.String(200, m.Get(c.Request).Owner()) })
		c := newClient(t, m.Handler(g), false)
		resp, _ := c.get("/login")
		_, who := c.get("/who")
		if resp.StatusCode != 500 || (who == "") != discards {
			t.Errorf("discards %v: status %d, owner %q", discards, resp.StatusCode, who)
		}
	}
}

// TestEcho: with WrapMiddleware, responses to panics and errors are written outside of
// the middleware.
func TestEcho(t *testing.T) {
	m := manager(t)
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Use(echomiddleware.RecoverWithConfig(echomiddleware.RecoverConfig{DisablePrintStack: true}), echo.WrapMiddleware(m.Handler))
	session := func(c echo.Context) *cloakroom.Session { return m.Get(c.Request()) }
	e.GET("/panic", func(c echo.Context) error { session(c).Login("ann"); panic("on purpose") })
	e.GET("/saved", func(c echo.Context) error { session(c).Login("ann"); session(c).Save(); panic("on purpose") })
	e.GET("/error/:id", func(c echo.Context) error {
		name.Set(session(c), "set")
		return echo.NewHTTPError(http.StatusTeapot, "no coffee")
	})
	e.GET("/events", func(c echo.Context) error {
		name.Set(session(c), "set")
		io.WriteString(c.Response(), "data: 1\n\n")
		c.Response().Flush()
		return nil
	})
	e.GET("/who", func(c echo.Context) error { return c.String(200, session(c).Owner()+","+name.Get(session(c))) })
	for path, want := range map[string]struct {
		status int
		who    string
	}{
		"/panic":   {500, ","},
		"/saved":   {500, "ann,"},
		"/error/7": {418, ",set"},
		"/events":  {200, ",set"},
	} {
		c := newClient(t, e, false)
		resp, _ := c.get(path)
		if _, who := c.get("/who"); resp.StatusCode != want.status || who != want.who {
			t.Errorf("%s: status %d, then %q", path, resp.StatusCode, who)
		}
	}
}

// TestPatterns: middleware outside sees the route.
func TestPatterns(t *testing.T) {
	m := manager(t)
	router := chi.NewRouter()
	router.Get("/users/{id:[0-9]+}", func(http.ResponseWriter, *http.Request) {})
	bare, within := httptest.NewRequest(http.MethodGet, "/users/7", nil), httptest.NewRequest(http.MethodGet, "/users/7", nil)
	router.ServeHTTP(httptest.NewRecorder(), bare)
	m.Handler(router).ServeHTTP(httptest.NewRecorder(), within)
	if within.Pattern != bare.Pattern || within.PathValue("id") != bare.PathValue("id") {
		t.Errorf("%q %q, want %q %q", within.Pattern, within.PathValue("id"), bare.Pattern, bare.PathValue("id"))
	}
}
