package adapters

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakecho"
	"github.com/cloakroom-go/cloakroom/adapter/cloakfiber"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgin"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

const drink = cloakroom.Key[string]("drink")

// use does what the path says.
func use(s *cloakroom.Session, path string) error {
	switch path {
	case "/drink":
		drink.Set(s, "tea")
		return nil
	case "/renew":
		return s.Renew()
	}
	return s.Logout()
}

// sender sends a client's request to an application.
type sender func(t *testing.T, c *cloakroomtest.Client, path string)

// through sends requests to a handler.
func through(h http.Handler) sender {
	return func(_ *testing.T, c *cloakroomtest.Client, path string) {
		c.Do(h, httptest.NewRequest(http.MethodPost, path, nil))
	}
}

// TestApplication: an application's tests by package cloakroomtest work with each adapter.
func TestApplication(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	for name, start := range map[string]func(m *cloakroom.Manager) sender{
		"gin": func(m *cloakroom.Manager) sender {
			g := gin.New()
			g.Use(cloakgin.Middleware(m))
			g.POST("/:act", func(c *gin.Context) { _ = use(m.Get(c.Request), c.Request.URL.Path) })
			return through(g)
		},
		"echo": func(m *cloakroom.Manager) sender {
			e := echo.New()
			e.Use(cloakecho.Middleware(m))
			e.POST("/:act", func(c *echo.Context) error {
				return use(m.Get(c.Request()), c.Request().URL.Path)
			})
			return through(e)
		},
		"fiber": func(m *cloakroom.Manager) sender {
			app := fiber.New()
			app.Use(cloakfiber.New(m))
			app.Post("/:act", func(c fiber.Ctx) error { return use(cloakfiber.Get(c), c.Path()) })
			return func(t *testing.T, c *cloakroomtest.Client, path string) {
				resp, err := app.Test(c.Attach(httptest.NewRequest(http.MethodPost, path, nil)))
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				c.Take(resp)
			}
		},
		"gorilla": func(m *cloakroom.Manager) sender {
			sessions := cloakgorilla.New(m, cloakgorilla.Options{})
			return through(m.Handler(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) {
					if session, err := sessions.Get(r, "s"); err == nil {
						session.Values["seen"] = true
						if session.Save(r, w) == nil {
							_ = use(m.Get(r), r.URL.Path)
						}
					}
				})))
		},
		"gRPC": callThrough,
	} {
		t.Run(name, func(t *testing.T) {
			st := cloakroomtest.NewStore()
			options := cloakroom.Options{}
			if name == "gRPC" { // whose tickets are in metadata, as an app's are in a header
				options.RequestHeader = "Authorization"
			}
			m := st.Manager(t, options)
			send := start(m)
			ann := cloakroomtest.NewClient(t, m, "ann")
			send(t, ann, "/drink")
			if got := drink.Get(ann.Session(t)); got != "tea" {
				t.Errorf("the handler stored %q", got)
			}
			ann.TicketChanged(t, func() { send(t, ann, "/renew") })
			send(t, ann, "/logout")
			ann.SignedOut(t)
		})
	}
}

// callThrough sends requests as calls of gRPC, whose metadata are headers too.
func callThrough(m *cloakroom.Manager) sender {
	serve := cloakgrpc.UnaryServerInterceptor(m)
	return func(t *testing.T, c *cloakroomtest.Client, path string) {
		r := c.Attach(httptest.NewRequest(http.MethodPost, path, nil))
		incoming := metadata.Pairs("authorization", r.Header.Get("Authorization"))
		stream := &transport{header: metadata.MD{}}
		ctx := grpc.NewContextWithServerTransportStream(
			metadata.NewIncomingContext(t.Context(), incoming), stream)
		_, err := serve(ctx, nil, &grpc.UnaryServerInfo{FullMethod: path},
			func(ctx context.Context, _ any) (any, error) {
				return nil, use(cloakgrpc.Get(ctx), path)
			})
		if err != nil {
			t.Error(err)
		}
		c.Take(&http.Response{Header: http.Header{"Session-Ticket": stream.header["session-ticket"]}})
	}
}

// transport takes in the header of a call.
type transport struct{ header metadata.MD }

func (*transport) Method() string { return "" }

func (s *transport) SetHeader(md metadata.MD) error {
	s.header = metadata.Join(s.header, md)
	return nil
}

func (s *transport) SendHeader(md metadata.MD) error { return s.SetHeader(md) }

func (*transport) SetTrailer(metadata.MD) error { return nil }
