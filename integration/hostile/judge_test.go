package hostile

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// outcome is a request and what it led to.
type outcome struct {
	brought
	effect
	status int         // zero if the connection was closed without a response
	header http.Header // of the response
	rest   string      // the body, and responses to more requests in the same bytes
	log    string      // what the server logged
}

// brought is what a request brings along.
type brought struct {
	reaches bool // a well-formed ticket, so the store may be called
	owns    bool // the ticket of the session with the secret
	hangsUp bool // no end, so no client reads the response
}

// effect is what a request did at the site.
type effect struct {
	writes  bool // it asked to store something: there may be a cookie and a call to the store
	called  bool // it led to a call to the store
	adopted bool // it created a record under an id that it brought along
}

// secret is the value in a session of another client.
const secret = "mine"

// wrong lists what must not be.
func (o outcome) wrong(raw []byte) (all []string) {
	found := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch {
	case o.status < 500, o.hangsUp && o.status == http.StatusServiceUnavailable,
		// from net/http
		o.status == http.StatusNotImplemented, o.status == http.StatusHTTPVersionNotSupported:
	default:
		found("it was answered with %d", o.status)
	}
	cookies := o.header.Values("Set-Cookie")
	if len(cookies) > 0 && !o.writes {
		found("it got a cookie")
	}
	for _, cookie := range cookies {
		_, value, _ := strings.Cut(cookie, "=")
		value, _, _ = strings.Cut(value, ";")
		if value != "" && strings.Contains(string(raw), value) { // a sign-out clears it
			found("it got a cookie that it had brought along")
		}
	}
	if o.called && !o.reaches && !o.writes {
		found("it called the store")
	}
	if o.adopted {
		found("a ticket that was never handed out was adopted")
	}
	if !o.owns && strings.Contains(o.rest, secret) && !strings.Contains(string(raw), secret) {
		found("it got what another session holds")
	}
	if strings.Contains(o.log, "panic") {
		found("the log has a panic")
	}
	if o.log == "" { // looking for tickets in a huge header takes a second
		return all
	}
	for _, ticket := range tickets(raw) {
		if strings.Contains(o.log, ticket) {
			found("the log has a ticket")
		}
	}
	return all
}

// spelled finds tickets: 32 bytes in URL-safe base64 whose unused bits are zero.
var spelled = regexp.MustCompile(`[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]`)

// tickets returns what is spelled as a ticket, wherever it stands.
func tickets(raw []byte) []string { return spelled.FindAllString(string(raw), -1) }
