package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// Options configure a [Manager]. The zero value is ready for production behind HTTPS:
// each field states its default. [New] refuses what is inconsistent.
type Options struct {
	// AnonymousIdle is Idle for anonymous sessions, which robots make in
	// numbers: at most Idle and at least a second. The default is an hour, or Idle if
	// that is shorter. With a Profile it is Idle.
	AnonymousIdle time.Duration

	// Application keeps applications apart that use one store with one prefix: tickets
	// and owners of one mean nothing to the others. Without it, a ticket of any is good
	// for all. It has at most 64 printable ASCII characters. The default is none.
	// Setting or changing it signs everybody out. A Profile has no use for it: give it
	// a prefix of its own.
	Application string

	// ClientIP returns the address of a request's client, which is noted at sign-in and
	// shown in the list of an owner's sessions; an empty string notes nothing. Behind a
	// proxy, give a function that reads the header that your proxy sets. The default is
	// the host part of RemoteAddr.
	ClientIP func(*http.Request) string

	// ClearDomains are Domain attributes that cookies of this name may have besides
	// Options.Domain: those of an earlier configuration, or parent domains whose other
	// hosts may set one. If a browser sends several cookies of the name, a response that
	// sets or clears ours clears those of these domains too. Cookies without a Domain,
	// and with or without Partitioned, are cleared in any case. The default is none. With a `__Host-` name it must be empty.
	ClearDomains []string

	// Cookie changes the cookie of one request: its Name, Domain, Path, SameSite and
	// Partitioned, for a site with several domains, or with several tenants on one. c
	// has what the other options say, and no Value. It must do the same for all requests
	// of a visitor who is to keep the session, and what it does must be fit for browsers,
	// or the response is not sent. It is called for requests that touch their
	// session, and with a Profile's RefreshEachRequest for all; not for [Manager.Open]
	// and OpenWith. Its domains need a CookieName without
	// "__Host-", such as "__Secure-session". A ticket is good under any of the cookies:
	// keep tenants apart by managers with an Application each. The default is none.
	Cookie func(r *http.Request, c *http.Cookie)

	// CookieName is the name of the cookie. The default is "__Host-session", which a
	// browser accepts only with Secure, Path=/ and no Domain, so no other host and no
	// plain-HTTP page can set it (RFC 6265bis section 4.1.3.2, ASVS 5.0 3.3.1). Where
	// Domain or Path ask for a cookie that such a name does not allow, it is
	// "__Secure-session", which needs Secure alone, and with InsecureCookie "session".
	// Name and ticket have at most 4096 bytes together, or browsers would drop the
	// cookie (RFC 6265bis section 5.7).
	CookieName string

	// Domain is the cookie's Domain attribute. The default is none: the cookie belongs
	// to this host alone, and its subdomains do not see it.
	Domain string

	// ErrorHandler writes the response to a request whose session could not be loaded
	// or committed: nothing of the handler's own response was sent, its headers are
	// gone, and no cookie is set. err wraps what the store returned; it contains no
	// ticket. The default writes a plain 503.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// Events is called with what happens to sessions, after the store has acknowledged
	// it: see package event, whose Log makes an audit log of it. The goroutine whose
	// call caused the event calls it, and waits for it, and so may other requests of that
	// session: hand on what takes time, and do not use the request's own [Session] in it.
	// Its context has the values of the request's as it came to the middleware, and does
	// not end when the client hangs up. A panic of it
	// is logged and fails nothing. A process that is killed in between tells nothing.
	// The default is none, which costs nothing.
	Events func(context.Context, event.Event)

	// FormerTickets takes, besides tickets, cookies that are spelled as an id of
	// Flask-Session: 22 to 171 characters of URL-safe base64, which a UUID has too, as
	// versions before 0.6 had them. Set it where [CopyOptions.WithoutProfile] said that
	// a session has such a cookie, see [CopyResult.Former], and leave it out again a
	// Lifetime later. A session keeps such a cookie until a sign-in or Renew gives it a
	// ticket. A UUID has 122 random bits where ASVS 5.0 7.2.3 asks for 128; a ticket
	// has 256. It means nothing with a Profile. The default is false.
	FormerTickets bool

	// Format is how new records are encoded. The default is [MessagePack].
	Format Format

	// Idle is how long a session lives without being used, at most Lifetime and at
	// least a second. The default is 30 minutes, or Lifetime if that is shorter (ASVS
	// 5.0 7.3.1). Use is noted about once per tenth of it, so a session may end up to a
	// tenth early. To have no idle timeout, set it to Lifetime.
	Idle time.Duration

	// InsecureCookie leaves out the Secure attribute, for development over plain HTTP.
	// The default is false.
	InsecureCookie bool

	// Lifetime is how long a session lives at most, counted from its start and again
	// from each sign-in, however much it is used. The default is 12 hours (ASVS 5.0
	// 7.3.2; NIST SP 800-63B-4 allows 12 hours at AAL3, 24 at AAL2, 30 days at AAL1).
	Lifetime time.Duration

	// Logger gets what no caller is told: unreadable records, dropped changes, failed touches
	// and failed commits. Sessions appear by their public ID. The default is [slog.Default].
	Logger *slog.Logger

	// MaxBytes is the greatest size of a session's encoded values in bytes. What
	// Cloakroom notes itself, such as times and the owner's name, comes on top: mostly
	// 100 to 400 bytes, at most 64 KiB. The default is 1 MiB. Keep it below what the
	// store takes: a sign-in whose record a store refuses has ended the old session by
	// then. A stored record over the limit, from before it was lowered, can be read,
	// and changed if that does not make it larger.
	MaxBytes int

	// MaxValues is the most values that a session may hold; one more is [ErrTooLarge]. A
	// session that had more before it was lowered stays usable. Setting or reading all n
	// values in one request takes time that grows with the square of n. The default is
	// 256.
	MaxValues int

	// Now is the clock of both timeouts. The default is [time.Now].
	Now func() time.Time

	// Partitioned adds the Partitioned attribute (CHIPS), for pages embedded in other
	// sites. It needs Secure. The default is false.
	Partitioned bool

	// Path is the cookie's Path attribute, of at most 1024 bytes. The default is "/".
	Path string

	// Persistent makes cookies of new sessions outlive the browser, to the session's
	// absolute deadline; see also [Session.SetPersistent]. The default is false: they
	// end with the browser.
	Persistent bool

	// Profile shares the sessions with another library. The default is none.
	Profile *Profile

	// RequestHeader is the name of a request header that brings the ticket in place of a
	// cookie, for apps and services: "Authorization" with the scheme Bearer (RFC 6750
	// section 2.1), or any other, which holds the ticket alone. Then no cookie is read or
	// set; ResponseHeader hands out tickets, and responses vary by this header. No
	// browser sends such a header by itself, so there is no cross-site request forgery
	// to fend off. But scripts of the page can read a ticket that they have to send:
	// for pages, cookies are safer. A site that serves both has two managers on one
	// store. The default is none; with a Profile it must be empty.
	RequestHeader string

	// ResponseHeader is the name of the response header that hands out a new ticket
	// where RequestHeader is set: a client sends the latest from then on, and an empty
	// one says that it is signed out. For scripts of another origin, expose it by
	// Access-Control-Expose-Headers. The default is "Session-Ticket".
	ResponseHeader string

	// SameSite is the cookie's SameSite attribute. The default is
	// [http.SameSiteLaxMode]. [http.SameSiteNoneMode] needs Secure. With a Profile the
	// default is not to have the attribute.
	SameSite http.SameSite

	// Timeout bounds each load and each commit, retries included, from 10 milliseconds
	// to 20 seconds. The default is 1.5 seconds. A commit that queues behind others of
	// the same session counts it from the latest of them that succeeded.
	Timeout time.Duration

	// Tracer is told of each load, commit, end and touch, for spans and figures. The
	// default is none, which costs nothing.
	Tracer event.Tracer
}

