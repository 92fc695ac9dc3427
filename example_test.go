package cloakroom_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// newSessions returns a manager for the examples: sessions in memory, plain HTTP.
func newSessions() *cloakroom.Manager {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cloakroom.New(memory, cloakroom.Options{InsecureCookie: true})
	if err != nil {
		log.Fatal(err)
	}
	return sessions
}

// visit serves requests to the paths, one after the other, to one browser, and prints
// the answers.
func visit(h http.Handler, paths ...string) {
	server := httptest.NewServer(h)
	defer server.Close()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	for _, path := range paths {
		resp, err := client.Get(server.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		var line [200]byte
		n, _ := resp.Body.Read(line[:])
		resp.Body.Close()
		fmt.Println(strings.TrimSpace(path + ": " + string(line[:n])))
	}
}

// A complete program: a page that counts visits, exactly, also with a hundred tabs at once.
func Example() {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := cloakroom.New(memory, cloakroom.Options{
		Idle:           30 * time.Minute,
		InsecureCookie: true, // plain HTTP, for this example alone
	})
	if err != nil {
		log.Fatal(err)
	}

	const visits = cloakroom.Key[int]("visits")

	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		n, err := visits.UpdateNow(sessions.Get(r), func(n int) int { return n + 1 })
		if err != nil {
			http.Error(w, "not counted", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, "visit %d", n)
	})

	visit(sessions.Handler(mux), "/", "/", "/")
	// Output:
	// /: visit 1
	// /: visit 2
	// /: visit 3
}

type basket struct {
	Items []string
	Since time.Time
}

// Values have types, and what Get returns is the caller's own copy.
func ExampleKey() {
	const cart = cloakroom.Key[basket]("cart")

	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/add", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		b := cart.Get(s) // the zero value when there is none
		b.Items = append(b.Items, r.FormValue("item"))
		cart.Set(s, b)
		fmt.Fprint(w, b.Items)
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, r *http.Request) {
		cart.Delete(sessions.Get(r))
		fmt.Fprint(w, "empty")
	})
	mux.HandleFunc("/look", func(w http.ResponseWriter, r *http.Request) {
		b, present, err := cart.Lookup(sessions.Get(r))
		fmt.Fprint(w, b.Items, present, err)
	})
	visit(sessions.Handler(mux), "/add?item=hat", "/add?item=coat", "/look", "/empty", "/look")
	// Output:
	// /add?item=hat: [hat]
	// /add?item=coat: [hat coat]
	// /look: [hat coat] true <nil>
	// /empty: empty
	// /look: [] false <nil>
}

// Update is exact, however many requests change the value at once, and costs nothing
// more than Set.
func ExampleKey_Update() {
	const items = cloakroom.Key[[]string]("items")

	sessions := newSessions()
	visit(sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		items.Update(s, func(list []string) []string { return append(list, r.URL.Path) })
		fmt.Fprint(w, items.Get(s))
	})), "/a", "/b")
	// Output:
	// /a: [/a]
	// /b: [/a /b]
}

// UpdateNow commits now and returns what was committed: here, tickets that are never
// given out twice.
func ExampleKey_UpdateNow() {
	const next = cloakroom.Key[int]("next")

	sessions := newSessions()
	visit(sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := next.UpdateNow(sessions.Get(r), func(n int) int { return n + 1 })
		if errors.Is(err, cloakroom.ErrEnded) {
			http.Error(w, "signed out meanwhile", http.StatusConflict)
			return
		}
		fmt.Fprintf(w, "number %d", n)
	})), "/", "/")
	// Output:
	// /: number 1
	// /: number 2
}

