package sites

import (
	"bytes"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// ginBare names the site that is subtracted from gin's.
const ginBare = "gin bare"

// Gin returns sites of gin-contrib/sessions with its store in memory, and of Gin without
// sessions.
func Gin(storeName string) []*measure.Site {
	gin.SetMode(gin.ReleaseMode)
	store := memstore.NewStore(bytes.Repeat([]byte("k"), 32))
	if limited, ok := store.(interface{ MaxLength(int) }); ok {
		limited.MaxLength(0) // the default is 4 KB
	}
	site := &measure.Site{
		Library: "gin", Store: storeName, Bare: ginBare,
		Acts: []measure.Act{measure.Untouched, measure.Read, measure.Write},
		Handler: func(act measure.Act, v *measure.Visitor) http.Handler {
			return engine(ginHandler(act, v), sessions.Sessions("session", store))
		},
	}
	bare := Bare(storeName)
	bare.Library = ginBare
	bare.Handler = func(act measure.Act, v *measure.Visitor) http.Handler {
		return engine(ginHandler(act, v))
	}
	return []*measure.Site{bare, site}
}

// engine copies each request, as gorilla's site does, since the sessions are kept in it.
func engine(h gin.HandlerFunc, use ...gin.HandlerFunc) http.Handler {
	e := gin.New()
	e.Use(use...)
	e.GET("/", h)
	return anew(e)
}

func ginHandler(act measure.Act, v *measure.Visitor) gin.HandlerFunc {
	get := func(c *gin.Context) string {
		value, _ := sessions.Default(c).Get(key).(string)
		return value
	}
	set := func(c *gin.Context, value string) {
		s := sessions.Default(c)
		s.Set(key, value)
		measure.Answer(c.Writer, s.Save() == nil)
	}
	switch act {
	case measure.Read:
		return func(c *gin.Context) { measure.Answer(c.Writer, get(c) == v.Values[1]) }
	case measure.Check:
		return func(c *gin.Context) { measure.Answer(c.Writer, get(c) == v.Latest()) }
	case measure.Write:
		return func(c *gin.Context) { set(c, v.Next()) }
	case measure.Start:
		return func(c *gin.Context) { set(c, v.Values[1]) }
	default:
		return func(c *gin.Context) { measure.Answer(c.Writer, true) }
	}
}
