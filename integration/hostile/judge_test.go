package hostile

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// outcome is what a request led to.
type outcome struct {
	status int         // zero if the connection was closed without a word
	header http.Header // of the answer
	// what was sent besides, if that was read: the body, and answers to more requests
	// in the same bytes
	rest    string
	log     string // what the server logged meanwhile, or all the while
	called  bool   // the store was
	adopted bool   // a record was made under an id that the request brought along

	reaches bool // the request has a well-formed ticket, so the store may be called
	// the site was asked to store something, so there may be a cookie, and the store
	// may be called
	writes  bool
	owns    bool // the request has the ticket of the session with the secret
	hangsUp bool // the request breaks off, so no client reads the answer
}

// secret is what a session holds that is not the sender's.
const secret = "mine"

// wrong returns everything that must not be.
func (o outcome) wrong(raw []byte) (all []string) {
	found := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch {
	case o.status < 500, o.hangsUp && o.status == http.StatusServiceUnavailable,
		// of net/http
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