// Transact changes several values together, or none of them.
func ExampleSession_Transact() {
	const (
		coins = cloakroom.Key[int]("coins")
		hats  = cloakroom.Key[int]("hats")
	)
	errTooPoor := errors.New("too poor")

	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/earn", func(w http.ResponseWriter, r *http.Request) {
		coins.Set(sessions.Get(r), 5)
	})
	mux.HandleFunc("/buy", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		err := s.Transact(func(tx *cloakroom.Tx) error {
			if coins.Get(tx) < 5 {
				return errTooPoor
			}
			coins.Set(tx, coins.Get(tx)-5)
			hats.Set(tx, hats.Get(tx)+1)
			return nil
		})
		fmt.Fprintf(w, "%d coins, %d hats, %v", coins.Get(s), hats.Get(s), err)
	})
	visit(sessions.Handler(mux), "/earn", "/buy", "/buy")
	// Output:
	// /earn:
	// /buy: 0 coins, 1 hats, <nil>
	// /buy: 0 coins, 1 hats, too poor
}

// Signing in changes the ticket; signing out ends the session.
func ExampleSession_Login() {
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		// The password was checked here.
		if err := sessions.Get(r).Login("ann"); err != nil {
			return // the client gets a 503
		}
		fmt.Fprint(w, "welcome")
	})
	mux.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Get(r).Logout(); err != nil {
			return // the client gets a 503: it is not told that it is signed out
		}
		fmt.Fprint(w, "goodbye")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q", sessions.Get(r).Owner())
	})
	visit(sessions.Handler(mux), "/", "/login", "/", "/logout", "/")
	// Output:
	// /: ""
	// /login: welcome
	// /: "ann"
	// /logout: goodbye
	// /: ""
}

// After a change of password: a new ticket for this browser, and all others are signed out.
func ExampleManager_RevokeOthers() {
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) { sessions.Get(r).Login("ann") })
	mux.HandleFunc("/password", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		n, err := sessions.RevokeOthers(r.Context(), s)
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		s.Renew()
		fmt.Fprintf(w, "%d other devices are signed out", n)
	})
	h := sessions.Handler(mux)
	visit(h, "/login")              // another browser
	visit(h, "/login", "/password") // this one
	// Output:
	// /login:
	// /login:
	// /password: 1 other devices are signed out
}

// A list of devices, and signing one of them out.
func ExampleManager_Owned() {
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) { sessions.Get(r).Login("ann") })
	mux.HandleFunc("/devices", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		for info, err := range sessions.Owned(r.Context(), s.Owner()) {
			if err != nil {
				http.Error(w, "try again", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintf(w, "%s at %s, this one: %v", info.UserAgent, info.IP, info.ID == s.ID())
		}
	})
	mux.HandleFunc("/signout", func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		err := sessions.Revoke(r.Context(), s.Owner(), s.ID()) // the ID comes from the list
		fmt.Fprint(w, err)
	})
	visit(sessions.Handler(mux), "/login", "/devices", "/signout", "/signout")
	// Output:
	// /login:
	// /devices: Go-http-client/1.1 at 127.0.0.1, this one: true
	// /signout: <nil>
	// /signout: cloakroom: revoke session: no such session
}

// Messages for the next page.
func ExampleSession_Flash() {
	sessions := newSessions()
	mux := http.NewServeMux()
	mux.HandleFunc("/save", func(w http.ResponseWriter, r *http.Request) {
		sessions.Get(r).Flash("info", "saved")
		http.Redirect(w, r, "/", http.StatusSeeOther) // stored before the browser is redirected
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, sessions.Get(r).Flashes())
	})
	visit(sessions.Handler(mux), "/save", "/")
	// Output:
	// /save: [{info saved}]
	// /: []
}

// Flask's flash takes what it is given: here a dict, for which there is a struct in Go.
func ExampleFlashesOf() {
	const id = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	_, err = st.Create(context.Background(), id, store.Record{ // as Flask-Session has stored it
		Data:    []byte(`{"_flashes": [["message", "saved"], ["error", {"field": "email"}]]}`),
		Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		panic(err)
	}
	config := flask.Default()
	config.SessionType = "redis" // or any other that keeps documents as they are
	sessions, err := flask.New(st, config)
	if err != nil {
		panic(err)
	}

	type problem struct {
		Field string `json:"field"`
	}
	s := sessions.Open(context.Background(), id)
	defer s.Close()
	fmt.Println(cloakroom.FlashesOf[problem](s))
	fmt.Println(s.Flashes())
	// Output:
	// [{error {email}}]
	// [{message saved}]
}
