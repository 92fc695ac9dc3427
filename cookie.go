package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// cookieChange is what the browser must be told.
type cookieChange uint8

const (
	cookieKeep cookieChange = iota
	cookieSet
	cookieClear
)

// template returns the cookie that the options describe, without a value.
func (o *Options) template() *http.Cookie {
	return &http.Cookie{
		Name: o.CookieName, Path: o.Path, Domain: o.Domain,
		Secure: !o.InsecureCookie, HttpOnly: o.Profile == nil || !o.Profile.ScriptCookie,
		SameSite: o.SameSite, Partitioned: o.Partitioned,
	}
}

// templateOf returns what Options.Cookie, which there is, makes of the template for a
// request.
func (m *Manager) templateOf(r *http.Request) (*http.Cookie, error) {
	o := m.options
	c := o.template()
	o.Cookie(r, c)
	o.CookieName, o.Domain, o.Path = c.Name, c.Domain, c.Path
	o.SameSite, o.Partitioned, o.ClearDomains = c.SameSite, c.Partitioned, nil
	if err := errors.Join(o.checkCookie(), o.checkLength()); err != nil {
		return nil, errorAt("Options.Cookie", err)
	}
	return o.template(), nil
}

// cookieWith returns the cookie that hands out a ticket, or, without one, that clears it.
// Both have the same attributes: a browser would not let a cookie without Secure
// replace a `__Host-` one.
func (s *Session) cookieWith(ticket string, persistent bool, deadline time.Time) *http.Cookie {
	var c *http.Cookie
	if s.rare != nil && s.rare.cookie != nil {
		own := *s.rare.cookie
		c = &own
	} else {
		c = s.m.options.template()
	}
	c.Value = ticket
	if ticket == "" {
		c.MaxAge = -1
	} else if persistent {
		// Max-Age counts from when the cookie comes, so a clock that is wrong on either
		// side does not end it. Expires is for clients that do not know it (RFC 6265bis
		// section 5.6).
		c.Expires = deadline
		left := deadline.Sub(s.m.engine.Now()) + time.Second - 1
		c.MaxAge = int(min(max(left/time.Second, 1), math.MaxInt32))
	}
	return c
}

// Limits of the cookies of our name that are looked at: each candidate costs a load,
// and each value that a Profile's ID checks may cost a signature.
const (
	maxCandidates = 4
	maxOurCookies = 64
)

// tickets is what a request presents in cookies of our name.
type tickets struct {
	first  string   // the first well-formed ticket, or empty
	others []string // further ones, in the order in which they came, without repeats
	sent   int      // how many cookies of our name there are, at most maxOurCookies
}

// ticketsIn returns the tickets in Cookie headers. It does what r.Cookies does without
// building a list.
func (m *Manager) ticketsIn(lines []string, name string) (t tickets) {
	for _, line := range lines {
		for line != "" && t.sent < maxOurCookies {
			var part string
			part, line, _ = strings.Cut(line, ";")
			part = trimSpace(part)
			if len(part) <= len(name) || part[len(name)] != '=' || part[:len(name)] != name {
				continue
			}
			t.sent++
			t.add(m, m.unquoted(part[len(name)+1:]))
			if !strings.Contains(line, name) {
				break // as mostly, since there is one cookie of our name
			}
		}
	}
	return t
}

// add takes in the value of a cookie of our name.
func (t *tickets) add(m *Manager, value string) {
	switch {
	case len(t.others) == maxCandidates-1 || !m.policy.Valid(value):
	case t.first == "":
		t.first = value
	case value != t.first && !slices.Contains(t.others, value):
		t.others = append(t.others, value)
	}
}

