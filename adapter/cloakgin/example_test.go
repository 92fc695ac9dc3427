package cloakgin_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
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
	g := gin.New()
	g.Use(gin.Recovery(), cloakgin.Middleware(sessions))
	g.GET("/", func(c *gin.Context) {
		n, err := visits.UpdateNow(sessions.Get(c.Request), func(n int) int { return n + 1 })
		if err != nil {
			c.AbortWithStatus(http.StatusServiceUnavailable)
			return
		}
		c.String(http.StatusOK, "visit %d", n)
	})

	server := httptest.NewServer(g)
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
