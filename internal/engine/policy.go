package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// Policy answers where sessions that are shared with another library differ from
// Cloakroom's own.
type Policy struct {
	KeepsEmpty    bool // a session without values stays stored
	LeavesSeal    bool // a session that moves leaves a seal at its former id, until that expires
	HasIndex      bool // the store's index of owners can be relied on
	SlidesOnRead  bool // a use that changes nothing slides the idle timeout
	SlidesOnWrite bool // every change does, also shortly after the last time

	Valid func(ticket string) bool        // reports whether it is spelled as a ticket
	ID    func(ticket string) string      // the store's id of a valid ticket
	Mint  func() (ticket, id string)      // a new ticket
	Owns  func(id string) bool            // reports whether it is spelled as a store's id
	Spell func(id string) (ticket string) // the way back from ID; nil where there is none

	// OwnerName is the name of the value that holds the owner. It is empty where the
	// owner stands among the notes. The functions below are nil then.
	OwnerName  string
	ClearName  string // of a value "clear", which is not stored; see [Result.ClearsForeign]
	CheckValue func(f document.Format, value []byte) error
	Convert    func(data []byte) ([]byte, error)
	Restore    func(doc, before []byte) ([]byte, error)
}

// Own is the policy of Cloakroom's own sessions, of one application. former takes
// tickets too that another library handed out.
func Own(application string, former bool) Policy {
	digest := func(t string) string { return ticket.Digest(application, t) }
	return Policy{
		KeepsEmpty: true, LeavesSeal: true, HasIndex: true, SlidesOnRead: true,
		Valid: func(t string) bool { return ticket.Valid(t) || former && ticket.ValidFormer(t) },
		ID:    digest,
		Mint: func() (string, string) {
			t := ticket.New()
			return t, digest(t)
		},
		Owns: ticket.IsDigest,
	}
}

// Shared reports whether another library reads and writes the records too.
func (p *Policy) Shared() bool { return p.OwnerName != "" }

// withoutIndex is a store whose indexes of owners are not to be relied on.
type withoutIndex struct{ store.FullStore }

// Owned implements [store.OwnerLister].
func (withoutIndex) Owned(context.Context, string, string, int) ([]store.Entry, string, error) {
	return nil, "", errors.ErrUnsupported
}

// digest is the store's name for an owner of this application.
func (e *Engine) digest(owner string) string { return ticket.Digest(e.config.Application, owner) }

// ownerDigest is the store's name for the owner of a session, which need not be of this
// application.
func ownerDigest(doc *document.Document) string {
	return ticket.Digest(string(doc.Text(document.Application)), string(doc.Owner()))
}

// indexOwner is the digest of the owner in whose index a record belongs, if there is
// one. A seal belongs into that of the owner of the next session.
func (e *Engine) indexOwner(doc *document.Document) string {
	switch {
	case !e.config.Policy.HasIndex:
		return ""
	case doc.Owner() != nil:
		return ownerDigest(doc)
	}
	return string(doc.Text(document.NextOwner))
}

// decode fills in the document of a state from its record, and in the record what a
// store may leave out.
func (e *Engine) decode(st *State) error {
	p := &e.config.Policy
	err := e.bounds.Decode(st.Record.Data, &st.Doc)
	if err != nil && p.Convert != nil {
		converted, convertErr := p.Convert(st.Record.Data)
		if convertErr != nil {
			return convertErr
		}
		err = e.bounds.Decode(converted, &st.Doc)
	}
	if err != nil {
		return err
	}
	if p.Shared() {
		if st.Doc.Deadline().IsZero() { // Cloakroom has not seen it before
			now := e.now()
			st.Doc.SetTimes(now, now.Add(e.config.Lifetime))
		}
		st.Doc.SetOwner(p.ownerIn(&st.Doc))
	}
	switch {
	case !p.HasIndex:
		st.Record.Owner = ""
	case st.Doc.Owner() != nil && st.Record.Owner == "":
		st.Record.Owner = ownerDigest(&st.Doc)
	}
	st.Record.Deadline = st.Doc.Deadline()
	return nil
}

// OwnerIn returns the owner of a document that may have changed since it was decoded, or nil.
func (p *Policy) OwnerIn(d *document.Document) []byte {
	if !p.Shared() {
		return d.Owner()
	}
	return p.ownerIn(d)
}

// ownerIn returns the owner that the values of a document name, or nil.
func (p *Policy) ownerIn(d *document.Document) []byte {
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

// encode is EncodeWith, for a shared record after a look at the values that are new in
// it. own tells that the fields are the document's own.
func (p *Policy) encode(
	d, base *document.Document, id document.CommitID, own bool,
) ([]byte, error) {
	if !p.Shared() {
		return d.EncodeWith(id, own), nil
	}
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

// clears reports whether a commit asks for the other library's cookies to be cleared:
// by the value of ClearName, which it takes out, or since another owner signs in.
func (p *Policy) clears(d *document.Draft, base *document.Document, ops []document.Operation) bool {
	return p.Shared() && (p.takeClear(d) || base.Owner() != nil &&
		document.First(ops, document.SignIn) >= 0 &&
		!bytes.Equal(base.Owner(), p.ownerIn(&d.Document)))
}

func (p *Policy) takeClear(d *document.Draft) bool {
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
