package cloakroom_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// app is a client that keeps the ticket which a response header hands out.
type app struct {
	site   *site
	header http.Header // of its requests
}

// do performs one request with this handler.
func (a *app) do(h handlerFunc) *http.Response {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	maps.Copy(r.Header, a.header)
	a.site.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h(w, r, a.site.m.Get(r))
	})).ServeHTTP(w, r)
	return w.Result()
}

// newTicket does a request, and returns the ticket that the response hands out.
func (a *app) newTicket(h handlerFunc) string {
	a.site.t.Helper()
	resp := a.do(h)
	if resp.StatusCode != http.StatusOK || len(resp.Header["Set-Cookie"]) > 0 ||
		len(resp.Header["Session-Ticket"]) != 1 || resp.Header.Get("Cache-Control") != "private" {
		a.site.t.Fatalf("status %d, header %v", resp.StatusCode, len(resp.Header))
	}
	return resp.Header.Get("Session-Ticket")
}

func (a *app) value() (v string) {
	a.do(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { v = name.Get(s) })
	return v
}

func TestBearer(t *testing.T) {
	s := newSite(t, cloakroom.Options{RequestHeader: "authorization"})
	client := &app{site: s, header: http.Header{}}
	first := client.newTicket(setting(name, "v"))
	for _, spelled := range []string{"Bearer " + first, "bearer  " + first, "BEARER " + first + " "} {
		client.header.Set("Authorization", spelled)
		if client.value() != "v" {
			t.Errorf("the scheme %.7q is not understood", spelled)
		}
	}
	resp := client.do(getting(name))
	if resp.Header.Get("Vary") != "Authorization" || resp.Header.Values("Session-Ticket") != nil {
		t.Errorf("header %v", resp.Header)
	}
	second := client.newTicket(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		if err := s.Login("ann"); err != nil || s.Save() != nil {
			t.Error(err)
		}
		if s.Cookie().Value == "" || len(s.Cookies()) > 0 {
			t.Error("a ticket that is for a header is handed out as a cookie")
		}
	})
	if client.value() != "" {
		t.Error("the former ticket is good still")
	}
	client.header["Authorization"] = []string{"Basic eDp5", "Bearer " + first, "Bearer " + second}
	if client.value() != "v" {
		t.Error("of several tickets, the live one does not count")
	}
	client.header.Set("Authorization", "Bearer "+second)
	if ticket := client.newTicket(func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		_ = s.Logout()
	}); ticket != "" {
		t.Error("a sign-out hands out a ticket")
	}
	if client.value() != "" {
		t.Error("the session lives on")
	}
}

// TestBearerCostsNothing: what is no ticket, and a cookie, never reach the store.
func TestBearerCostsNothing(t *testing.T) {
	s := newSite(t, cloakroom.Options{RequestHeader: "Authorization"})
	client := &app{site: s, header: http.Header{}}
	ticket := client.newTicket(setting(name, "v"))
	for _, header := range []http.Header{
		{"Cookie": {"session=" + ticket}},
		{"Authorization": {ticket}},
		{"Authorization": {"Bearer"}},
		{"Authorization": {"Bearer x"}},
		{"Authorization": {"Basic " + ticket}},
	} {
		client.header = header
		calls := s.store.count(func() {
			if client.value() != "" {
				t.Error("a ticket counts that is not where it has to be")
			}
		})
		if len(calls) > 0 {
			t.Errorf("calls %v", calls)
		}
	}
	client.header = http.Header{"Authorization": {"Bearer " + ticket}}
	s.store.around = func(string, string, func() error) error { return store.ErrRefused }
	resp := client.do(setting(name, "w"))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header["Session-Ticket"] != nil {
		t.Errorf("status %d", resp.StatusCode)
	}
	if strings.Contains(s.log.String(), ticket) {
		t.Error("the ticket was logged")
	}
}

func TestHeaderOfChoice(t *testing.T) {
	s := newSite(t, cloakroom.Options{RequestHeader: "x-session", ResponseHeader: "x-session"})
	client := &app{site: s, header: http.Header{}}
	resp := client.do(setting(name, "v"))
	client.header.Set("X-Session", resp.Header.Get("X-Session"))
	if client.value() != "v" || resp.Header.Get("Vary") != "X-Session" {
		t.Errorf("header %v", len(resp.Header))
	}
	for wrong, options := range map[string]cloakroom.Options{
		"a cookie":         {RequestHeader: "Cookie"},
		"no name":          {RequestHeader: "a b"},
		"Set-Cookie":       {RequestHeader: "a", ResponseHeader: "set-cookie"},
		"a response only":  {ResponseHeader: "a"},
		"no such request":  {RequestHeader: "Host"},
		"not for tickets":  {RequestHeader: "a", ResponseHeader: "vary"},
		"a cookie besides": {RequestHeader: "a", Cookie: func(*http.Request, *http.Cookie) {}},
		"a profile":        {RequestHeader: "a", Profile: &cloakroom.Profile{}},
	} {
		if _, err := cloakroom.New(s.store, options); err == nil ||
			!strings.Contains(err.Error(), "Header is") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestCookieOfRequest: a site with several domains has a cookie for each.
func TestCookieOfRequest(t *testing.T) {
	asked := 0
	s := newSite(t, cloakroom.Options{Cookie: func(r *http.Request, c *http.Cookie) {
		asked++
		switch domain := strings.TrimPrefix(r.Host, "www."); domain {
		case "wrong.example":
			c.Domain = "wrong example"
		default:
			c.Domain, c.Name = domain, "tenant"
		}
	}})
	do := func(host, cookie string, h handlerFunc) *http.Response {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h(w, r, s.m.Get(r))
		})).ServeHTTP(w, r)
		return w.Result()
	}
	first := do("www.one.example", "", func(w http.ResponseWriter, r *http.Request, s *cloakroom.Session) {
		name.Set(s, "v")
		if err := s.Save(); err != nil {
			t.Error(err)
		}
		_ = s.Login("ann")
	}).Cookies()
	if len(first) != 1 || first[0].Name != "tenant" || first[0].Domain != "one.example" || asked != 1 {
		t.Fatalf("%d cookies, asked %d times", len(first), asked)
	}
	var got string
	read := func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { got = name.Get(s) }
	if do("two.example", "tenant="+first[0].Value, read); got != "v" {
		t.Error("the cookie was not found")
	}
	if do("two.example", "session="+first[0].Value, read); got != "" {
		t.Error("another cookie was taken for ours")
	}
	twins := do("two.example", "tenant=x; tenant="+first[0].Value,
		func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) { _ = s.Logout() }).Cookies()
	for i, domain := range []string{"", "two.example"} {
		if len(twins) != 2 || twins[i].Name != "tenant" || twins[i].Domain != domain ||
			twins[i].MaxAge >= 0 {
			t.Errorf("%d cookies, the last of domain %q", len(twins), twins[len(twins)-1].Domain)
		}
	}

	resp := do("wrong.example", "", func(_ http.ResponseWriter, _ *http.Request, s *cloakroom.Session) {
		name.Set(s, "v")
		if err := s.Err(); err == nil || errors.Is(err, cloakroom.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
	if resp.StatusCode != http.StatusServiceUnavailable ||
		!strings.Contains(s.log.String(), "Options.Cookie") {
		t.Errorf("status %d\n%s", resp.StatusCode, s.log)
	}
	asked = 0
	w := httptest.NewRecorder()
	s.m.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if asked != 0 {
		t.Error("it was asked for the cookie of a request that leaves its session alone")
	}
}
