package cloakroom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// maxTries bounds how often one commit is tried, besides the time limit.
const maxTries = 200

func randomDuration(most time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(most)) + 1)
}

// commit is one commit on its way: the operations of a request, and the state that they are
// applied to, which moves on when others commit first.
type commit struct {
	m       *Manager
	ctx     *deadline.Context
	ops     []document.Operation
	commit  document.CommitID
	now     time.Time // zero when the clock must be read again
	base    state
	next    state // what takes the place of the base: in the end, what the session is
	tick    int64 // when the base had been loaded, see Manager.commits
	writing int64 // when the latest write began

	// view is what the first seen operations make of the base; no longer once that has
	// moved on.
	view document.Draft
	seen int

	skip int // how many operations are left out, see join

	room document.Room // for the fields of the first draft

	// doubt is set once a write of this commit failed without telling whether it
	// happened. doubtBase is the newest commit id of the record that it started from:
	// while a record lists that one but not ours, ours was not applied.
	doubt     bool
	doubtBase []byte
	doubtData []byte
	doubtErr  error

	clearOthers bool // Profile.ClearCookies are to be cleared

	touchErr error // of a touch in place of a write, to be reported when nothing is locked

	sealedID string // the id of what is gone, where a seal may stand
	// the id of a record that cannot be read, to be ended before another is created
	unreadable string

	ticket string // the new one, for a session that is created or moved
	newID  string
	sealed bool // the old record is known to be a seal of this commit
	fresh  bool // the base was loaded by this commit
}

// errGone is what a commit returns, never wrapped, when the session is no more and
// nothing was written.
var errGone = errors.New("gone")

// result is what came of a commit.
type result struct {
	ticket  string // new, or empty
	written bool   // false when there was nothing to write
	emptied bool   // the record was deleted, since nothing was left in it
}

// run performs the commit. It returns errGone when the session is no more and nothing
// was written. It has the turn of the session while the store is at work.
func (c *commit) run() (res result, err error) {
	binary.NativeEndian.PutUint64(c.commit[:], rand.Uint64())
	if c.base.rec.Version == "" {
		err := errGone
		if c.sealedID != "" {
			err = c.joinSealed(c.sealedID)
		}
		switch {
		case err == errGone: //nolint:errorlint // it is never wrapped
			return c.create()
		case err != nil:
			return result{}, err
		}
	}
	id, limit := c.base.id, c.m.options.Timeout
	turn, left, err := c.m.commits.Enter(id, limit)
	if err != nil {
		return result{}, errorAt("commit: waiting for other requests of the session", err)
	}
	var committed *state
	defer func() { c.m.commits.Leave(turn, committed, c.writing) }()
	if turn.Waited() {
		c.ctx.Extend(left)
		c.waited()
	}
	if latest, tick := turn.Latest(); tick > c.tick { // written after the base was loaded
		c.rebase(*latest, false)
	}
	if document.MovesTicket(c.ops) {
		res, err = c.move()
	} else {
		res, err = c.replace()
	}
	if err == nil && res.written && c.next.id == id {
		committed = &c.next
	}
	return res, err
}

// build applies the operations to the base, makes the record to be stored the next one,
// and reports whether it says anything new.
func (c *commit) build() (bool, error) {
	base := &c.base.doc
	d, todo := base.Draft(), c.ops[c.skip:]
	if c.seen > 0 {
		d, todo = c.view, c.ops[c.seen:]
	}
	d.Use(c.room)
	c.room = nil
	late := c.m.options.Profile == nil // a profile looks at values before they are encoded
	for i := range todo {
		if err := d.Apply(&todo[i], late); err != nil {
			return false, err
		}
	}
	if p := c.m.options.Profile; p != nil {
		c.clearOthers = p.takeClear(&d) || p.replacesOwner(&d, base, c.ops)
	}
	changed := document.First(c.ops, document.Set) >= 0 ||
		!c.fresh && document.AnyMust(c.ops) || !d.Unchanged(base)
	d.KeepCommits(base)
	st := &c.next
	st.id, st.doc, st.rec.Owner = c.base.id, d.Document, "" // the rest of the record follows
	if err := c.encode(d.Owned()); err != nil {
		return false, err
	}
	st.rec.Expires = c.expires()
	st.rec.Deadline = d.Deadline()
	switch owner := d.Owner(); {
	case owner == nil || c.m.options.Profile != nil:
	case bytes.Equal(owner, base.Owner()) && c.base.rec.Owner != "":
		st.rec.Owner = c.base.rec.Owner
	default:
		st.rec.Owner = ownerDigest(&st.doc)
	}
	return changed, nil
}

