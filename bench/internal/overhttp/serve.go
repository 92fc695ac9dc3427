package overhttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	scsmem "github.com/alexedwards/scs/v2/memstore"
	goredis "github.com/redis/go-redis/v9"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
	"github.com/cloakroom-go/cloakroom/bench/internal/sites"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// The libraries with a server of their own.
const (
	fiberLibrary, fiberBare = "fiber", "fiber bare"
	flaskLibrary, flaskBare = "flask", "flask bare"
)

const memoryURL = "memory:"

// Serve is the process of a server: library, store URL, bytes of the value, and the
// address to listen on.
func Serve(args []string) error {
	if len(args) != 4 {
		return errors.New("serve: want LIBRARY URL BYTES ADDRESS")
	}
	library, storeURL, addr := args[0], args[1], args[3]
	payload, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	values := measure.PayloadValues(payload)
	if library == fiberLibrary || library == fiberBare {
		return serveFiber(library, storeURL, addr, values)
	}
	handler, err := netHTTP(library, storeURL, values)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	return (&http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}).Serve(l)
}

// netHTTP is a site on the server of net/http.
func netHTTP(library, storeURL string, values [2]string) (http.Handler, error) {
	ctx := context.Background()
	switch library {
	case measure.Bare:
		return sites.Untouching, nil
	case "cloakroom":
		store, _, err := storeurl.Open(ctx, storeURL, memstore.Opener(), redisstore.Opener())
		if err != nil {
			return nil, err
		}
		m, err := cloakroom.New(store, cloakroom.Options{InsecureCookie: true})
		if err != nil {
			return nil, err
		}
		return m.Handler(pages{
			values: values,
			get:    func(r *http.Request) string { return sites.Name.Get(m.Get(r)) },
			set:    func(r *http.Request, v string) { sites.Name.Set(m.Get(r), v) },
			renew:  func(r *http.Request) error { return m.Get(r).Renew() },
		}), nil
	case "scs":
		m := scs.New()
		if m.Store = scs.Store(scsmem.NewWithCleanupInterval(0)); storeURL != memoryURL {
			options, err := goredis.ParseURL(storeURL)
			if err != nil {
				return nil, err
			}
			options.PoolSize = sites.GoRedisPool
			m.Store = goredisstore.New(goredis.NewClient(options))
		}
		const name = string(sites.Name)
		return m.LoadAndSave(pages{
			values: values,
			get:    func(r *http.Request) string { return m.GetString(r.Context(), name) },
			set:    func(r *http.Request, v string) { m.Put(r.Context(), name, v) },
			renew:  func(r *http.Request) error { return m.RenewToken(r.Context()) },
		}), nil
	}
	return nil, fmt.Errorf("serve: no such library: %s", library)
}

// pages are what a server of net/http serves.
type pages struct {
	values [2]string
	get    func(*http.Request) string
	set    func(*http.Request, string)
	renew  func(*http.Request) error
}

func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	right := true
	switch r.URL.Path {
	case "/untouched":
	case "/read", "/check/b":
		right = p.get(r) == p.values[1]
	case "/check/a":
		right = p.get(r) == p.values[0]
	case "/start", "/write/b":
		p.set(r, p.values[1])
	case "/write/a":
		p.set(r, p.values[0])
	case "/sign-in":
		right = p.renew(r) == nil
	default:
		right = false
	}
	measure.Answer(w, right)
}
