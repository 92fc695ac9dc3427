package cloakroom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// Profile makes the sessions of a [Manager] those of another library too, which reads
// and writes the same records under the same cookie. Package flask makes the one for
// Flask-Session; most users need none.
//
// With a profile, a record may have been written by the other library: one without notes of Cloakroom counts as first
// seen when it is loaded. A session without values, but for whether it is persistent, is not stored, and a commit that
// leaves none deletes the record and the cookie. A persistent cookie lives for Options.Idle from each response that
// sets it, and every response after a commit does. A ticket that was replaced leaves no seal behind, so that a
// sign-out by the old ticket no longer finds the session. Nobody but Cloakroom keeps an index, so listing and
// revoking by owner is [errors.ErrUnsupported].
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

	// OwnerName is the name of the value that holds the owner, a string or an integer. [Session.Login]
	// sets it. Required.
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

func (p *Profile) check() error {
	switch {
	case p == nil:
		return nil
	case p.ID == nil || p.NewID == nil || p.Ticket == nil:
		return errors.New("cloakroom: Options.Profile: ID, NewID and Ticket are required")
	case p.OwnerName == "" || len(p.OwnerName) > document.MaxName:
		return fmt.Errorf("cloakroom: Options.Profile.OwnerName is %q: it must have 1 to %d bytes", p.OwnerName, document.MaxName)
	}
	return nil
}

// withoutOwners is a store whose owner indexes are not to be relied on.
type withoutOwners struct{ store.FullStore }

// Owned implements [OwnerLister].
func (withoutOwners) Owned(context.Context, string, string, int) ([]store.Entry, string, error) {
	return nil, "", errors.ErrUnsupported
}

// isTicket reports whether a cookie's value is spelled as a ticket.
func (m *Manager) isTicket(value string) bool {
	if p := m.options.Profile; p != nil {
		_, ok := p.ID(value)
		return ok
	}
	return ticket.Valid(value) || m.options.FormerTickets && ticket.ValidFormer(value)
}

// storeID is the store's id for a well-formed ticket.
func (m *Manager) storeID(ticket string) string {
	if p := m.options.Profile; p != nil {
		id, _ := p.ID(ticket)
		return id
	}
	return m.digest(ticket)
}

// newTicket returns a new ticket, and the store's id for it.
func (m *Manager) newTicket() (fresh, id string) {
	if p := m.options.Profile; p != nil {
		id = p.NewID()
		return p.Ticket(id), id
	}
	fresh = ticket.New()
	return fresh, m.digest(fresh)
}

// slice fills in st.doc from the record's data, and in the record what a store may leave out.
func (m *Manager) slice(st *state) error {
	err := m.bounds.Decode(st.rec.Data, &st.doc)
	if m.options.Profile != nil {
		return m.options.Profile.slice(m, st, err)
	}
	if err != nil {
		return err
	}
	if st.doc.Owner() != nil && st.rec.Owner == "" {
		st.rec.Owner = ownerDigest(&st.doc)
	}
	st.rec.Deadline = st.doc.Deadline()
	return nil
}

// slice takes in a record that another library may have written, after decoding it as
// one of ours failed or not.
func (p *Profile) slice(m *Manager, st *state, err error) error {
	if err != nil && p.Convert != nil {
		converted, convertErr := p.Convert(st.rec.Data)
		if convertErr != nil {
			return convertErr
		}
		err = m.bounds.Decode(converted, &st.doc)
	}
	if err != nil {
		return err
	}
	if st.doc.Deadline().IsZero() {
		now := m.now()
		st.doc.SetTimes(now, now.Add(m.options.Lifetime))
	}
	st.doc.SetOwner(p.ownerIn(&st.doc))
	st.rec.Owner = ""
	st.rec.Deadline = st.doc.Deadline()
	return nil
}

// ownerIn returns the owner that a document names, or nil.
func (p *Profile) ownerIn(d *document.Document) []byte {
	at := d.At(p.OwnerName)
	if !at.Present() {
		return nil
	}
	if name, err := document.Decode[string](at, p.OwnerName); err == nil && name != "" {
		return []byte(name)
	}
	if n, err := document.Decode[int64](at, p.OwnerName); err == nil {
		return strconv.AppendInt(nil, n, 10)
	}
	return nil
}

// encode is EncodeShared for a document whose owner stands among its values,
// after a look at the values that are new in it.
func (p *Profile) encode(d, base *document.Document, id document.CommitID) ([]byte, error) {
	d.SetOwner(p.ownerIn(d))
	if p.CheckValue != nil {
		err := d.Changed(base, func(name, value []byte) error {
			if err := p.CheckValue(d.Format(), value); err != nil {
				return fmt.Errorf("cloakroom: value %q cannot be shared: %w", name, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return d.EncodeShared(id), nil
}

// takeClear takes out the value by which the other library asks for ClearCookies to be
// cleared, if it does.
func (p *Profile) takeClear(d *document.Draft) bool {
	at := d.At(p.ClearName)
	if p.ClearName == "" || !at.Present() {
		return false
	}
	text, err := document.Decode[string](at, p.ClearName)
	if err != nil || text != "clear" {
		return false
	}
	d.Remove(p.ClearName)
	return true
}

// replacesOwner reports whether operations sign in another owner than the one whose
// session it was.
func (p *Profile) replacesOwner(d *document.Draft, base *document.Document, ops []document.Operation) bool {
	return base.Owner() != nil && document.First(ops, document.SignIn) >= 0 && !bytes.Equal(base.Owner(), p.ownerIn(&d.Document))
}

// refresh slides the idle timeout of a session that the browser has, and hands its
// cookie out again if that is persistent. Where nobody looked at the session, its
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
		if !looked && !s.finished {
			s.err = nil
			return err
		}
		return nil
	}
	if s.rec.Version == "" {
		return nil
	}
	s.due = true
	if s.cookie == cookieKeep && s.doc.Persistent() {
		s.cookie, s.cookieTaken, s.looked = cookieSet, false, true
	}
	return nil
}

// slides reports whether the use of a session that changes nothing slides its idle timeout.
func (m *Manager) slides() bool {
	return m.options.Profile == nil || m.options.Profile.RefreshEachRequest
}

// cookieEnd returns when a persistent cookie expires.
func (m *Manager) cookieEnd(doc *document.Document) time.Time {
	if m.options.Profile != nil {
		return m.now().Add(m.options.Idle)
	}
	return doc.Deadline()
}
