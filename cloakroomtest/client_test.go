package cloakroomtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

// verdict is a test that notes what fails.
type verdict struct {
	testing.TB
	said  string
	ended bool
}

func (v *verdict) Helper()                      {}
func (v *verdict) Error(args ...any)            { v.said += fmt.Sprintln(args...) }
func (v *verdict) Errorf(f string, args ...any) { v.said += fmt.Sprintf(f+"\n", args...) }
func (v *verdict) Fatal(args ...any) {
	v.Error(args...)
	v.ended = true
	runtime.Goexit()
}

// of returns what f makes of a test.
func of(t *testing.T, f func(t testing.TB)) *verdict {
	t.Helper()
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(v)
	}()
	<-done
	return v
}

// sent returns the ticket that a client sends in a cookie, or "".
func sent(c *cloakroomtest.Client, name string) string {
	cookie, err := c.Attach(get("/")).Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

const session = "__Host-session"

// handing is a handler that sets a cookie of a client's, or clears it.
func handing(name, value string, maxAge int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, MaxAge: maxAge})
	})
}

// TestSentences: what fails is said, and shows no ticket, nor does printing what has one.
func TestSentences(t *testing.T) {
	st := cloakroomtest.NewStore()
	sessions := st.Manager(t, cloakroom.Options{})
	shop := newShop(sessions)
	var seen []string
	signedIn := func() *cloakroomtest.Client {
		c := cloakroomtest.NewClient(t, sessions, "ann")
		seen = append(seen, sent(c, session))
		return c
	}
	for _, c := range []struct {
		name string
		f    func(testing.TB)
		want string
	}{
		{"signed in still", func(t testing.TB) { signedIn().SignedOut(t) }, `signed in as "ann"`},
		{"cookie cleared alone", func(t testing.TB) {
			ann := signedIn()
			ann.Do(handing(session, "", -1), get("/"))
			ann.SignedOut(t)
		}, `the session of "ann"`},
		{"same ticket", func(t testing.TB) { signedIn().TicketChanged(t, func() {}) },
			"has not changed"},
		{"no ticket", func(t testing.TB) {
			ann := signedIn()
			ann.TicketChanged(t, func() { ann.Do(shop, post("/sign-out")) })
		}, "has no ticket"},
		{"former one lives", func(t testing.TB) {
			ann, other := signedIn(), signedIn()
			ann.TicketChanged(t, func() { ann.Do(handing(session, sent(other, session), 0), get("/")) })
		}, "good still"},
		{"calls", func(t testing.TB) {
			ann := signedIn()
			st.NoCalls(t, func() { ann.Do(shop, post("/cart?item=hat")) })
		}, "Loads 1, Replaces 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := of(t, c.f)
			if !strings.Contains(v.said, c.want) || v.ended {
				t.Errorf("%q, want %q", v.said, c.want)
			}
			ann := signedIn()
			text := v.said + fmt.Sprintf("%v %+v %#v", ann, ann, ann.HTTP(http.DefaultClient))
			for _, ticket := range seen {
				if ticket == "" || strings.Contains(text, ticket) {
					t.Error("a ticket is shown, or there is none")
				}
			}
		})
	}
}

// TestNothingFails: none of the checks fails where all is well.
func TestNothingFails(t *testing.T) {
	st := cloakroomtest.NewStore()
	sessions := st.Manager(t, cloakroom.Options{})
	shop := newShop(sessions)
	visitor := cloakroomtest.NewClient(t, sessions, "")
	visitor.SignedOut(t)
	if sent(visitor, session) != "" {
		t.Error("a visitor without values has a ticket")
	}
	visitor.TicketChanged(t, func() { visitor.Do(shop, post("/sign-in?name=ann")) })
	visitor.TicketChanged(t, func() { visitor.Do(shop, post("/sign-in?name=ann")) })
	st.NoCalls(t, func() { visitor.Do(shop, get("/health")) })
	visitor.Do(shop, post("/sign-out"))
	visitor.SignedOut(t)
	visitor.Do(shop, post("/cart?item=hat")) // an anonymous session
	visitor.SignedOut(t)
}

// TestEnds: what cannot be prepared ends the test.
func TestEnds(t *testing.T) {
	st := cloakroomtest.NewStore()
	v := of(t, func(t testing.TB) { st.Manager(t, cloakroom.Options{Path: "cart"}) })
	if !v.ended || !strings.Contains(v.said, "Options.Path") {
		t.Error(v.said)
	}
	sessions := st.Manager(t, cloakroom.Options{})
	for _, set := range []func(*cloakroom.Session){
		func(s *cloakroom.Session) { _ = s.Login("") },
		func(s *cloakroom.Session) { cloakroom.Key[chan int]("c").Set(s, nil) },
	} {
		v := of(t, func(t testing.TB) { cloakroomtest.NewClient(t, sessions, "ann", set) })
		if !v.ended || !strings.Contains(v.said, "cloakroom") {
			t.Error(v.said)
		}
	}
}