// ticketsOf returns the tickets of a request, and its cookie if that is another than the
// options describe.
func (m *Manager) ticketsOf(r *http.Request) (t tickets, c *http.Cookie, err error) {
	lines := r.Header["Cookie"]
	switch o := &m.options; {
	case o.RequestHeader != "":
		return m.ticketsInHeader(r.Header[o.RequestHeader]), nil, nil
	case o.Cookie == nil:
		return m.ticketsIn(lines, o.CookieName), nil, nil
	}
	if c, err = m.templateOf(r); err != nil {
		return tickets{}, nil, err
	}
	return m.ticketsIn(lines, c.Name), c, nil
}

// ticketsInHeader returns the tickets in lines of Options.RequestHeader.
func (m *Manager) ticketsInHeader(lines []string) (t tickets) {
	const scheme = "Bearer " // in any case: RFC 9110 section 11.1
	for _, line := range lines[:min(len(lines), maxOurCookies)] {
		if m.options.RequestHeader == "Authorization" {
			if !hasPrefixFold(line, scheme) {
				continue // another scheme is none of ours
			}
			line = line[len(scheme):]
		}
		t.sent++
		t.add(m, trimSpace(line))
	}
	return t
}

// unquoted returns a cookie's value without quotes around it, which other libraries may
// write (RFC 6265 section 4.1.1).
func (m *Manager) unquoted(value string) string {
	if n := len(value); m.options.Profile != nil && n >= 2 && value[0] == '"' && value[n-1] == '"' {
		return value[1 : n-1]
	}
	return value
}

// trimSpace removes spaces and tabs around s, in a sixth of the time that strings.Trim takes.
func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// Cookie returns the cookie that the browser must be sent since the session was opened,
// or nil. It holds the ticket: do not log it. The middleware sends it by itself, except
// in a response that the handler writes to a hijacked connection. Once the handler
// within the middleware has returned, Cookie is nil. With Options.RequestHeader its
// Value is for Options.ResponseHeader: it must not be set as a cookie.
//
// [Session.Cookies] returns it with those that are to be cleared.
func (s *Session) Cookie() *http.Cookie {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == finished && s.x != nil {
		return nil
	}
	s.answer.taken = true
	return s.cookieLocked()
}

// Cookies returns all cookies that the browser must be sent since the session was
// opened, in this order: mostly none or the one that [Session.Cookie] returns. Where
// the browser sent several of its name, cookies that clear the others as far as this
// host can come before it; those of Profile.ClearCookies come after it, when they are
// to be cleared. With Options.RequestHeader there are none: a cookie would be a ticket
// that browsers send by themselves.
func (s *Session) Cookies() []*http.Cookie {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == finished && s.x != nil || s.m.options.RequestHeader != "" {
		return nil
	}
	s.answer.taken = true
	return s.cookiesLocked()
}

func (s *Session) cookiesLocked() (all []*http.Cookie) {
	if c := s.cookieLocked(); c != nil {
		if s.answer.sent > 1 && s.m.options.RequestHeader == "" {
			all = s.m.twins(c)
		}
		all = append(all, c) // last, for a browser that takes a twin for the same cookie
	}
	if p := s.m.options.Profile; p != nil && s.answer.clearForeign {
		sent := s.cookieHeader()
		for _, other := range p.ClearCookies {
			if sent == nil || hasCookie(sent, other.Name) {
				all = append(all, clearing(other))
			}
		}
	}
	return all
}

func (s *Session) cookieLocked() *http.Cookie {
	switch s.answer.cookie {
	case cookieSet:
		return s.cookieWith(s.ticket, s.state.Doc.Persistent(), s.m.cookieEnd(&s.state.Doc))
	case cookieClear:
		return s.cookieWith("", false, time.Time{})
	}
	return nil
}

// clearing returns the cookie that clears c.
func clearing(c *http.Cookie) *http.Cookie {
	cleared := *c
	cleared.Value, cleared.MaxAge, cleared.Expires = "", -1, time.Time{}
	return &cleared
}

// hasCookie reports whether lines of Cookie headers have a cookie of a name.
func hasCookie(lines []string, name string) bool {
	r := http.Request{Header: http.Header{"Cookie": lines}}
	return len(r.CookiesNamed(name)) > 0
}

