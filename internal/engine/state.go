package engine

import (
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// State is a session as a store has it.
type State struct {
	ID     string
	Record store.Record
	Doc    document.Document
	Due    bool // its use should be noted, as of when it was loaded
}

// NewState returns a session that has no record yet.
func (e *Engine) NewState() State { return State{Doc: e.newDocument(e.config.Persistent)} }

// Stored reports whether the session has a record.
func (st *State) Stored() bool { return st.Record.Version != "" }

func (e *Engine) newDocument(persistent bool) document.Document {
	now, c := e.now(), &e.config
	return document.New(c.Format, c.Application, persistent, now, now.Add(c.Lifetime))
}

// belongsTo reports whether a session is of the owner with this name.
func (st *State) belongsTo(owner string) bool {
	return string(st.Doc.Owner()) == owner && st.Doc.Owner() != nil
}