// withDefaults fills in the defaults and checks the result. Its errors name the field
// and the value.
func (o Options) withDefaults() (Options, error) {
	if o.ClientIP == nil {
		o.ClientIP = remoteHost
	}
	if o.ErrorHandler == nil {
		o.ErrorHandler = serviceUnavailable
	}
	if o.Lifetime == 0 {
		o.Lifetime = 12 * time.Hour
	}
	if o.Idle == 0 {
		o.Idle = min(30*time.Minute, o.Lifetime)
	}
	if o.AnonymousIdle == 0 {
		o.AnonymousIdle = min(time.Hour, o.Idle)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	if o.MaxValues == 0 {
		o.MaxValues = 256
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Path == "" {
		o.Path = "/"
	}
	if o.SameSite == 0 {
		o.SameSite = http.SameSiteDefaultMode
	}
	if o.SameSite == http.SameSiteDefaultMode && o.Profile == nil {
		o.SameSite = http.SameSiteLaxMode
	}
	if o.Timeout == 0 {
		o.Timeout = 1500 * time.Millisecond
	}
	if o.CookieName == "" {
		o.CookieName = o.defaultName()
	}
	if o.RequestHeader != "" && o.ResponseHeader == "" {
		o.ResponseHeader = "Session-Ticket"
	}
	err := o.Profile.check()
	if err == nil {
		err = o.checkLength()
	}
	return o, errors.Join(o.checkHeaders(), o.checkApplication(), o.checkLimits(), o.checkCookie(), err)
}

func (o *Options) defaultName() string {
	switch {
	case o.InsecureCookie:
		return "session"
	case o.Domain != "" || len(o.ClearDomains) > 0 || o.Path != "/":
		return "__Secure-session"
	}
	return "__Host-session"
}

// What browsers store of a cookie at most, in bytes: RFC 6265bis section 5.7.
const (
	maxCookieBytes    = 4096 // name and value
	maxAttributeBytes = 1024
)

// checkLength refuses a cookie that browsers would not store. The profile is in order.
func (o *Options) checkLength() error {
	ticket := ticket.Length
	if p := o.Profile; p != nil {
		ticket = len(p.Ticket(p.NewID()))
	}
	switch n := len(o.CookieName) + ticket; {
	case n > maxCookieBytes:
		return fmt.Errorf("cloakroom: Options.CookieName is %.32q..., with the ticket %d bytes: "+
			"browsers store at most %d",
			o.CookieName, n, maxCookieBytes)
	case len(o.Path) > maxAttributeBytes:
		return fmt.Errorf("cloakroom: Options.Path is %.32q..., of %d bytes: browsers take at "+
			"most %d",
			o.Path, len(o.Path), maxAttributeBytes)
	}
	return nil
}

// checkDomains looks at ClearDomains as [http.Cookie.Valid] does at Domain.
func (o *Options) checkDomains() error {
	if len(o.ClearDomains) > 0 && hasPrefixFold(o.CookieName, "__Host-") {
		return fmt.Errorf("cloakroom: Options.ClearDomains is %q: a cookie named %q cannot have "+
			"a Domain",
			o.ClearDomains, o.CookieName)
	}
	for _, domain := range o.ClearDomains {
		probe := http.Cookie{Name: "name", Domain: domain}
		if domain == "" || probe.Valid() != nil {
			return fmt.Errorf("cloakroom: Options.ClearDomains has %q: it must be a domain", domain)
		}
	}
	return nil
}

func (o *Options) checkLimits() error {
	switch {
	case o.Lifetime < time.Second || o.Lifetime > 100*365*24*time.Hour:
		return fmt.Errorf("cloakroom: Options.Lifetime is %v: it must be from one second to a "+
			"hundred years", o.Lifetime)
	case o.Idle < time.Second:
		return fmt.Errorf("cloakroom: Options.Idle is %v: it must be at least one second", o.Idle)
	case o.Idle > o.Lifetime:
		return fmt.Errorf("cloakroom: Options.Idle is %v, longer than Options.Lifetime, %v",
			o.Idle, o.Lifetime)
	case o.AnonymousIdle < time.Second || o.AnonymousIdle > o.Idle:
		return fmt.Errorf("cloakroom: Options.AnonymousIdle is %v: it must be from one second "+
			"to Options.Idle, %v", o.AnonymousIdle, o.Idle)
	case o.Timeout < 10*time.Millisecond || o.Timeout > 20*time.Second:
		return fmt.Errorf("cloakroom: Options.Timeout is %v: it must be from 10ms to 20s",
			o.Timeout)
	case o.Format > JSON:
		return fmt.Errorf("cloakroom: Options.Format is %v: it must be MessagePack or JSON",
			o.Format)
	case o.MaxBytes < 1024 || o.MaxBytes > 1<<30:
		return fmt.Errorf("cloakroom: Options.MaxBytes is %d: it must be from 1024 to 1 GiB",
			o.MaxBytes)
	case o.MaxValues < 1 || o.MaxValues > 1<<16:
		return fmt.Errorf("cloakroom: Options.MaxValues is %d: it must be from 1 to 65536",
			o.MaxValues)
	}
	return nil
}

const maxApplication = 64

func (o *Options) checkApplication() error {
	for i := range len(o.Application) {
		if c := o.Application[i]; c < ' ' || c > '~' || len(o.Application) > maxApplication {
			return fmt.Errorf("cloakroom: Options.Application is %.70q: it must have at most %d "+
				"printable ASCII characters", o.Application, maxApplication)
		}
	}
	if o.Application != "" && o.Profile != nil {
		return errors.New("cloakroom: Options.Application is set, and Options.Profile too, " +
			"whose records another library reads: give them a prefix of their own")
	}
	return nil
}

func (o *Options) checkCookie() error {
	probe := http.Cookie{
		Name: o.CookieName, Value: strings.Repeat("A", ticket.Length),
		Domain: o.Domain, Path: o.Path,
		SameSite: o.SameSite, Secure: !o.InsecureCookie, Partitioned: o.Partitioned,
	}
	lower := strings.ToLower(o.CookieName)
	switch err := probe.Valid(); {
	case o.SameSite < http.SameSiteDefaultMode || o.SameSite > http.SameSiteNoneMode:
		return fmt.Errorf("cloakroom: Options.SameSite is %d: it must be a mode of net/http",
			o.SameSite)
	case o.SameSite == http.SameSiteNoneMode && o.InsecureCookie:
		return errors.New("cloakroom: Options.SameSite is None, which browsers accept only with " +
			"Secure, and Options.InsecureCookie is set")
	case o.Partitioned && o.InsecureCookie:
		return errors.New("cloakroom: Options.Partitioned is set, which browsers accept only " +
			"with Secure, and Options.InsecureCookie is set too")
	case !strings.HasPrefix(o.Path, "/"):
		return fmt.Errorf("cloakroom: Options.Path is %q: it must begin with a slash", o.Path)
	case strings.HasPrefix(lower, "__host-") &&
		(o.InsecureCookie || o.Domain != "" || o.Path != "/"):
		return fmt.Errorf("cloakroom: Options.CookieName is %q, which browsers accept only with "+
			"Secure, Path=/ and no Domain (RFC 6265bis section 4.1.3.2)", o.CookieName)
	case strings.HasPrefix(lower, "__secure-") && o.InsecureCookie:
		return fmt.Errorf("cloakroom: Options.CookieName is %q, which browsers accept only with "+
			"Secure (RFC 6265bis section 4.1.3.1)", o.CookieName)
	case err != nil:
		return fmt.Errorf("cloakroom: Options.CookieName %q, Domain %q or Path %q: %w",
			o.CookieName, o.Domain, o.Path, err)
	}
	return o.checkDomains()
}

// headersInUse are headers that net/http, caches or cookies need.
var headersInUse = []string{
	"Age", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Cookie", "Date", "Etag", "Expires", "Host", "Location", "Set-Cookie", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Vary",
}

// checkHeaders makes the names canonical, and refuses those that cannot bring a ticket.
func (o *Options) checkHeaders() error {
	o.RequestHeader = http.CanonicalHeaderKey(o.RequestHeader)
	o.ResponseHeader = http.CanonicalHeaderKey(o.ResponseHeader)
	switch {
	case o.RequestHeader == "" && o.ResponseHeader == "":
		return nil
	case o.RequestHeader == "":
		return fmt.Errorf("cloakroom: Options.ResponseHeader is %q, and Options.RequestHeader is "+
			"not set", o.ResponseHeader)
	case o.Cookie != nil:
		return fmt.Errorf("cloakroom: Options.RequestHeader is %q, and Options.Cookie is set: "+
			"there is no cookie then", o.RequestHeader)
	case o.Profile != nil:
		return fmt.Errorf("cloakroom: Options.RequestHeader is %q, and Options.Profile is set, "+
			"whose tickets are in cookies", o.RequestHeader)
	}
	for _, name := range []string{o.RequestHeader, o.ResponseHeader} {
		// a cookie's name is a token too (RFC 6265 section 4.1.1, RFC 9110 section 5.1)
		probe := http.Cookie{Name: name}
		if probe.Valid() != nil || slices.Contains(headersInUse, name) {
			return fmt.Errorf("cloakroom: Options.RequestHeader or ResponseHeader is %q: it must "+
				"be the name of a header that means nothing else", name)
		}
	}
	return nil
}

func remoteHost(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func serviceUnavailable(w http.ResponseWriter, _ *http.Request, _ error) {
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}
