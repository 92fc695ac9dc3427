package cloakroom

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

var (
	errNoProfile = errors.New("cloakroom: CopyOptions.WithoutProfile needs a manager with Options.Profile")
	errNotTicket = errors.New("its cookie is not spelled as a ticket, as a signed one is not, so it cannot be found without the profile")
	errOddKey    = errors.New("it has a key that is no string, which only a profile can keep")
)

// withoutProfile turns a record into what it is without the profile, and returns the id
// for it.
func (m *Manager) withoutProfile(st *state) (id string, former bool, err error) {
	p := m.options.Profile
	old := p.Ticket(st.id)
	if former = !ticket.Valid(old); former && !ticket.ValidFormer(old) {
		return "", false, errNotTicket
	}
	if st.doc.Nameless() {
		return "", false, errOddKey
	}
	st.doc.LimitDeadline(m.now().Add(m.options.Lifetime))
	id = ticket.Digest("", old)
	st.rec.Data = st.doc.EncodeWith(leaving(id), false)
	st.rec.Owner = m.leavingOwner(&st.doc)
	st.rec.Deadline = st.doc.Deadline()
	return id, former, nil
}

// leavingOwner is the owner in whose index a record belongs once it has left the profile.
func (m *Manager) leavingOwner(doc *document.Document) string {
	if doc.Owner() == nil {
		return ""
	}
	return ticket.Digest("", string(doc.Owner()))
}

// leaving is the commit id that copying without the profile notes. It is always the
// same for a session, so that when it is the newest one in the target, nobody changed
// the session there.
func leaving(id string) (c document.CommitID) {
	sum := sha256.Sum256([]byte("cloakroom leaves the profile\x00" + id))
	copy(c[:], sum[:])
	return c
}

// sameLeft reports whether two documents that left a profile are one, but for when they did.
func sameLeft(a, b *document.Document) bool {
	return a.Format() == b.Format() && bytes.Equal(a.NewestCommit(), b.NewestCommit()) && a.Same(b)
}
