package cloakroomtest

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// Client is a browser in a test, or an app where Options.RequestHeader is set: it holds a ticket,
// sends it, and takes a new one from each response that has one. It keeps the site's other cookies
// too, by name: to test Domain, Path or Secure of a cookie, use package cookiejar. It is for one
// site: where Options.Cookie tells several apart, use a client for each. Several
// goroutines may use it at the same time.
//
// Session, SignedOut and TicketChanged load: the store counts that, and Options.Events is told of
// a ticket that leads to no session.
type Client struct {
	s *state // behind a pointer, so that printing a Client shows no ticket
}

type state struct {
	sessions *cloakroom.Manager

	mu      sync.Mutex
	name    string            // of the session's cookie, as of the latest request
	ticket  string            // empty for none
	former  []string          // tickets that it had before
	cookies map[string]string // the others, by name
}

// NewClient returns a client in which owner has signed in; with owner "" it is an anonymous
// visitor. Each set is called with the session, which is committed then: to set values, or to call
// SetPersistent. If that fails, the test ends.
func NewClient(
	t testing.TB, m *cloakroom.Manager, owner string, set ...func(*cloakroom.Session),
) *Client {
	t.Helper()
	s := m.Open(context.Background(), "")
	defer s.Close()
	if owner != "" {
		_ = s.Login(owner) // Save returns its error too
	}
	for _, f := range set {
		f(s)
	}
	if err := s.Save(); err != nil {
		t.Fatal(err)
	}
	c := &Client{&state{sessions: m, name: m.Options().CookieName, cookies: map[string]string{}}}
	if cookie := s.Cookie(); cookie != nil {
		c.s.ticket = cookie.Value
	}
	return c
}

// Attach puts into r what the client sends, its ticket and cookies, and returns r: for what takes
// a request and has no handler. Give the response to [Client.Take].
func (c *Client) Attach(r *http.Request) *http.Request {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	own := maps.Clone(c.s.cookies)
	o := c.s.sessions.Options()
	switch {
	case o.RequestHeader == "":
		c.s.name = cookieName(o, r)
		if c.s.ticket != "" {
			own[c.s.name] = c.s.ticket
		}
	case c.s.ticket == "":
		r.Header.Del(o.RequestHeader)
	case o.RequestHeader == "Authorization":
		r.Header.Set(o.RequestHeader, "Bearer "+c.s.ticket)
	default:
		r.Header.Set(o.RequestHeader, c.s.ticket)
	}
	sent := r.Cookies()
	r.Header.Del("Cookie")
	for _, cookie := range sent {
		if _, ours := own[cookie.Name]; !ours {
			r.AddCookie(cookie)
		}
	}
	for name, value := range own {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// cookieName is what the session's cookie is called for a request.
func cookieName(o cloakroom.Options, r *http.Request) string {
	c := &http.Cookie{
		Name: o.CookieName, Domain: o.Domain, Path: o.Path, Secure: !o.InsecureCookie,
		HttpOnly: true, SameSite: o.SameSite, Partitioned: o.Partitioned,
	}
	if o.Cookie != nil {
		o.Cookie(r, c)
	}
	return c.Name
}

// Take takes in what a response to this client hands out: tickets and cookies.
func (c *Client) Take(resp *http.Response) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	o := c.s.sessions.Options()
	if o.RequestHeader != "" {
		if lines := resp.Header[o.ResponseHeader]; len(lines) > 0 {
			c.s.hold(lines[0])
		}
	}
	for _, cookie := range resp.Cookies() {
		gone := cookie.MaxAge < 0 ||
			cookie.MaxAge == 0 && !cookie.Expires.IsZero() && cookie.Expires.Before(time.Now())
		switch {
		case cookie.Name == c.s.name && o.RequestHeader == "" && gone:
			c.s.hold("")
		case cookie.Name == c.s.name && o.RequestHeader == "":
			c.s.hold(cookie.Value)
		case gone:
			delete(c.s.cookies, cookie.Name)
		default:
			c.s.cookies[cookie.Name] = cookie.Value
		}
	}
}

// hold takes a ticket in place of the one before. s.mu is held.
func (s *state) hold(ticket string) {
	if s.ticket != "" && s.ticket != ticket {
		s.former = append(s.former, s.ticket)
	}
	s.ticket = ticket
}

// Do sends a copy of r to a handler, without a server, and returns what it answered.
func (c *Client) Do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, c.Attach(r.Clone(r.Context())))
	c.Take(w.Result())
	return w
}

// HTTP returns a copy of base, such as Client of [httptest.Server], that sends what this client
// holds, over plain HTTP too. It sends that to the hosts that the test itself asks, and not to
// others that a redirect leads to, such as a fake provider of sign-ins. It has no Jar.
func (c *Client) HTTP(base *http.Client) *http.Client {
	next := base.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	copied := *base
	copied.Jar = nil
	copied.Transport = &transport{client: c, next: next, hosts: map[string]bool{}}
	return &copied
}

type transport struct {
	client *Client
	next   http.RoundTripper

	mu    sync.Mutex
	hosts map[string]bool // that the test has asked
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.own(r) {
		return t.next.RoundTrip(r)
	}
	resp, err := t.next.RoundTrip(t.client.Attach(r.Clone(r.Context())))
	if err != nil {
		return nil, err
	}
	t.client.Take(resp)
	resp.Request = r // without a ticket
	return resp, nil
}

// own reports whether a request is to the site under test.
func (t *transport) own(r *http.Request) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.Response == nil { // no redirect has caused it
		t.hosts[r.URL.Host] = true
	}
	return t.hosts[r.URL.Host]
}

// Session returns the client's session as it is stored now, to read what a handler stored. Change
// it by requests. If it cannot be loaded, the test ends.
func (c *Client) Session(t testing.TB) *cloakroom.Session {
	t.Helper()
	ticket, _ := c.tickets()
	return c.open(t, ticket)
}

// SignedOut fails the test if a ticket that the client has, or has had, is that of a session with
// an owner.
func (c *Client) SignedOut(t testing.TB) {
	t.Helper()
	ticket, former := c.tickets()
	if owner := c.open(t, ticket).Owner(); owner != "" {
		t.Errorf("cloakroomtest: the client is signed in as %q, and should be signed out", owner)
		return
	}
	for _, ticket := range former {
		if owner := c.open(t, ticket).Owner(); owner != "" {
			t.Errorf("cloakroomtest: the client has lost its ticket, but the session of %q goes on",
				owner)
			return
		}
	}
}

// TicketChanged fails the test if the client has no new ticket after f, or if the one that it had
// before still leads to a session: after a sign-in, or a change of what its owner may do.
func (c *Client) TicketChanged(t testing.TB, f func()) {
	t.Helper()
	before, _ := c.tickets()
	f()
	switch after, _ := c.tickets(); {
	case after == "":
		t.Error("cloakroomtest: the client has no ticket, and should have a new one")
	case after == before:
		t.Error("cloakroomtest: the ticket has not changed: see Session.Login and Session.Renew")
	case !c.open(t, before).IsNew():
		t.Error("cloakroomtest: the client has a new ticket, but the former one is good still")
	}
}

func (c *Client) tickets() (ticket string, former []string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.ticket, slices.Clone(c.s.former)
}

// open returns the session of a ticket, loaded.
func (c *Client) open(t testing.TB, ticket string) *cloakroom.Session {
	t.Helper()
	s := c.s.sessions.Open(context.Background(), ticket)
	t.Cleanup(s.Close)
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	return s
}
