package cloakroom

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// Profile makes the sessions of a [Manager] those of another library too, which reads
// and writes the same records under the same cookie. Package flask makes the one for
// Flask-Session; most users need none.
//
// With a profile, a record may have been written by the other library: one without
// notes of Cloakroom counts as first seen when it is loaded. A session without values,
// but for whether it is persistent, is not stored, and a commit that leaves none
// deletes the record and the cookie. A persistent cookie lives for Options.Idle from
// each response that sets it, and every response after a commit does. A ticket that was
// replaced leaves no seal behind, so that a sign-out by the old ticket no longer finds
// the session. The other library keeps no index, so listing and revoking by owner is
// [errors.ErrUnsupported].
type Profile struct {
	// ClearCookies are cleared, with ours, by a Logout, and by a Login that replaces
	// another owner, as far as the browser sent them: those by which the other library
	// would sign the visitor in again. Their name, path, domain and flags count. The
	// default is none.
	ClearCookies []*http.Cookie

	// ClearName is the name of a value that asks for the same: where a commit would
	// store the text "clear" under it, it stores nothing under it, and the response
	// clears ClearCookies. The default is none.
	ClearName string

	// CheckValue returns an error for a value that the other library could not read.
	// The commit that would store it fails. The default takes every value.
	CheckValue func(format Format, value []byte) error

	// Convert returns the document, a MessagePack map or a JSON object, that record
	// data of another form stands for. The next commit stores it in that format, unless
	// Restore says otherwise. It must bound its work by the length of data. The default
	// reads no other form.
	Convert func(data []byte) ([]byte, error)

	// ID returns the store's id for a ticket, the value of a cookie, and false for one
	// that is malformed, which then never reaches the store. Required.
	ID func(ticket string) (id string, ok bool)

	// NewID returns an id for a new session, of at least 128 random bits. Required.
	NewID func() string

	// OwnerName is the name of the value that holds the owner, a string or an integer.
	// [Session.Login] sets it. Required.
	OwnerName string

	// RefreshEachRequest makes every response to a request with a ticket slide the idle
	// timeout, and set the cookie again if that is persistent, also where the handler
	// did not touch the session: such a request costs a load and a touch. Otherwise
	// only what changes a session slides the timeout, besides [Session.KeepAlive].
	RefreshEachRequest bool

	// Restore returns what to store for a document: the way back from Convert. before
	// is the data of the record that the document was made from, nil for a new session.
	// The default stores the document as it is.
	Restore func(document, before []byte) ([]byte, error)

	// ScriptCookie leaves out the cookie's HttpOnly attribute, so that scripts of the
	// page can read the ticket.
	ScriptCookie bool

	// Ticket returns what the cookie of a session holds: ID of it must be the id. Required.
	Ticket func(id string) string
}

// policy returns what differs from Cloakroom's own sessions.
func (p *Profile) policy() engine.Policy {
	return engine.Policy{
		SlidesOnRead: p.RefreshEachRequest, SlidesOnWrite: true,
		Valid: func(ticket string) bool {
			_, ok := p.ID(ticket)
			return ok
		},
		ID: func(ticket string) string {
			id, _ := p.ID(ticket)
			return id
		},
		Mint: func() (ticket, id string) {
			id = p.NewID()
			return p.Ticket(id), id
		},
		Owns: func(id string) bool {
			own, ok := p.ID(p.Ticket(id))
			return ok && own == id
		},
		Spell: p.Ticket, OwnerName: p.OwnerName, ClearName: p.ClearName,
		CheckValue: p.CheckValue, Convert: p.Convert, Restore: p.Restore,
	}
}

func (p *Profile) check() error {
	switch {
	case p == nil:
		return nil
	case p.ID == nil || p.NewID == nil || p.Ticket == nil:
		return errors.New("cloakroom: Options.Profile: ID, NewID and Ticket are required")
	case p.OwnerName == "" || len(p.OwnerName) > document.MaxName:
		return fmt.Errorf("cloakroom: Options.Profile.OwnerName is %q: it must have 1 to %d bytes",
			p.OwnerName, document.MaxName)
	}
	return nil
}

// refresh slides the idle timeout of a session that the browser has, and hands its
// cookie out again if that is persistent. Where the handler did not look at the session, its
// failure to load fails no response, and is returned.
func (s *Session) refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil { // the response is not sent
		return nil
	}
	looked := s.looked
	err := s.ensure()
	s.looked = looked
	if err != nil {
		if !looked && s.phase != finished {
			s.err = nil
			return err
		}
		return nil
	}
	if !s.state.Stored() {
		return nil
	}
	s.state.Due = true
	if s.answer.cookie == cookieKeep && s.state.Doc.Persistent() {
		s.answer.cookie, s.answer.taken, s.looked = cookieSet, false, true
	}
	return nil
}

// cookieEnd returns when a persistent cookie expires.
func (m *Manager) cookieEnd(doc *document.Document) time.Time {
	if m.options.Profile != nil {
		return m.engine.Now().Add(m.options.Idle)
	}
	return doc.Deadline()
}
