// Command visits counts the visits of each browser, by Gin.
package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
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
	g := gin.New()
	g.Use(gin.Logger(), gin.Recovery(), cloakgin.Middleware(sessions))
	g.GET("/", func(c *gin.Context) {
		n, err := visits.UpdateNow(sessions.Get(c.Request), func(n int) int { return n + 1 })
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.String(http.StatusOK, "visit %d\n", n)
	})
	log.Fatal(g.Run("127.0.0.1:8080"))
}