// twins returns cookies that clear others of our name which this host can have set:
// those of another Domain, and the same with Partitioned or without, which browsers
// keep apart from it (RFC 6265bis section 5.7; CHIPS).
func (m *Manager) twins(own *http.Cookie) (all []*http.Cookie) {
	domains := []string{""}
	if !hasPrefixFold(own.Name, "__Host-") {
		domains = append(append(domains, own.Domain), m.options.ClearDomains...)
	}
	for i, domain := range domains {
		domains[i] = strings.ToLower(strings.TrimPrefix(domain, "."))
	}
	slices.Sort(domains)
	for _, domain := range slices.Compact(domains) {
		for _, partitioned := range []bool{false, true} {
			same := domain == strings.ToLower(strings.TrimPrefix(own.Domain, "."))
			if partitioned && !own.Secure || same && partitioned == own.Partitioned {
				continue
			}
			c := clearing(own)
			c.Domain, c.Partitioned = domain, partitioned
			all = append(all, c)
		}
	}
	return all
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// A browser may send several cookies of our name: from before Domain, Path or
// Partitioned was changed, or planted by a sibling host. It sends those of longer paths
// first, and then those that it got first (RFC 6265bis section 5.8.3), so a dead one
// may come before the one that counts, for as long as the browser keeps it.

// dead reports whether what was loaded is no live session.
func dead(st *engine.State, err error) bool {
	return errors.Is(err, ErrNotFound) || err == nil && st.Doc.Sealed()
}

// loadOther loads the browser's other tickets, in their order, until one is that of a
// live session. Where none is, the session stays the first that has a record at all,
// one that cannot be read before a sealed one: its cookie is not to be lost. id and err
// are what came of the first ticket. s.mu is held.
func (s *Session) loadOther(
	l *deadline.Context, now time.Time, id string, err error,
) (string, error) {
	b := s.own()
	best := rank(&b.state, err)
	others := s.rare.tickets
	for i, ticket := range others {
		var st engine.State
		otherID := s.m.policy.ID(ticket)
		otherErr := s.m.engine.Load(l, otherID, &st, now)
		r := rank(&st, otherErr)
		if r <= best {
			continue
		}
		best, id, err = r, otherID, otherErr
		others[i], b.ticket = b.ticket, ticket
		b.state = st
		if r == rankLive || r == rankFailed {
			break
		}
	}
	return id, err
}

// The ranks of what a ticket leads to: of several tickets, the first of the highest counts.
const (
	rankNothing = iota
	rankSealed
	rankUnreadable
	rankLive
	rankFailed // the load failed, so nothing can be said
)

func rank(st *engine.State, err error) int {
	switch {
	case err == nil && st.Doc.Sealed():
		return rankSealed
	case err == nil:
		return rankLive
	case errors.Is(err, ErrUnreadable):
		return rankUnreadable
	case errors.Is(err, ErrNotFound):
		return rankNothing
	}
	return rankFailed
}

// reportSeveral logs, at most once a minute, that browsers send several cookies of our name.
func (m *Manager) reportSeveral(ctx context.Context) {
	n := m.several.count(time.Minute)
	if n == 0 || m.options.RequestHeader != "" {
		return
	}
	err := fmt.Errorf("several cookies are named %q: the first whose session lives counts",
		m.options.CookieName)
	const message = "browsers send several cookies of one name"
	m.engine.Log(ctx, slog.LevelWarn, message, "", err, slog.Int64("requests", n))
}

// throttle bounds how often something is reported.
type throttle struct {
	next   atomic.Int64 // when it may be, by monotonic
	events atomic.Int64 // since it was last
}

// count takes down an event, and returns how many there were since the latest report if
// another is due.
func (t *throttle) count(every time.Duration) int64 {
	t.events.Add(1)
	now, next := deadline.Now(), t.next.Load()
	if now < next || !t.next.CompareAndSwap(next, now+int64(every)) {
		return 0
	}
	return t.events.Swap(0)
}
