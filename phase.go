package cloakroom

// phase is where a session is in its life, as far as this request knows. docs/concurrency.md draws
// what leads from one to another, and phase_test.go tests each arrow.
type phase uint8

const (
	unloaded   phase = iota
	fresh            // it has no record
	live             // it has a record
	sealed           // its ticket leads to a seal: it ended or moved before this request
	unreadable       // its record cannot be read: a sign-in or Clear ends that, and starts afresh
	ended            // it was ended during this request: a sign-in starts afresh
	endedOwned       // likewise, and it had an owner: a sign-in fails with ErrEnded
	finished         // the handler has returned, or Close was called
)

// gone reports whether there is nothing to read, and changes are dropped, but for a sign-in.
func (p phase) gone() bool { return sealed <= p && p <= endedOwned }

// enter makes p the phase of the session. A finished one stays finished. s.mu is held.
func (s *Session) enter(p phase) {
	if s.phase != finished {
		s.phase = p
	}
}

// over returns why a change has nowhere to go: ErrEnded or ErrUnreadable.
func (s *Session) over() error {
	if s.phase == unreadable {
		return ErrUnreadable
	}
	return ErrEnded
}