// TestHeaders: where tickets are in a header, so are the client's, and no cookie has one.
func TestHeaders(t *testing.T) {
	for _, header := range []string{"Authorization", "X-Ticket"} {
		t.Run(header, func(t *testing.T) {
			sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{RequestHeader: header})
			shop := newShop(sessions)
			ann := cloakroomtest.NewClient(t, sessions, "ann")
			if r := ann.Attach(get("/")); len(r.Cookies()) > 0 || r.Header.Get(header) == "" {
				t.Error("no header, or a cookie")
			}
			if body := ann.Do(shop, get("/cart")).Body.String(); body != `"ann" has []` {
				t.Error(body)
			}
			ann.TicketChanged(t, func() { ann.Do(shop, post("/sign-in?name=ann")) })
			r := ann.Attach(get("/"))
			ann.Do(shop, post("/sign-out"))
			ann.SignedOut(t)
			if ann.Attach(r).Header.Get(header) != "" {
				t.Error("the header is sent after the sign-out")
			}
		})
	}
}

// TestCookieOfRequest: the cookie is called what Options.Cookie says for the request.
func TestCookieOfRequest(t *testing.T) {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{
		Cookie: func(r *http.Request, c *http.Cookie) { c.Name = "__Secure-" + r.Host },
	})
	shop := newShop(sessions)
	ann := cloakroomtest.NewClient(t, sessions, "ann")
	ann.TicketChanged(t, func() { ann.Do(shop, post("https://one.test/sign-in?name=bob")) })
	if body := ann.Do(shop, get("https://two.test/cart")).Body.String(); body != `"bob" has []` {
		t.Error(body)
	}
	if sent(ann, "__Secure-example.com") == "" {
		t.Error("the cookie has another name")
	}
}

// TestOtherCookies: the client keeps the site's other cookies, and leaves those of a request and
// the request itself as they are.
func TestOtherCookies(t *testing.T) {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	ann := cloakroomtest.NewClient(t, sessions, "ann")
	ann.Do(handing("language", "de", 0), get("/"))
	r := get("/")
	r.AddCookie(&http.Cookie{Name: "language", Value: "fr"})
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	var got string
	ann.Do(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"language", "theme"} {
			for _, c := range r.CookiesNamed(name) {
				got += c.String() + " "
			}
		}
	}), r)
	if got != "language=de theme=dark " || len(r.Cookies()) != 2 {
		t.Error(got, r.Cookies())
	}
	ann.Do(handing("language", "", -1), get("/"))
	if sent(ann, "language") != "" || sent(ann, session) == "" {
		t.Error("the wrong cookie was cleared")
	}
}

// TestRedirects: another host to which a redirect leads sees no ticket, and one that leads back
// brings it to the site.
func TestRedirects(t *testing.T) {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	var site *httptest.Server
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.Header["Cookie"]) > 0 {
			t.Error("the provider got a cookie")
		}
		http.Redirect(w, r, site.URL+"/back", http.StatusFound)
	}))
	defer provider.Close()
	mux := http.NewServeMux()
	mux.Handle("/", http.RedirectHandler(provider.URL, http.StatusFound))
	mux.HandleFunc("/back", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, sessions.Get(r).Owner())
	})
	site = httptest.NewTLSServer(sessions.Handler(mux))
	defer site.Close()

	browser := cloakroomtest.NewClient(t, sessions, "ann").HTTP(site.Client())
	resp, err := browser.Get(site.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "ann" {
		t.Errorf("%s", body)
	}
	if len(resp.Request.Header["Cookie"]) > 0 {
		t.Error("the response's request shows the ticket")
	}
}

// TestSeveralGoroutines: requests of one client at the same time.
func TestSeveralGoroutines(t *testing.T) {
	sessions := cloakroomtest.NewStore().Manager(t, cloakroom.Options{})
	shop := newShop(sessions)
	ann := cloakroomtest.NewClient(t, sessions, "ann")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { ann.Do(shop, post("/cart?item=hat")) })
	}
	all.Wait()
	if n := len(cart.Get(ann.Session(t))); n != 8 {
		t.Error(n, "of 8 items")
	}
}
