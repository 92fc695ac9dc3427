package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/integration/demotest"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
	"github.com/cloakroom-go/cloakroom/store/dynamodbstore"
	"github.com/cloakroom-go/cloakroom/store/memcachedstore"
	"github.com/cloakroom-go/cloakroom/store/redisstore"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// The variables by which a test starts itself as the shop in Go.
const (
	serveAddr  = "CLOAKROOM_REHEARSAL_ADDR"  // where it listens
	serveStore = "CLOAKROOM_REHEARSAL_STORE" // the store once Flask's profile is left; empty before
)

func TestMain(m *testing.M) {
	if addr := os.Getenv(serveAddr); addr != "" {
		if err := serve(addr, os.Getenv(serveStore)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(demotest.Main(m))
}

var openers = []storeurl.Opener{
	redisstore.Opener(), memcachedstore.Opener(), cachelibstore.Opener(), dynamodbstore.Opener(),
	sqlstore.Opener(sqlstore.Postgres, "pgx"), sqlstore.Opener(sqlstore.MySQL, "mysql"),
}

// lifetime is how long sessions live, on both sides and after Flask.
const lifetime = 24 * time.Hour

// serve serves the shop on a store of its own, or beside Flask if storeURL is empty.
func serve(addr, storeURL string) error {
	ctx := context.Background()
	options := cloakroom.Options{
		CookieName: "session", Idle: lifetime, InsecureCookie: true, Lifetime: lifetime, Persistent: true,
	}
	if storeURL == "" {
		config, err := flask.FromEnv("")
		if err != nil {
			return err
		}
		if options, err = config.Options(); err != nil {
			return err
		}
		if storeURL, err = config.StoreURL(); err != nil {
			return err
		}
	}
	options.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	options.Timeout = 15 * time.Second // the machine may be busy
	store, closer, err := storeurl.Open(ctx, storeURL, openers...)
	if err != nil {
		return err
	}
	defer closer.Close()
	sessions, err := cloakroom.New(store, options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return http.Serve(listener, shop(sessions))
}

const (
	cart   = cloakroom.Key[[]string]("cart")
	note   = cloakroom.Key[any]("note")
	visits = cloakroom.Key[int]("visits")
)

// shop serves what testdata/shop.py serves.
func shop(sessions *cloakroom.Manager) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*cloakroom.Session, *http.Request) (string, error){
		"POST /login":   login,
		"POST /join":    login,
		"POST /logout":  logout,
		"POST /leave":   logout,
		"POST /put":     put,
		"GET /cart":     showCart,
		"POST /note":    setNote,
		"POST /visit":   visit,
		"POST /flash":   flash,
		"GET /messages": messages,
		"GET /account":  account,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			text, err := h(sessions.Get(r), r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, text)
		})
	}
	mux.HandleFunc("GET /ping", func(http.ResponseWriter, *http.Request) {})
	site := sessions.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Side", "Go")
		site.ServeHTTP(w, r)
	})
}

func login(s *cloakroom.Session, r *http.Request) (string, error) {
	return "", s.Login(r.FormValue("user"))
}

func logout(s *cloakroom.Session, _ *http.Request) (string, error) { return "", s.Logout() }

func showCart(s *cloakroom.Session, _ *http.Request) (string, error) { return asJSON(inCart(s)) }

func put(s *cloakroom.Session, r *http.Request) (string, error) {
	item := r.FormValue("item")
	cart.Update(s, func(items []string) []string { return append(items, item) })
	return "", nil
}

func inCart(s *cloakroom.Session) []string {
	if items := cart.Get(s); items != nil {
		return items
	}
	return []string{}
}

func setNote(s *cloakroom.Session, r *http.Request) (string, error) {
	var v any
	err := json.Unmarshal([]byte(r.FormValue("note")), &v)
	note.Set(s, v)
	return "", err
}

func visit(s *cloakroom.Session, _ *http.Request) (string, error) {
	n, err := visits.UpdateNow(s, func(n int) int { return n + 1 })
	return strconv.Itoa(n), err
}

func flash(s *cloakroom.Session, r *http.Request) (string, error) {
	s.Flash(r.FormValue("category"), r.FormValue("message"))
	return "", nil
}

func messages(s *cloakroom.Session, _ *http.Request) (string, error) {
	list := [][2]string{}
	for _, f := range s.Flashes() {
		list = append(list, [2]string{f.Category, f.Message})
	}
	return asJSON(list)
}

func account(s *cloakroom.Session, _ *http.Request) (string, error) {
	return asJSON([]any{s.Owner(), inCart(s), note.Get(s), visits.Get(s)})
}

func asJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}
