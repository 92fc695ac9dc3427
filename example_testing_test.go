package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const cart = cloakroom.Key[[]string]("cart")

// newShop builds the site. Tests give it another store and other options than main does.
func newShop(st store.Store, options cloakroom.Options) (http.Handler, *cloakroom.Manager) {
	sessions, err := cloakroom.New(st, options)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /cart", func(_ http.ResponseWriter, r *http.Request) {
		item := r.FormValue("item")
		cart.Update(sessions.Get(r), func(items []string) []string { return append(items, item) })
	})
	mux.HandleFunc("GET /cart", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		fmt.Fprintf(w, "%q has %q", s.Owner(), cart.Get(s))
	})
	return sessions.Handler(mux), sessions
}

// newMemory returns a store for one test.
func newMemory(options memstore.Options) *memstore.Store {
	memory, err := memstore.New(options)
	if err != nil {
		log.Fatal(err)
	}
	return memory
}

// signIn returns the cookie of a browser in which the owner has signed in.
func signIn(sessions *cloakroom.Manager, owner string) *http.Cookie {
	s := sessions.Open(context.Background(), "")
	defer s.Close()
	if err := errors.Join(s.Login(owner), s.Save()); err != nil {
		log.Fatal(err)
	}
	return s.Cookie()
}

// send sends one request to the site, without a server.
func send(site http.Handler, method, url string, c *http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	r.AddCookie(c)
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

// A browser is a client with a cookie jar. The server has TLS, so the options are those
// of production.
func Example_testBrowser() {
	memory := newMemory(memstore.Options{})
	defer memory.Close()
	shop, _ := newShop(memory, cloakroom.Options{})

	server := httptest.NewTLSServer(shop)
	defer server.Close()
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)

	for _, item := range []string{"hat", "coat"} {
		resp, err := browser.Post(server.URL+"/cart?item="+item, "", nil)
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
	}
	resp, err := browser.Get(server.URL + "/cart")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", body)
	// Output: "" has ["hat" "coat"]
}

// A test of a page for signed-in users begins with a session that is signed in.
func Example_testSignedIn() {
	memory := newMemory(memstore.Options{})
	defer memory.Close()
	shop, sessions := newShop(memory, cloakroom.Options{})

	ann := signIn(sessions, "ann")
	send(shop, "POST", "/cart?item=hat", ann)
	fmt.Println(send(shop, "GET", "/cart", ann).Body)

	s := sessions.Open(context.Background(), ann.Value) // what is stored, without a page
	defer s.Close()
	fmt.Println(cart.Get(s))
	// Output:
	// "ann" has ["hat"]
	// [hat]
}

// A clock that the test moves: the manager and the store go by the same one.
func Example_testClock() {
	now := time.Now()
	clock := func() time.Time { return now }
	memory := newMemory(memstore.Options{Now: clock})
	defer memory.Close()
	shop, sessions := newShop(memory, cloakroom.Options{Now: clock})

	ann := signIn(sessions, "ann")
	now = now.Add(29 * time.Minute)
	fmt.Println(send(shop, "GET", "/cart", ann).Body)
	now = now.Add(31 * time.Minute) // the idle timeout is 30 minutes
	fmt.Println(send(shop, "GET", "/cart", ann).Body)
	// Output:
	// "ann" has []
	// "" has []
}

// In a bubble of testing/synctest, time.Now is the clock that the test moves. What is logged
// goes to the log of the test.
func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := newMemory(memstore.Options{})
		defer memory.Close()
		logger := slog.New(slog.NewTextHandler(t.Output(), nil))
		shop, sessions := newShop(memory, cloakroom.Options{Logger: logger})

		ann := signIn(sessions, "ann")
		time.Sleep(31 * time.Minute) // no time at all
		if body := send(shop, "GET", "/cart", ann).Body.String(); body != `"" has []` {
			t.Error(body)
		}
	})
}

// What a visitor sees when the store fails.
func Example_testBrokenStore() {
	memory := newMemory(memstore.Options{})
	defer memory.Close()
	faulty := storetest.NewFaulty(memory)
	shop, sessions := newShop(faulty, cloakroom.Options{Logger: slog.New(slog.DiscardHandler)})
	ann := signIn(sessions, "ann")

	// The server takes no writes.
	faulty.Inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrRefused))
	fmt.Println(send(shop, "POST", "/cart?item=hat", ann).Code)

	// The write is done, and its answer lost: the item is added once, and no visitor notices.
	faulty.Inject(storetest.OpReplace, storetest.Lost())
	fmt.Println(send(shop, "POST", "/cart?item=coat", ann).Code)
	fmt.Println(send(shop, "GET", "/cart", ann).Body)
	// Output:
	// 503
	// 200
	// "ann" has ["coat"]
}

// What happens when the user signs out elsewhere while a request is under way. A second manager
// of the same store is what another process has.
func Example_testRevokedMeanwhile() {
	memory := newMemory(memstore.Options{})
	defer memory.Close()
	faulty := storetest.NewFaulty(memory)
	shop, sessions := newShop(faulty, cloakroom.Options{Logger: slog.New(slog.DiscardHandler)})
	_, elsewhere := newShop(memory, cloakroom.Options{})
	ann := signIn(sessions, "ann")

	// Just before the request commits.
	faulty.Inject(storetest.OpReplace, storetest.Before(func(ctx context.Context) {
		fmt.Println(elsewhere.RevokeOwned(ctx, "ann"))
	}))
	fmt.Println(send(shop, "POST", "/cart?item=hat", ann).Code)
	fmt.Println(send(shop, "GET", "/cart", ann).Body)
	// Output:
	// 1 <nil>
	// 200
	// "" has []
}

// A page that leaves the session alone makes no call of the store, also for a visitor who has one.
func Example_testNoStoreCall() {
	memory := newMemory(memstore.Options{})
	defer memory.Close()
	counted := countstore.New(memory)
	shop, sessions := newShop(counted, cloakroom.Options{})
	ann := signIn(sessions, "ann")

	before := counted.Stats()
	send(shop, "GET", "/health", ann)
	fmt.Println("no call:", counted.Stats() == before)

	send(shop, "GET", "/cart", ann)
	fmt.Println("loads:", counted.Stats().Loads-before.Loads)
	// Output:
	// no call: true
	// loads: 1
}
