package adapters

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"golang.org/x/oauth2"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// provider signs in each user that brings the code "good".
type provider struct{ name string }

// attempt is what goth keeps in the session between the two requests.
type attempt struct{ AuthURL, Token string }

func (p *provider) Name() string                             { return p.name }
func (p *provider) SetName(name string)                      { p.name = name }
func (*provider) Debug(bool)                                 {}
func (*provider) RefreshTokenAvailable() bool                { return false }
func (*provider) RefreshToken(string) (*oauth2.Token, error) { return nil, errors.ErrUnsupported }
func (*provider) BeginAuth(state string) (goth.Session, error) {
	return &attempt{AuthURL: "https://provider.example/auth?state=" + url.QueryEscape(state)}, nil
}

func (*provider) UnmarshalSession(text string) (goth.Session, error) {
	a := new(attempt)
	return a, json.Unmarshal([]byte(text), a)
}

func (p *provider) FetchUser(s goth.Session) (goth.User, error) {
	if s.(*attempt).Token == "" {
		return goth.User{}, errors.New("no token yet")
	}
	return goth.User{Provider: p.name, UserID: "ada"}, nil
}

func (a *attempt) GetAuthURL() (string, error) { return a.AuthURL, nil }

func (a *attempt) Marshal() string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings: it can't fail
	}
	return string(text)
}

func (a *attempt) Authorize(_ goth.Provider, in goth.Params) (string, error) {
	if in.Get("code") != "good" {
		return "", errors.New("a wrong code")
	}
	a.Token = "token"
	return a.Token, nil
}

// TestGothic: a sign-in by goth's gothic on Cloakroom's sessions. Its state is kept between its
// two requests and no longer, and the sign-in beside it gives a new ticket and keeps the values.
func TestGothic(t *testing.T) {
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	calls := countstore.New(memory)
	manager, err := cloakroom.New(calls, cloakroom.Options{
		InsecureCookie: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	former := gothic.Store
	defer func() { gothic.Store = former; goth.ClearProviders() }()
	gothic.Store = cloakgorilla.New(manager, cloakgorilla.Options{})
	goth.UseProviders(&provider{"fake"})
	const cart = cloakroom.Key[int]("cart")

	mux := http.NewServeMux()
	mux.HandleFunc("GET /auth", gothic.BeginAuthHandler)
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		user, err := gothic.CompleteUserAuth(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		if manager.Get(r).Login(user.UserID) != nil {
			return // the middleware answers
		}
		fmt.Fprint(w, "welcome")
	})
	mux.HandleFunc("GET /cart", func(_ http.ResponseWriter, r *http.Request) {
		cart.Set(manager.Get(r), 3)
	})
	mux.HandleFunc("GET /session", func(w http.ResponseWriter, r *http.Request) {
		s := manager.Get(r)
		fmt.Fprintf(w, "%q %d %q", s.Owner(), cart.Get(s), s.Names())
	})
	server := httptest.NewServer(manager.Handler(mux))
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	get := func(path string) (status int, body string, location *url.URL) {
		t.Helper()
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		location, _ = resp.Location()
		return resp.StatusCode, strings.TrimSpace(string(text)), location
	}
	want := func(path string, status int, body string) {
		t.Helper()
		if gotStatus, got, _ := get(path); gotStatus != status || got != body {
			t.Errorf("GET %s: %d %q, want %d %q", path, gotStatus, got, status, body)
		}
	}
	ticket := func() string {
		t.Helper()
		at, err := url.Parse(server.URL)
		if err != nil || len(jar.Cookies(at)) != 1 {
			t.Fatalf("%d cookies, %v", len(jar.Cookies(at)), err)
		}
		return jar.Cookies(at)[0].Value
	}
	begin := func() (state string) {
		t.Helper()
		status, _, to := get("/auth?provider=fake")
		if status != http.StatusTemporaryRedirect || to == nil {
			t.Fatalf("GET /auth: %d", status)
		}
		return url.QueryEscape(to.Query().Get("state"))
	}

	want("/cart", 200, "")
	before, creates := ticket(), calls.Stats().Creates
	state := begin()
	want("/session", 200, `"" 3 ["_gothic_session:fake" "cart"]`)
	want("/callback?provider=fake&code=good&state=forged", 401, "state token mismatch")
	want("/session", 200, `"" 3 ["cart"]`) // gothic forgets the attempt then
	want("/callback?provider=fake&code=good&state="+state, 401,
		"could not find a matching session for this request")

	state = begin()
	if ticket() != before || calls.Stats().Creates != creates {
		t.Error("the state is in another session")
	}
	want("/callback?provider=fake&code=good&state="+state, 200, "welcome")
	if ticket() == before {
		t.Error("signing in did not change the ticket")
	}
	want("/session", 200, `"ada" 3 ["cart"]`)
	want("/callback?provider=fake&code=good&state="+state, 401,
		"could not find a matching session for this request")
}
