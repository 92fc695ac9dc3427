package cloakroomtest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const cart = cloakroom.Key[[]string]("cart")

// newShop builds the site. Tests give it another manager than main does.
func newShop(sessions *cloakroom.Manager) http.Handler {
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
	mux.HandleFunc("POST /sign-in", func(_ http.ResponseWriter, r *http.Request) {
		_ = sessions.Get(r).Login(r.FormValue("name")) // if it fails, the middleware answers
	})
	mux.HandleFunc("POST /sign-out", func(_ http.ResponseWriter, r *http.Request) {
		_ = sessions.Get(r).Logout() // likewise
	})
	return sessions.Handler(mux)
}

// get and post return requests to the site.
func get(path string) *http.Request  { return httptest.NewRequest(http.MethodGet, path, nil) }
func post(path string) *http.Request { return httptest.NewRequest(http.MethodPost, path, nil) }

// t stands for the argument of a test, in examples. It prints what fails.
var t testing.TB = printer{}

// A test of a page for signed-in users begins with a client that is signed in. Requests to the
// handler need no server.
func Example() {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	shop := newShop(sessions)

	ann := cloakroomtest.NewClient(t, sessions, "ann")
	ann.Do(shop, post("/cart?item=hat"))
	fmt.Println(ann.Do(shop, get("/cart")).Body)
	fmt.Println(cart.Get(ann.Session(t))) // what is stored, without a page
	// Output:
	// "ann" has ["hat"]
	// [hat]
}

// Values that a test needs are set without the pages that set them.
func ExampleNewClient() {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	shop := newShop(sessions)

	ann := cloakroomtest.NewClient(t, sessions, "ann", func(s *cloakroom.Session) {
		cart.Set(s, []string{"hat"})
	})
	fmt.Println(ann.Do(shop, get("/cart")).Body)

	visitor := cloakroomtest.NewClient(t, sessions, "") // who has not signed in
	fmt.Println(visitor.Do(shop, get("/cart")).Body)
	// Output:
	// "ann" has ["hat"]
	// "" has []
}

// The store and the manager go by one clock, which the test moves.
func ExampleStore_Advance() {
	st := cloakroomtest.NewStore()
	sessions := st.Manager(t, cloakroom.Options{Idle: 20 * time.Minute})
	shop := newShop(sessions)

	ann := cloakroomtest.NewClient(t, sessions, "ann")
	st.Advance(19 * time.Minute)
	fmt.Println(ann.Do(shop, get("/cart")).Body)
	st.Advance(21 * time.Minute)
	fmt.Println(ann.Do(shop, get("/cart")).Body)
	// Output:
	// "ann" has []
	// "" has []
}

// In a bubble of testing/synctest, time.Sleep moves the clock.
func TestIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
		ann := cloakroomtest.NewClient(t, sessions, "ann")
		time.Sleep(31 * time.Minute) // no time at all
		ann.SignedOut(t)
	})
}

// A page that leaves the session alone makes no call of the store, also for a visitor who has one.
func ExampleStore_NoCalls() {
	st := cloakroomtest.NewStore()
	sessions := st.Manager(t, cloakroom.Options{})
	shop := newShop(sessions)

	ann := cloakroomtest.NewClient(t, sessions, "ann")
	st.NoCalls(t, func() { ann.Do(shop, get("/health")) })
	st.NoCalls(t, func() { ann.Do(shop, get("/cart")) })
	// Output:
	// cloakroomtest: the store got calls, and should have got none: Loads 1
}

// An http.Client that is signed in, for a test with a server. The options are those of production,
// also where the server has no TLS.
func ExampleClient_HTTP() {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	server := httptest.NewServer(newShop(sessions))
	defer server.Close()

	browser := cloakroomtest.NewClient(t, sessions, "ann").HTTP(server.Client())
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
	// Output: "ann" has ["hat" "coat"]
}

