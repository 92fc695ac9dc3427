package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Options are checked once, and what is inconsistent is refused by name.
func ExampleNew() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	_, err = cloakroom.New(store, cloakroom.Options{
		// NIST SP 800-63B-4, AAL2: at most 24 hours, idle at most one.
		Idle:     time.Hour,
		Lifetime: 24 * time.Hour,
	})
	fmt.Println(err)
	_, err = cloakroom.New(store, cloakroom.Options{Idle: time.Hour, Lifetime: time.Minute})
	fmt.Println(err)
	_, err = cloakroom.New(store, cloakroom.Options{CookieName: "__Host-id", Domain: "example.com"})
	fmt.Println(err)
	// Output:
	// <nil>
	// cloakroom: Options.Idle is 1h0m0s, longer than Options.Lifetime, 1m0s
	// cloakroom: Options.CookieName is "__Host-id", which browsers accept only with Secure, Path=/ and no Domain (RFC 6265bis section 4.1.3.2)
}

// "Remember me": the cookie outlives the browser.
func ExampleSession_SetPersistent() {
	sessions := newSessions()
	h := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		s.Login("ann")
		s.SetPersistent(r.FormValue("remember") == "yes")
	}))
	for _, remember := range []string{"no", "yes"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?remember="+remember, nil))
		fmt.Println(remember, !w.Result().Cookies()[0].Expires.IsZero())
	}
	// Output:
	// no false
	// yes true
}

// Clear drops the values and keeps the session.
func ExampleSession_Clear() {
	const draft = cloakroom.Key[string]("draft")
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		s.Login("ann")
		draft.Set(s, "hello")
	})
	mux.HandleFunc("/clear", func(w http.ResponseWriter, r *http.Request) { sessions.Get(r).Clear() })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		fmt.Fprintf(w, "%s: %q", s.Owner(), draft.Get(s))
	})
	visit(sessions.Handler(mux), "/write", "/", "/clear", "/")
	// Output:
	// /write:
	// /: ann: "hello"
	// /clear:
	// /: ann: ""
}

// brokenStore stands for a server that is down.
type brokenStore struct{ store.Store }

func (brokenStore) Load(context.Context, string) (store.Record, error) {
	return store.Record{}, errors.New("connection refused")
}

// Require answers before the handler runs when the session cannot be loaded;
// ErrorHandler says how.
func ExampleManager_Require() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(brokenStore{store}, cloakroom.Options{
		InsecureCookie: true,
		Logger:         slog.New(slog.DiscardHandler),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set("Retry-After", "5")
			http.Error(w, "back in a moment", http.StatusServiceUnavailable)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	charge := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("charged!") })
	r := httptest.NewRequest(http.MethodPost, "/pay", nil)
	r.AddCookie(&http.Cookie{Name: "session", Value: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
	w := httptest.NewRecorder()
	sessions.Handler(sessions.Require(charge)).ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body)
	fmt.Printf("%d %s", w.Code, body)
	// Output: 503 back in a moment
}

// Without the middleware: for WebSockets, RPC, or a framework that is not net/http.
func ExampleManager_Open() {
	const name = cloakroom.Key[string]("name")
	sessions := newSessions()
	ctx := context.Background()

	s := sessions.Open(ctx, "") // the browser sent no ticket
	name.Set(s, "Ann")
	if err := s.Save(); err != nil {
		log.Fatal(err)
	}
	cookie := s.Cookie() // nil when there is nothing to send
	s.Close()

	s = sessions.Open(ctx, cookie.Value)
	fmt.Println(name.Get(s), s.Cookie() == nil)
	s.Close()
	// Output: Ann true
}

// A long stream sees what other requests commit, keeps the session alive, and ends with it.
func ExampleSession_Reload() {
	const unread = cloakroom.Key[int]("unread")
	sessions := newSessions()
	ctx := context.Background()
	first := sessions.Open(ctx, "")
	unread.Set(first, 1)
	if err := first.Save(); err != nil {
		log.Fatal(err)
	}
	ticket := first.Cookie().Value

	stream := sessions.Open(ctx, ticket)
	defer stream.Close()
	fmt.Println(unread.Get(stream))

	unread.Set(first, 2)
	first.Save()
	fmt.Println(stream.KeepAlive(), stream.Reload(), unread.Get(stream))

	first.Logout()
	fmt.Println(stream.Reload())
	// Output:
	// 1
	// <nil> <nil> 2
	// the session ended meanwhile
}

// For an operator: all sessions, signing a user out, and sweeping expired records. The command
// cloakroom does the same for a store given by URL.
func ExampleManager_All() {
	sessions := newSessions()
	ctx := context.Background()
	for _, owner := range []string{"ann", "ann", "bob"} {
		s := sessions.Open(ctx, "")
		s.Login(owner)
		if err := s.Save(); err != nil {
			log.Fatal(err)
		}
		s.Close()
	}
	n := 0
	for _, err := range sessions.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		n++
	}
	fmt.Println(n)
	fmt.Println(sessions.RevokeOwned(ctx, "ann"))
	fmt.Println(sessions.Sweep(ctx))
	// Output:
	// 3
	// 2 <nil>
	// 0 <nil>
}

// JSON is for people who read their store by hand.
func ExampleFormat() {
	const theme = cloakroom.Key[string]("theme")
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{Format: cloakroom.JSON})
	if err != nil {
		log.Fatal(err)
	}
	s := sessions.Open(context.Background(), "")
	theme.Set(s, "dark")
	if err := s.Save(); err != nil {
		log.Fatal(err)
	}
	page, _, err := store.All(context.Background(), "", 10)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.17s\n", page[0].Record.Data)
	// Output: {"theme":"dark","
}

// Two applications on one store: a ticket of the shop is nothing to the back office,
// whose anonymous sessions end after ten minutes.
func ExampleOptions() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	shop, err := cloakroom.New(store, cloakroom.Options{Application: "shop"})
	if err != nil {
		panic(err)
	}
	office, err := cloakroom.New(store, cloakroom.Options{Application: "office", AnonymousIdle: 10 * time.Minute})
	if err != nil {
		panic(err)
	}

	s := shop.Open(context.Background(), "")
	defer s.Close()
	if err := errors.Join(s.Login("ann"), s.Save()); err != nil {
		panic(err)
	}
	ticket := s.Cookie().Value

	same := shop.Open(context.Background(), ticket)
	defer same.Close()
	other := office.Open(context.Background(), ticket)
	defer other.Close()
	fmt.Printf("shop: %q, office: %q\n", same.Owner(), other.Owner())
	fmt.Println(time.Until(other.ExpiresAt()).Round(time.Minute))
	// Output:
	// shop: "ann", office: ""
	// 10m0s
}
