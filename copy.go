package cloakroom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// CopyOptions say how [Manager.CopyTo] copies. The zero value copies sessions as they are.
type CopyOptions struct {
	// WithoutProfile leaves a [Profile]: it copies to a store for a manager without
	// one, so that those who have their cookies stay signed in. That manager must have
	// the same Options.CookieName, Path and Domain, or browsers would send it nothing,
	// and it needs Options.FormerTickets for those whose cookie is not spelled as a
	// ticket, 43 characters of canonical URL-safe base64: see [CopyResult.Former].
	//
	// Each session is stored under the hash of its ticket, with the owner that its
	// values name, in the index too, and the absolute deadline that it has, or
	// Options.Lifetime from now if that is earlier. One whose cookie is signed, or that
	// has a key that is no string, is an error of that session. When it is run again, a
	// session that was not used in the target meanwhile is brought up to date.
	WithoutProfile bool
}

// CopyResult is what became of one session by [Manager.CopyTo].
type CopyResult struct {
	// Err is why the session could not be copied, or nil. It names no id.
	Err error

	// Foreign reports that the key in the store cannot be the id of a session: it is
	// something else that begins alike, and is left alone.
	Foreign bool

	// Former reports, with [CopyOptions.WithoutProfile], that the session's cookie is
	// not spelled as a ticket, so that only a manager with Options.FormerTickets takes
	// it.
	Former bool

	// ID is its public ID, see [Session.ID].
	ID string

	// Written reports that it was stored. Otherwise, unless there is an error or
	// Foreign is set, it was there already.
	Written bool
}

// copyPage is how many records are held at once.
const copyPage = 32

// copySlack is by how much an expiry may differ from the one copied before it is set
// again: stores keep whole seconds.
const copySlack = 2 * time.Second

var (
	errDiverged = errors.New("the target has another record of this session, which is left as it is")
	errNoRecord = errors.New("the record cannot be read, so it is no session")
)

// CopyTo copies all live sessions to another store, with their ids, so that their tickets stay valid, and
// their data, expiry, owner and deadline. It yields one [CopyResult] for each session; an error as the second value
// is of the listing, or the context's, and is the last. Where the store of m cannot list, it is [errors.ErrUnsupported].
//
// It can be run again after it was stopped, and to bring later changes: what is there
// already is left alone, or brought up to date when it is an earlier state of the same
// record, or when only its expiry lags behind. What was changed in the target since is
// kept. Where neither record shows that it came from the other, as after sixteen
// commits in the source, it is an error of that session.
//
// No promise about sign-outs reaches across two stores. A session that was copied and
// then signed out in the source stays in the target, and one that was signed out in the
// target would come back if it were copied again. So stop the application, copy, and
// start it with the target; and do not run a copy again once the target is in use. The
// seal that a session leaves at its former ticket is copied like a session, but yielded
// only if that fails: the former ticket is dead in the target too.
//
// Options.Timeout of m bounds each session. At most 32 records are in memory at once.
func (m *Manager) CopyTo(ctx context.Context, to store.Store, options CopyOptions) iter.Seq2[CopyResult, error] {
	leave := options.WithoutProfile
	if leave && m.options.Profile == nil {
		return func(yield func(CopyResult, error) bool) { yield(CopyResult{}, errNoProfile) }
	}
	return func(yield func(CopyResult, error) bool) {
		for cursor := ""; ; {
			entries, next, err := m.store.All(ctx, cursor, copyPage)
			if err != nil {
				yield(CopyResult{}, errorAt("list sessions", err))
				return
			}
			for _, e := range entries {
				if err := ctx.Err(); err != nil {
					yield(CopyResult{}, errorAt("copy", err))
					return
				}
				if c, ok := m.copyEntry(ctx, to, e, leave); ok && !yield(c, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			cursor = next
		}
	}
}

// copyEntry copies one record. It reports false for what is no live session and nothing
// to tell of.
func (m *Manager) copyEntry(ctx context.Context, to store.Store, e store.Entry, leave bool) (CopyResult, bool) {
	now := m.now()
	if e.Record.Version == "" || !now.Before(e.Record.Expires) {
		return CopyResult{}, false
	}
	c := CopyResult{ID: ticket.PublicID(e.ID)}
	if c.Foreign = !m.isStoreID(e.ID); c.Foreign {
		return c, true
	}
	st := state{id: e.ID, rec: e.Record}
	err := m.slice(&st)
	if err != nil {
		c.Err = fmt.Errorf("%w: %w", errNoRecord, err)
		return c, true
	}
	id := e.ID
	if leave {
		if id, c.Former, err = m.withoutProfile(&st); err != nil {
			c.Err = err
			return c, true
		}
		c.ID = ticket.PublicID(id)
	}
	rec := store.Record{Data: st.rec.Data, Expires: st.rec.Expires, Owner: st.rec.Owner, Deadline: st.rec.Deadline}
	if !now.Before(rec.Deadline) {
		return CopyResult{}, false
	}
	if rec.Owner == "" {
		rec.Owner = m.indexOwner(&st.doc)
	}
	limit := m.limits.New(ctx, m.options.Timeout, false)
	defer limit.Release()
	c.Written, err = m.copyRecord(limit, to, id, rec, &st.doc, leave)
	if err != nil {
		c.Written, c.Err = false, withoutID{err, id}
	}
	return c, err != nil || !st.doc.Sealed()
}

// copyRecord stores rec under id unless it is there. After a failure that leaves open
// what happened it looks, and tries again: a Create that comes late finds the id taken,
// and a Replace another version.
func (m *Manager) copyRecord(ctx *deadline.Context, to store.Store, id string, rec store.Record, source *document.Document, leave bool) (written bool, err error) {
	doubt := false // a write of ours may be what is there
	for try := range maxTries {
		_, err = to.Create(ctx, id, rec)
		if err == nil || isRefusal(err) {
			return true, err
		}
		doubt = doubt || !errors.Is(err, store.ErrExists)
		present, loading := to.Load(ctx, id)
		target := state{id: id, rec: present}
		unreadable := loading == nil && m.slice(&target) != nil
		switch {
		case loading == nil && (bytes.Equal(present.Data, rec.Data) || leave && !unreadable && sameLeft(source, &target.doc)):
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
			if update, err := supersedes(source, &target.doc); err != nil || !update {
				return false, err
			}
			switch {
			case leave:
				present.Owner = m.leavingOwner(&target.doc)
			case present.Owner == "":
				present.Owner = m.indexOwner(&target.doc)
			}
			present.Deadline = target.rec.Deadline
			if _, err = to.Replace(ctx, id, present, rec); err == nil || isRefusal(err) {
				return true, err
			}
			doubt = true
		case isRefusal(loading):
			return false, loading
		case !errors.Is(loading, ErrNotFound):
			err = loading
		}
		if backoff(ctx, try) != nil {
			break
		}
	}
	return false, err
}

// supersedes reports whether a record of the source is a later state of what the target holds. It
// returns an error when that cannot be told.
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

// indexOwner is the digest of the owner in whose index a record belongs, if there is one. A seal
// belongs into that of the owner of the next session.
func (m *Manager) indexOwner(doc *document.Document) string {
	switch {
	case m.options.Profile != nil:
		return ""
	case doc.Owner() != nil:
		return ownerDigest(doc)
	}
	return string(doc.Text(document.NextOwner))
}

// withoutID is an error whose text leaves out the store's id, which a store may name as
// a file or a key.
type withoutID struct {
	error
	id string
}

func (e withoutID) Error() string { return strings.ReplaceAll(e.error.Error(), e.id, "...") }

func (e withoutID) Unwrap() error { return e.error }
