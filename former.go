package cloakroom

import "crypto/sha256"

// The lengths of Flask-Session's ids: 16 to 128 bytes in unpadded base64. A UUID has 36
// characters.
const (
	minFormer = 22
	maxFormer = 171
)

// isFormer reports whether s is spelled as a ticket that another library handed out, see
// Options.FormerTickets.
func isFormer(s string) bool {
	if len(s) < minFormer || len(s) > maxFormer {
		return false
	}
	for i := range len(s) {
		if ticketChar[s[i]] == 0 {
			return false
		}
	}
	return true
}

// isStoreID reports whether the sessions of this manager have such ids in a store.
func (m *Manager) isStoreID(id string) bool {
	if p := m.options.Profile; p != nil {
		own, ok := p.ID(p.Ticket(id))
		return ok && own == id
	}
	if len(id) != 2*sha256.Size {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