// encode makes the data of the next record, within the bounds. own tells that the
// fields are the document's own.
func (c *commit) encode(own bool) error {
	var (
		doc, base = &c.next.doc, &c.base.doc
		p         = c.m.options.Profile
		data      []byte
		err       error
	)
	if p == nil {
		data = doc.EncodeWith(c.commit, own)
	} else if data, err = p.encode(doc, base, c.commit); err != nil {
		return err
	}
	// The limits may have been higher when the base was stored: what does not grow is
	// let through.
	if err := c.m.bounds.Check(data, doc.Len()); err != nil && doc.Outgrows(base) {
		return err
	}
	if p != nil && p.Restore != nil {
		if data, err = p.Restore(data, c.base.rec.Data); err != nil {
			return errorAt("commit: encode record", err)
		}
	}
	c.next.rec.Data = data
	return nil
}

// replace stores the changed session under the ticket that it has.
func (c *commit) replace() (result, error) {
	for try := 0; ; try++ {
		if c.overdue() {
			return result{}, c.over()
		}
		changed, err := c.build()
		if err != nil {
			if refreshed, loadErr := c.refresh(try); loadErr != nil {
				return result{}, loadErr
			} else if refreshed {
				continue
			}
			return result{}, c.final(err)
		}
		if !changed && !c.doubt {
			c.next = c.base
			return result{}, nil
		}
		c.writing = c.m.commits.Tick()
		emptied := c.m.options.Profile != nil && c.next.doc.Empty()
		if emptied {
			err = c.m.store.Delete(c.ctx, c.base.id, c.base.rec)
		} else {
			c.next.rec.Version, err = c.m.store.Replace(c.ctx, c.base.id, c.base.rec, c.next.rec)
		}
		switch {
		case err == nil && emptied:
			c.next = c.m.freshState()
			return result{written: true, emptied: true}, nil
		case err == nil:
			return result{written: true}, nil
		case errors.Is(err, ErrNotFound):
			return result{}, c.lost(err)
		case isRefusal(err):
			return result{}, c.final(errorAt("commit: replace record", err))
		}
		if applied, err := c.reload(try, err); err != nil {
			return result{}, err
		} else if applied {
			c.next = c.base
			return result{written: true}, nil
		}
	}
}

// overdue reports whether the absolute deadline of the base has passed since it was loaded.
func (c *commit) overdue() bool {
	return c.base.doc.Over(c.clock())
}

// clock returns what time it was when the commit began, or began to wait for something.
func (c *commit) clock() time.Time {
	if c.now.IsZero() {
		c.now = c.m.now()
	}
	return c.now
}

// waited makes the commit look at the clock again, and the store too.
func (c *commit) waited() {
	c.now = time.Time{}
	c.ctx.Stale()
}

// over is what to return for a session that is no more, or is another by now: whether
// this commit was a part of it before is not known if it is in doubt.
func (c *commit) over() error {
	if c.doubt {
		return c.giveUp(nil)
	}
	return errGone
}

// lost takes down why the base is no session any more, and returns errGone.
func (c *commit) lost(err error) error {
	if errors.Is(err, ErrUnreadable) {
		c.unreadable = c.base.id
	}
	return errGone
}

// refresh loads the base anew after the operations failed on one that may be out of date, and
// reports whether they should be tried again.
func (c *commit) refresh(try int) (bool, error) {
	if c.fresh || c.doubt || !document.AnyMust(c.ops) || try >= maxTries {
		return false, nil
	}
	present, err := c.reloadRecord(try, ErrConflict)
	if err != nil {
		return false, err
	}
	if present.doc.Sealed() {
		return false, errGone
	}
	stale := present.rec.Version != c.base.rec.Version
	c.rebase(present, true)
	return stale, nil
}

// isRefusal reports whether a store said that nothing was written and that trying again
// won't help.
func isRefusal(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrFull) || errors.Is(err, ErrRefused)
}

// final returns the error to give up with, which must not hide that an earlier try is
// in doubt.
func (c *commit) final(err error) error {
	if c.doubt {
		return errors.Join(ErrUnknownOutcome, err)
	}
	return err
}

// noteFailure takes down what a failed write of the base means. It returns an error to
// give up with.
func (c *commit) noteFailure(try int, failure error) error {
	c.waited()
	if !errors.Is(failure, ErrConflict) && !errors.Is(failure, store.ErrExists) && !c.doubt {
		c.doubt, c.doubtErr = true, failure
		c.doubtBase = c.base.doc.NewestCommit()
		c.doubtData = c.base.rec.Data
	}
	if try+1 >= maxTries || c.ctx.Err() != nil {
		return c.giveUp(failure)
	}
	return nil
}