// After a sign-out, no ticket that the client has had is good. A page that only clears the cookie
// does not sign out.
func ExampleClient_SignedOut() {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	shop := newShop(sessions)

	ann := cloakroomtest.NewClient(t, sessions, "ann")
	ann.Do(shop, post("/sign-out"))
	ann.SignedOut(t)

	bob := cloakroomtest.NewClient(t, sessions, "bob")
	bob.Do(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-session", MaxAge: -1})
	}), post("/sign-out"))
	bob.SignedOut(t)
	// Output:
	// cloakroomtest: the client has lost its ticket, but the session of "bob" goes on
}

// The ticket changes with a sign-in, and the visitor's values stay.
func ExampleClient_TicketChanged() {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	shop := newShop(sessions)

	visitor := cloakroomtest.NewClient(t, sessions, "", func(s *cloakroom.Session) {
		cart.Set(s, []string{"hat"})
	})
	visitor.TicketChanged(t, func() { visitor.Do(shop, post("/sign-in?name=ann")) })
	fmt.Println(visitor.Do(shop, get("/cart")).Body)
	visitor.TicketChanged(t, func() { visitor.Do(shop, post("/cart?item=coat")) })
	// Output:
	// "ann" has ["hat"]
	// cloakroomtest: the ticket has not changed: see Session.Login and Session.Renew
}

// A request for a framework that takes one and returns a response. Where tickets are in a header,
// so is the client's.
func ExampleClient_Attach() {
	options := cloakroom.Options{RequestHeader: "Authorization"}
	sessions := cloakroomtest.NewStore().Manager(t, options)
	framework := func(r *http.Request) *http.Response { // as the Test method of a Fiber application
		w := httptest.NewRecorder()
		newShop(sessions).ServeHTTP(w, r)
		return w.Result()
	}

	app := cloakroomtest.NewClient(t, sessions, "")
	app.Take(framework(app.Attach(post("/sign-in?name=ann"))))
	resp := framework(app.Attach(get("/cart")))
	body, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", body)
	// Output: "ann" has []
}

// What a visitor sees when the store fails.
func Example_brokenStore() {
	st := cloakroomtest.NewStore()
	faulty := storetest.NewFaulty(st)
	sessions, err := cloakroom.New(faulty, cloakroom.Options{
		Now: st.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	shop := newShop(sessions)
	ann := cloakroomtest.NewClient(t, sessions, "ann")

	// The server takes no writes.
	faulty.Inject(storetest.OpReplace, storetest.Failed().Reporting(store.ErrRefused))
	fmt.Println(ann.Do(shop, post("/cart?item=hat")).Code)

	// The write is done, and its answer lost: the item is added once, and no visitor notices.
	faulty.Inject(storetest.OpReplace, storetest.Lost())
	fmt.Println(ann.Do(shop, post("/cart?item=coat")).Code)
	fmt.Println(ann.Do(shop, get("/cart")).Body)
	// Output:
	// 503
	// 200
	// "ann" has ["coat"]
}

// What happens when the user signs out elsewhere while a request is under way. A second manager
// of the same store is what another process has.
func Example_revokedMeanwhile() {
	st := cloakroomtest.NewStore()
	faulty := storetest.NewFaulty(st)
	sessions, err := cloakroom.New(faulty, cloakroom.Options{
		Now: st.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	shop, elsewhere := newShop(sessions), st.Manager(t, cloakroom.Options{})
	ann := cloakroomtest.NewClient(t, sessions, "ann")

	// Just before the request commits.
	faulty.Inject(storetest.OpReplace, storetest.Before(func(ctx context.Context) {
		fmt.Println(elsewhere.RevokeOwned(ctx, "ann"))
	}))
	fmt.Println(ann.Do(shop, post("/cart?item=hat")).Code)
	fmt.Println(ann.Do(shop, get("/cart")).Body)
	ann.SignedOut(t)
	// Output:
	// 1 <nil>
	// 200
	// "" has []
}

// printer is a test that prints what fails.
type printer struct{ testing.TB }

func (printer) Helper()                      {}
func (printer) Cleanup(func())               {}
func (printer) Output() io.Writer            { return io.Discard }
func (printer) Error(args ...any)            { fmt.Println(args...) }
func (printer) Errorf(f string, args ...any) { fmt.Printf(f+"\n", args...) }
func (printer) Fatal(args ...any)            { log.Fatal(args...) }
