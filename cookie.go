package cloakroom

import (
	"net/http"
	"strings"
	"time"
)

// cookieChange is what the browser must be told.
type cookieChange uint8

const (
	cookieKeep cookieChange = iota
	cookieSet
	cookieClear
)

// cookie returns the cookie that hands out a ticket, or, without one, that clears it. Both have the same
// attributes: a browser would not let a cookie without Secure replace a `__Host-` one.
func (m *Manager) cookie(ticket string, persistent bool, deadline time.Time) *http.Cookie {
	o := &m.options
	c := &http.Cookie{
		Name: o.CookieName, Value: ticket, Path: o.Path, Domain: o.Domain,
		Secure: !o.InsecureCookie, HttpOnly: o.Profile == nil || !o.Profile.ScriptCookie, SameSite: o.SameSite, Partitioned: o.Partitioned,
	}
	if ticket == "" {
		c.MaxAge = -1
	} else if persistent {
		c.Expires = deadline
	}
	return c
}

// ticketIn returns the first well-formed ticket in cookies of our name, and whether there was any
// cookie of our name. It does what r.Cookies does without building a list.
func (m *Manager) ticketIn(header http.Header) (ticket string, presented bool) {
	name := m.options.CookieName
	for _, line := range header["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			part = trimSpace(part)
			if len(part) <= len(name) || part[len(name)] != '=' || part[:len(name)] != name {
				continue
			}
			presented = true
			if value := m.unquoted(part[len(name)+1:]); m.isTicket(value) {
				return value, true
			}
		}
	}
	return "", presented
}

// unquoted returns a cookie's value without quotes around it, which other libraries may write (RFC 6265 section 4.1.1).
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
