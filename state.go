package cloakroom

import (
	"sync"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/engine"
)

// body is what a Session knows while it is in use. Its memory goes to another session
// when this one is finished: it would be most of what a request allocates. So it is
// looked at under Session.mu only, and what leaves that is copies; fields of state.doc
// may be shared as long as some commit or sign-out has its turn, see changes.line.
type body struct {
	state     engine.State  // as loaded or as committed last; it may have no record
	ticket    string        // empty for a session that has none yet
	err       error         // sticky
	tick      int64         // when loading or committing had ended, see [engine.Engine.Tick]
	goneID    string        // the store's id of what is gone
	w         *changes      // nil before the first change
	changed   changes       // what w points to
	room      document.Room // what the fields of the document were loaded into
	second    document.Room // what those of the first commit may go to
	lent      bool          // second was given to a commit
	committed bool          // Session.limit has been that of a commit
}

// nobody is the body of a Session that was not used yet, or is finished. It is never changed.
var nobody body

var bodies = sync.Pool{New: func() any { return new(body) }}

// own returns the body, which may be written to. The session is not finished. s.mu is held.
func (s *Session) own() *body {
	if s.body == &nobody {
		s.body = bodies.Get().(*body)
	}
	return s.body
}

// drop lets go of the body of a session that is finished, and of whose cookie nobody
// will ask any more. s.mu is held.
func (s *Session) drop() {
	b := s.body
	if b == &nobody || b.w != nil && b.w.line.Taken() {
		return
	}
	s.body = &nobody
	room := b.room
	if b.w != nil {
		b.changed = changes{}
	}
	b.state, b.ticket, b.err, b.goneID, b.w, b.room = engine.State{}, "", nil, "", nil, nil
	b.state.Doc.Reuse(room)
	if b.lent {
		b.second.Clear()
		b.lent = false
	}
	b.committed = false
	bodies.Put(b)
}

// lend returns room for the fields of the first commit, whose turn it is, and of no other: what the
// session was loaded into may be looked at still. s.mu is held.
func (b *body) lend() document.Room {
	if b.lent {
		return nil
	}
	b.second, b.lent = b.second.Fit(&b.state.Doc)
	if !b.lent {
		return nil
	}
	return b.second
}
