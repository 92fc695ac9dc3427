package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// Copied is what became of one session that was copied. The root package documents it.
type Copied struct {
	Err     error
	Foreign bool
	Former  bool
	ID      string
	Written bool
}

// copyPage is how many records are held at once.
const copyPage = 32

// copySlack is by how much an expiry may differ from the one copied before it is set
// again: stores keep whole seconds.
const copySlack = 2 * time.Second

var (
	errDiverged = errors.New("the target has another record of this session, which is left as " +
		"it is")
	errNoRecord  = errors.New("the record cannot be read, so it is no session")
	errNotTicket = errors.New("its cookie is not spelled as a ticket, as a signed one is not, " +
		"so it cannot be found without the profile")
	errOddKey = errors.New("it has a key that is no string, which only a profile can keep")
)

// CopyTo copies all live sessions to another store. Where leave is set, they become
// Cloakroom's own on the way.
func (e *Engine) CopyTo(ctx context.Context, to store.Store, leave bool) iter.Seq2[Copied, error] {
	page := func(cursor string) ([]store.Entry, string, error) {
		return e.store.All(ctx, cursor, copyPage)
	}
	return func(yield func(Copied, error) bool) {
		for entry, err := range entries(page) {
			if err != nil {
				yield(Copied{}, errorAt("list sessions", err))
				return
			}
			if err := ctx.Err(); err != nil {
				yield(Copied{}, errorAt("copy", err))
				return
			}
			if c, ok := e.copyEntry(ctx, to, entry, leave); ok && !yield(c, nil) {
				return
			}
		}
	}
}

// copyEntry copies one record. It reports false for what is no live session and nothing
// to tell of.
func (e *Engine) copyEntry(
	ctx context.Context, to store.Store, entry store.Entry, leave bool,
) (Copied, bool) {
	now := e.now()
	if entry.Record.Version == "" || !now.Before(entry.Record.Expires) {
		return Copied{}, false
	}
	c := Copied{ID: ticket.PublicID(entry.ID)}
	if c.Foreign = !e.config.Policy.Owns(entry.ID); c.Foreign {
		return c, true
	}
	st := State{ID: entry.ID, Record: entry.Record}
	err := e.decode(&st)
	if err != nil {
		c.Err = fmt.Errorf("%w: %w", errNoRecord, err)
		return c, true
	}
	id := entry.ID
	if leave {
		if id, c.Former, err = e.unshare(&st); err != nil {
			c.Err = err
			return c, true
		}
		c.ID = ticket.PublicID(id)
	}
	rec := st.Record
	rec.Version = ""
	if !now.Before(rec.Deadline) {
		return Copied{}, false
	}
	if rec.Owner == "" {
		rec.Owner = e.indexOwner(&st.Doc)
	}
	limit := e.Limit(ctx, false)
	defer limit.Release()
	c.Written, err = e.copyRecord(limit, to, id, rec, &st.Doc, leave)
	if err != nil {
		c.Written, c.Err = false, withoutID(err, id)
	}
	return c, err != nil || !st.Doc.Sealed()
}

// copyRecord stores rec under id unless it is there. After a failure that leaves open
// what happened it looks, and tries again: a Create that comes late finds the id taken,
// and a Replace another version.
func (e *Engine) copyRecord(
	ctx *deadline.Context, to store.Store, id string, rec store.Record,
	source *document.Document, leave bool,
) (written bool, err error) {
	doubt := false // a write of ours may be what is there
	for try := range maxTries {
		_, err = to.Create(ctx, id, rec)
		if err == nil || isRefusal(err) {
			return true, err
		}
		doubt = doubt || !errors.Is(err, store.ErrExists)
		present, loading := to.Load(ctx, id)
		target := State{ID: id, Record: present}
		unreadable := loading == nil && e.decode(&target) != nil
		same := bytes.Equal(present.Data, rec.Data) ||
			leave && !unreadable && sameLeft(source, &target.Doc)
		switch {
		case loading == nil && same:
			if rec.Expires.Sub(present.Expires) > copySlack {
				err = to.Touch(ctx, id, present, rec.Expires)
			} else {
				err = nil
			}
			if err == nil {
				return doubt, nil
			}
		case unreadable:
			return false, errDiverged
		case loading == nil:
			if update, err := supersedes(source, &target.Doc); err != nil || !update {
				return false, err
			}
			switch {
			case leave:
				present.Owner = leavingOwner(&target.Doc)
			case present.Owner == "":
				present.Owner = e.indexOwner(&target.Doc)
			}
			present.Deadline = target.Record.Deadline
			if _, err = to.Replace(ctx, id, present, rec); err == nil || isRefusal(err) {
				return true, err
			}
			doubt = true
		case isRefusal(loading):
			return false, loading
		case !errors.Is(loading, store.ErrNotFound):
			err = loading
		}
		if backoff(ctx, try) != nil {
			break
		}
	}
	return false, err
}

// supersedes reports whether a record of the source is a later state of what the target
// holds. It returns an error when that cannot be told.
func supersedes(source, target *document.Document) (bool, error) {
	ours, theirs := source.NewestCommit(), target.NewestCommit()
	switch {
	case target.Sealed(): // ended there
		return false, nil
	case source.Sealed(): // ended since
		return true, nil
	case theirs != nil && source.HasCommit(theirs):
		return true, nil
	case ours != nil && target.HasCommit(ours):
		return false, nil
	}
	return false, errDiverged
}

// unshare turns a record into Cloakroom's own, and returns the id for it.
func (e *Engine) unshare(st *State) (id string, former bool, err error) {
	old := e.config.Policy.Spell(st.ID)
	if former = !ticket.Valid(old); former && !ticket.ValidFormer(old) {
		return "", false, errNotTicket
	}
	if st.Doc.Nameless() {
		return "", false, errOddKey
	}
	st.Doc.LimitDeadline(e.now().Add(e.config.Lifetime))
	id = ticket.Digest("", old)
	st.Record.Data = st.Doc.EncodeWith(leaving(id), false)
	st.Record.Owner = leavingOwner(&st.Doc)
	st.Record.Deadline = st.Doc.Deadline()
	return id, former, nil
}

// leavingOwner is the digest of the owner in whose index a record belongs once it is
// Cloakroom's own.
func leavingOwner(doc *document.Document) string {
	if doc.Owner() == nil {
		return ""
	}
	return ticket.Digest("", string(doc.Owner()))
}

// leaving is the commit id that a copy notes which leaves the other library. It is always the
// same for a session, so that when it is the newest one in the target, no request changed
// the session there.
func leaving(id string) (c document.CommitID) {
	sum := sha256.Sum256([]byte("cloakroom leaves the profile\x00" + id))
	copy(c[:], sum[:])
	return c
}

// sameLeft reports whether two documents that left the other library are one, but for
// when they did.
func sameLeft(a, b *document.Document) bool {
	return a.Format() == b.Format() && bytes.Equal(a.NewestCommit(), b.NewestCommit()) && a.Same(b)
}
