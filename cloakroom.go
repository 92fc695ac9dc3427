package cloakroom

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/engine"
	"github.com/cloakroom-go/cloakroom/store"
)

// Manager gives requests their sessions. It is safe for concurrent use, holds nothing
// that must be closed, and does no work in the background but to end calls of the store
// in time. Make one with [New], usually one per site.
type Manager struct {
	engine  *engine.Engine
	policy  engine.Policy
	options Options
	several throttle // of reports of several cookies
	flashes throttle // of flash messages that were dropped
}

// New returns a manager of the sessions in store. It fails when options are inconsistent, and
// names the field and its value.
func New(st store.Store, options Options) (*Manager, error) {
	if st == nil {
		return nil, errors.New("cloakroom: New: the store is nil")
	}
	now := options.Now
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Manager{options: options, policy: engine.Own(options.Application, options.FormerTickets)}
	if options.Profile != nil {
		m.policy = options.Profile.policy()
		options.AnonymousIdle = options.Idle // a shared session has one timeout
	}
	m.engine = engine.New(engine.Config{
		Store: st, Policy: m.policy, Format: options.Format, Application: options.Application,
		Persistent: options.Persistent, Idle: options.Idle, AnonymousIdle: options.AnonymousIdle,
		Lifetime: options.Lifetime, Timeout: options.Timeout,
		MaxBytes: options.MaxBytes, MaxValues: options.MaxValues, Now: now,
		Events: options.Events, Tracer: options.Tracer, Logger: options.Logger,
	})
	return m, nil
}

// Options returns the options in force, with their defaults filled in.
func (m *Manager) Options() Options { return m.options }

// Get returns the session of a request that passed through [Manager.Handler]. It does
// not load it yet. For any other request it returns a session whose every use fails
// with [ErrNoMiddleware].
func (m *Manager) Get(r *http.Request) *Session {
	return m.FromContext(r.Context())
}

// FromContext is Get for code that has only the request's context.
func (m *Manager) FromContext(ctx context.Context) *Session {
	if x, ok := ctx.Value(m).(*exchange); ok {
		return x.get()
	}
	s := m.newSession(ctx, nil, tickets{})
	s.own().err = ErrNoMiddleware
	return s
}

func errorAt(operation string, err error) error {
	return fmt.Errorf("cloakroom: %s: %w", operation, err)
}

// Open returns the session of a ticket, for use without the middleware: WebSockets,
// RPC, or a framework that is not net/http. A ticket that is empty, malformed or
// unknown gives a new session. Nothing is loaded yet. Use the session, commit it with
// [Session.CommitHeader] before the response is sent, hand [Session.Cookies] to the
// browser, and call [Session.Close]. Cancelling ctx aborts loads within 20 milliseconds,
// but not commits.
//
// Where there is a request, [Manager.OpenWith] takes more of it in.
func (m *Manager) Open(ctx context.Context, ticket string) *Session {
	t := tickets{}
	if ticket != "" {
		t.sent = 1
	}
	if m.policy.Valid(ticket) {
		t.first = ticket
	}
	return m.newSession(ctx, nil, t)
}

// Visit is what [Manager.OpenWith] is told of a request. The zero value is a request without
// cookies.
type Visit struct {
	// Cookies is the request's Cookie header with all its cookies; join several lines
	// by "; ". The session is found in it as the middleware does, also where there are
	// several cookies of one name.
	Cookies string

	// Header has the lines of the request's header Options.RequestHeader. It means nothing
	// where that is not set.
	Header []string

	// IP is the client's address, and UserAgent the User-Agent header: both are noted
	// at sign-in and shown in the list of an owner's sessions. At most 64 and 512 bytes
	// of them are kept.
	IP, UserAgent string

	// Lent says that the memory of strings that the request's code has may be used again
	// before the commit, as fasthttp's is: names, values, owners and flash messages are
	// copied when they are set, and not at the commit.
	Lent bool

	// Tickets are those that the request brings otherwise than by a cookie or a header.
	// Where there are any, neither of these is looked at.
	Tickets []string
}

// OpenWith is [Manager.Open] for a request of a framework that is not net/http. The
// session is to be used likewise.
func (m *Manager) OpenWith(ctx context.Context, v Visit) *Session {
	var t tickets
	switch o := &m.options; {
	case len(v.Tickets) > 0:
		for _, ticket := range v.Tickets[:min(len(v.Tickets), maxOurCookies)] {
			t.sent++
			t.add(m, ticket)
		}
	case o.RequestHeader != "":
		t = m.ticketsInHeader(v.Header)
	default:
		t = m.ticketsIn([]string{v.Cookies}, o.CookieName)
	}
	s := m.newSession(ctx, &v, t)
	if s.answer.sent > 1 {
		m.reportSeveral(ctx)
	}
	return s
}

// newSession returns a session without HTTP.
func (m *Manager) newSession(ctx context.Context, v *Visit, t tickets) *Session {
	s := new(Session)
	s.open(ctx, m, nil, t)
	if v != nil {
		s.rare = &rare{visit: v, tickets: t.others}
	}
	return s
}

// open makes the zero Session that of these tickets. s.mu is held, or no other
// goroutine has it yet.
func (s *Session) open(ctx context.Context, m *Manager, x *exchange, t tickets) {
	s.m, s.x, s.body = m, x, &emptyBody
	s.answer.sent = uint8(min(t.sent, 2))
	if t.others != nil {
		s.rare = &rare{tickets: t.others}
	}
	m.engine.Embed(&s.limit, ctx)
	if t.first != "" {
		s.own().ticket = t.first
	}
}

// lent reports whether strings must be copied when they are set.
func (s *Session) lent() bool { return s.rare != nil && s.rare.visit != nil && s.rare.visit.Lent }

// kept returns a string that is to be kept until a commit: its own, if s has to copy.
func kept(s Values, text string) string {
	if x, ok := s.(*Session); ok && x.lent() {
		return strings.Clone(text)
	}
	return text
}

// cookieHeader returns the request's Cookie headers, or nil where they are not known.
func (s *Session) cookieHeader() []string {
	switch {
	case s.x != nil:
		return append([]string{}, s.x.r.Header["Cookie"]...)
	case s.rare != nil && s.rare.visit != nil:
		return []string{s.rare.visit.Cookies}
	}
	return nil
}

// visitor returns what a sign-in notes of the client.
func (s *Session) visitor() (userAgent, ip string) {
	switch {
	case s.x != nil:
		userAgent, ip = s.x.r.UserAgent(), s.m.options.ClientIP(s.x.r)
	case s.rare != nil && s.rare.visit != nil:
		userAgent, ip = s.rare.visit.UserAgent, s.rare.visit.IP
	}
	return clip(userAgent, 512), clip(ip, 64)
}
