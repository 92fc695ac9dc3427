package cloakroom

import (
	"github.com/cloakroom-go/cloakroom/internal/ticket"

	"github.com/cloakroom-go/cloakroom/internal/document"
)

// isStoreID reports whether the sessions of this manager have such ids in a store.
func (m *Manager) isStoreID(id string) bool {
	if p := m.options.Profile; p != nil {
		own, ok := p.ID(p.Ticket(id))
		return ok && own == id
	}
	return ticket.IsDigest(id)
}

// digest is the store's name for a ticket or an owner of this application.
func (m *Manager) digest(s string) string { return ticket.Digest(m.options.Application, s) }

// ownerDigest is the digest of the owner of a session, which need not be one of this application.
func ownerDigest(doc *document.Document) string {
	return ticket.Digest(string(doc.Text(document.Application)), string(doc.Owner()))
}
