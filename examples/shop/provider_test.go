package main

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/oauth2"

	"github.com/cloakroom-go/cloakroom/cloakroomtest"
)

// callback is where the provider sends browsers back to.
const callback = "/sign-in/provider/callback"

// fakeProvider signs in a user called Ann at once.
type fakeProvider struct {
	*httptest.Server
	mu         sync.Mutex
	challenges map[string]string // by code
	asked      atomic.Int32      // how often it was asked for a token
	meanwhile  func()            // what happens while it is asked
}

func newFakeProvider(t *testing.T) *fakeProvider {
	t.Helper()
	f := &fakeProvider{challenges: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("GET /user", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"sub": "4711", "name": "Ann"}`)
	})
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeProvider) authorize(w http.ResponseWriter, r *http.Request) {
	answer := url.Values{"state": {r.FormValue("state")}}
	if r.FormValue("code_challenge_method") != "S256" {
		answer.Set("error", "access_denied")
	} else {
		code := rand.Text()
		f.mu.Lock()
		f.challenges[code] = r.FormValue("code_challenge")
		f.mu.Unlock()
		answer.Set("code", code)
	}
	http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (f *fakeProvider) token(w http.ResponseWriter, r *http.Request) {
	if f.asked.Add(1) == 1 && f.meanwhile != nil {
		f.meanwhile()
	}
	f.mu.Lock()
	challenge, ok := f.challenges[r.FormValue("code")]
	delete(f.challenges, r.FormValue("code"))
	f.mu.Unlock()
	if !ok || challenge != oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"access_token": "good", "token_type": "Bearer"})
}

// newShopWith returns a shop with the provider, and its address.
func newShopWith(t *testing.T, f *fakeProvider) (*shop, string) {
	t.Helper()
	p := &provider{UserURL: f.URL + "/user", Config: oauth2.Config{
		ClientID: "shop",
		Endpoint: oauth2.Endpoint{AuthURL: f.URL + "/authorize?prompt=login", TokenURL: f.URL + "/token"},
	}}
	s := newShop(t, p)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	p.RedirectURL = server.URL + callback
	return s, server.URL
}

// TestProvider: the way to the provider and back signs in, with a new ticket, and keeps the cart.
// Its last address is good once.
func TestProvider(t *testing.T) {
	f := newFakeProvider(t)
	s, addr := newShopWith(t, f)
	ann := s.client("")
	s.do(ann, post("/cart", "item", "hat"), http.StatusSeeOther, "/")
	browser := ann.HTTP(http.DefaultClient)
	var back *http.Request
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == callback {
			back = r.Clone(r.Context())
		}
		return nil
	}
	ann.TicketChanged(t, func() {
		resp, err := browser.Post(addr+"/sign-in/provider", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		page, _ := io.ReadAll(resp.Body)
		for _, want := range []string{">Ann<", "1 × hat"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("%d, without %q: %s", resp.StatusCode, want, page)
			}
		}
	})
	policy := s.client("").Do(s, get("/sign-in")).Header().Get("Content-Security-Policy")
	if !strings.HasSuffix(policy, "form-action 'self' "+f.URL+"/authorize") {
		t.Error("browsers would not send the form on:", policy)
	}
	if back == nil {
		t.Fatal("the provider did not send the browser back")
	}
	s.do(ann, get(back.URL.RequestURI()), http.StatusSeeOther, "/sign-in")
	s.do(ann, get("/sign-in"), http.StatusOK, "is over")
	s.do(s.client(""), get(back.URL.RequestURI()), http.StatusSeeOther, "/sign-in")
}

// begin sends a browser to the provider, and returns where that sends it back to.
func begin(t *testing.T, s *shop, c *cloakroomtest.Client) string {
	t.Helper()
	to := c.Do(s, post("/sign-in/provider")).Header().Get("Location")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := client.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	u, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// TestProviderOnce: an answer is taken once, also if it comes again before that is done.
func TestProviderOnce(t *testing.T) {
	f := newFakeProvider(t)
	s, _ := newShopWith(t, f)
	ann := s.client("")
	back := begin(t, s, ann)
	f.meanwhile = func() { ann.Do(s, get(back)) }
	ann.Do(s, get(back))
	if owner := ann.Session(t).Owner(); owner == "" {
		t.Error("the first answer does not sign in")
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("%d answers were taken, want 1", n)
	}
}

// TestProviderRefused: an answer for another session, with another state, or none, signs in no
// user.
func TestProviderRefused(t *testing.T) {
	f := newFakeProvider(t)
	s, _ := newShopWith(t, f)
	for name, answer := range map[string]func(back string) string{
		"another state":     func(back string) string { return back + "x" }, // state is last
		"no state":          func(string) string { return callback + "?code=1" },
		"another session's": func(string) string { return begin(t, s, s.client("")) },
		"denied": func(back string) string {
			u, _ := url.Parse(back)
			return callback + "?error=access_denied&state=" + u.Query().Get("state")
		},
	} {
		t.Run(name, func(t *testing.T) {
			ann := s.client("")
			back := begin(t, s, ann)
			ann.Do(s, get(answer(back)))
			ann.SignedOut(t)
			ann.Do(s, get(back)) // the attempt is used up
			ann.SignedOut(t)
		})
	}
	if n := f.asked.Load(); n != 0 {
		t.Errorf("%d answers were taken", n)
	}
}