// giveUp returns the error of a commit that could not be brought to an end: the first
// failure that left its outcome open, if there was one, or else the latest.
func (c *commit) giveUp(failure error) error {
	if c.doubt {
		return errorAt("commit", errors.Join(ErrUnknownOutcome, c.doubtErr))
	}
	return errorAt("commit", failure)
}

// reload gets the present record after a conflict or a failure, and finds out whether
// this commit is in it. If not, the record becomes the base to try again from.
func (c *commit) reload(try int, failure error) (applied bool, err error) {
	present, err := c.reloadRecord(try, failure)
	if err != nil {
		return false, err
	}
	switch {
	case present.doc.Sealed():
		return false, c.over() // whoever sealed it may have taken this commit along
	case present.doc.HasCommit(c.commit[:]):
		c.base = present
		return true, nil
	case !c.canTell(&present):
		return false, c.over()
	}
	c.rebase(present, true)
	return false, nil
}

// rebase makes st what the operations are applied to from now on.
func (c *commit) rebase(st state, fresh bool) {
	c.base, c.fresh = st, fresh
	c.view, c.seen = document.Draft{}, 0
}

// reloadRecord loads the record of the base until that succeeds or time is up. A record
// that is gone or unreadable is errGone.
func (c *commit) reloadRecord(try int, failure error) (state, error) {
	if err := c.noteFailure(try, failure); err != nil {
		return state{}, err
	}
	for {
		if try > 0 || c.doubt {
			if backoff(c.ctx, try) != nil {
				return state{}, c.giveUp(failure)
			}
		}
		var present state
		err := c.m.load(c.ctx, c.base.id, &present)
		switch {
		case err == nil:
			return present, nil
		case errors.Is(err, ErrNotFound):
			return state{}, c.lost(err)
		case try+1 >= maxTries || c.ctx.Err() != nil, isRefusal(err) && !c.doubt:
			return state{}, c.giveUp(errors.Join(failure, err))
		}
		try++
	}
}

// canTell reports whether a record that does not list this commit proves that it was
// not applied.
func (c *commit) canTell(present *state) bool {
	return !c.doubt ||
		c.doubtBase != nil && present.doc.HasCommit(c.doubtBase) ||
		bytes.Equal(present.rec.Data, c.doubtData)
}

// create stores a session that has no record yet, under a new ticket. A record that
// cannot be read is ended before.
func (c *commit) create() (result, error) {
	ended := c.unreadable != ""
	if ended {
		if _, err := c.m.endCommitting(c.ctx, c.unreadable, nil, ""); err != nil {
			return result{}, errorAt("commit: end a record that cannot be read", err)
		}
		c.unreadable = ""
	}
	changed, err := c.build()
	if err != nil {
		return result{}, err
	}
	next := &c.next
	if !changed || next.doc.Owner() == nil && next.doc.Same(&c.base.doc) ||
		c.m.options.Profile != nil && next.doc.Empty() {
		c.next = c.base
		return result{emptied: ended}, nil
	}
	for try := 0; ; try++ {
		// Each try has a ticket of its own: an earlier one may be applied later, even
		// after the session was ended, and then must be nobody's.
		var ticket string
		ticket, next.id = c.m.newTicket()
		next.rec.Version, err = c.m.store.Create(c.ctx, next.id, next.rec)
		if err == nil {
			return result{ticket: ticket, written: true}, nil
		}
		if isRefusal(err) {
			return result{}, c.final(errorAt("commit: create record", err))
		}
		found, err := c.findCreated(try, next.id, err)
		switch {
		case err == nil:
			*next = found
			return result{ticket: ticket, written: true}, nil
		case !errors.Is(err, ErrNotFound):
			return result{}, err
		}
	}
}

// findCreated looks, after a failed Create, for the record under the new id.
// ErrNotFound means that it is not there, or not yet; errGone, that somebody sealed the
// id before the record came.
func (c *commit) findCreated(try int, id string, failure error) (state, error) {
	if err := c.noteFailure(try, failure); err != nil {
		return state{}, err
	}
	for ; try < maxTries; try++ {
		if backoff(c.ctx, try) != nil {
			break
		}
		var found state
		err := c.m.load(c.ctx, id, &found)
		switch {
		case err == nil && !found.doc.Sealed() && found.doc.HasCommit(c.commit[:]):
			return found, nil
		case err == nil:
			return state{}, errGone
		case errors.Is(err, ErrNotFound):
			return state{}, ErrNotFound
		}
	}
	return state{}, c.giveUp(failure)
}
