package cloakroom

import "sync"

// state is a session as a store has it.
type state struct {
	id  string
	rec Record
	doc document
	due bool // its use should be noted, as of when it was loaded
}

// noState is that of a session that nobody has used yet, or that nobody can use any more. It is never changed.
var noState state

// states are those of finished sessions, to be used again: they would be a third of what a request allocates that reads.
var states = sync.Pool{New: func() any { return new(state) }}

// ownState returns the state, which may be written to. s.mu is held.
func (s *Session) ownState() *state {
	if s.state == &noState {
		s.state = states.Get().(*state)
	}
	return s.state
}

// dropState lets go of the state of a session that is finished. Methods of Session look at it under s.mu only; what
// leaves them is copies, which share its fields when something was changed. s.mu is held.
func (s *Session) dropState() {
	if s.state == &noState || s.cookie != cookieKeep && s.x == nil { // Cookie may be asked for yet
		return
	}
	st := s.state
	s.state = &noState
	room := st.doc.fields
	*st = state{}
	if s.w == nil && cap(room) <= 16 {
		clear(room)
		st.doc.fields = room[:0]
	}
	states.Put(st)
}
