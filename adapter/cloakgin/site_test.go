package cloakgin_test

import (
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
)

func init() { gin.SetMode(gin.ReleaseMode) }

const (
	name    = cloakroom.Key[string]("name")
	counter = cloakroom.Key[int]("counter")
)

type (
	browser = adaptertest.Browser
	site    struct{ *adaptertest.Site }
)

func newSite(t testing.TB) *site { return &site{adaptertest.NewSite(t)} }

// engine is Gin with the middleware between those of before and the handlers of GET /.
func (s *site) engine(before []gin.HandlerFunc, handlers ...gin.HandlerFunc) *gin.Engine {
	g := gin.New()
	g.Use(before...)
	g.Use(cloakgin.Middleware(s.Manager))
	g.GET("/", handlers...)
	g.HEAD("/", handlers...)
	g.GET("/name", func(c *gin.Context) { c.String(200, name.Get(s.Get(c.Request))) })
	g.GET("/owner", func(c *gin.Context) { c.String(200, s.Get(c.Request).Owner()) })
	return g
}
