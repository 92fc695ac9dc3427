package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// Commit is one commit on its way: the operations of a request, and the state that they
// are performed on, which moves on when others commit first. Set its exported fields,
// and call [Commit.Run].
type Commit struct {
	Engine *Engine
	Limit  *deadline.Context
	Ops    []document.Operation
	Now    time.Time // zero when the clock must be read again

	Base State // what the session was when it was loaded, or committed last
	Tick int64 // when the base had been loaded, see [Engine.Tick]

	// View is what the first Seen operations make of the base, and stays behind when it
	// moves on.
	View document.Draft
	Seen int
	Room document.Room // for the fields of the first draft

	// Where the base has no record: the id of the session that is gone, where a seal
	// may stand, or the id of a record that cannot be read, to be ended before another
	// is created.
	Seal       string
	Unreadable string

	ctx     context.Context // of the store's calls
	tries   int             // of writes
	id      document.CommitID
	next    State // what takes the place of the base: in the end, what the session is
	writing int64 // when the latest write began
	skip    int   // how many operations are left out, see join
	fresh   bool  // the base was loaded by this commit
	clears  bool  // see Result.ClearsForeign
	expired bool  // the deadline of the base has passed
	doubt   doubt
	moving  moving
}

// moving is what a commit needs that gives the session a new ticket.
type moving struct {
	ticket, id string
	sealed     bool // the old record is known to be a seal of this commit
	lost       bool // and the new record is known never to have been there
}

// Result is what came of a commit.
type Result struct {
	Ticket        string // new, or empty
	Written       bool   // false when there was nothing to write
	Emptied       bool   // the record was deleted, since nothing was left in it
	ClearsForeign bool   // the other library's cookies are to be cleared, see [Policy]
}

// Next returns what the session is after a commit that succeeded.
func (c *Commit) Next() *State { return &c.next }

// Uncertain reports whether a commit that failed may have been stored, so that its
// operations must not be repeated.
func (c *Commit) Uncertain() bool { return c.doubt.exists || c.moving.sealed }

// Restart makes c the commit of the operations from an index on, on a session that
// begins with them, after Run has found that the one of before is gone. It reports
// false where a sign-in must not do so: a new session would hide what became of one
// that was signed in, or that may live on.
func (c *Commit) Restart(from int, base State) bool {
	if !c.Base.Stored() || c.Uncertain() {
		return false
	}
	*c = Commit{
		Engine: c.Engine, Limit: c.Limit,
		Ops: c.Ops[from:], Base: base, Unreadable: c.Unreadable,
	}
	return true
}

var (
	// ErrEnded means that the session was ended, or moved to a new ticket, meanwhile.
	ErrEnded = errors.New("the session ended meanwhile")

	// ErrUnknownOutcome means that a commit may or may not have been stored.
	ErrUnknownOutcome = errors.New("the commit may or may not have been stored")

	// ErrGone is what Run returns, never wrapped, when the session is no more. Nothing of the
	// commit is in the store.
	ErrGone = errors.New("gone")
)

// Run performs the commit. It holds the session's turn while it uses the store.
func (c *Commit) Run() (res Result, err error) {
	err = c.Engine.within(c.Limit, event.OpCommit, &c.tries, func(ctx context.Context) (err error) {
		c.ctx = ctx
		res, err = c.run()
		return err
	})
	res.ClearsForeign = c.clears
	switch {
	case err == nil:
		c.tellCommitted(res)
	case c.expired:
		c.Engine.tellExpired(c.Limit.Parent(), &c.Base)
	case c.moving.lost && c.Engine.Listened():
		lost := event.Event{Kind: event.Ended, Reason: event.Lost}
		c.Engine.tellState(c.Limit.Parent(), &c.Base, lost)
	}
	return res, err
}

func newCommitID() (id document.CommitID) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	return id
}

func (c *Commit) run() (res Result, err error) {
	c.id = newCommitID()
	if !c.Base.Stored() {
		err := ErrGone
		if c.Seal != "" {
			err = c.joinSealed(c.Seal)
		}
		switch {
		case err == ErrGone: //nolint:errorlint // it is never wrapped
			return c.create()
		case err != nil:
			return Result{}, err
		}
	}
	id := c.Base.ID
	turn, left, err := c.Engine.commits.Enter(id, c.Engine.config.Timeout)
	if err != nil {
		return Result{}, errorAt("commit: waiting for other requests of the session", err)
	}
	var committed *State
	defer func() { c.Engine.commits.Leave(turn, committed, c.writing) }()
	if turn.Waited() {
		if left > 0 {
			c.Limit.Extend(left)
		}
		c.waited()
	}
	if latest, tick := turn.Latest(); tick > c.Tick { // written after the base was loaded
		c.rebase(*latest, false)
	}
	if document.MovesTicket(c.Ops) {
		res, err = c.move()
	} else {
		res, err = c.replace()
	}
	if err == nil && res.Written && c.next.ID == id {
		committed = &c.next
	}
	return res, err
}

// build applies the operations to the base, makes the record to be stored the next one,
// and reports whether it says anything new.
func (c *Commit) build() (bool, error) {
	base := &c.Base.Doc
	c.tries++
	d, todo := base.Draft(), c.Ops[c.skip:]
	if c.Seen > 0 {
		d, todo = c.View, c.Ops[c.Seen:]
	}
	d.Use(c.Room)
	c.Room = nil
	p := &c.Engine.config.Policy
	late := !p.Shared() // another library's values are looked at before they are encoded
	for i := range todo {
		if err := d.Apply(&todo[i], late); err != nil {
			return false, err
		}
	}
	c.clears = p.clears(&d, base, c.Ops)
	changed := document.First(c.Ops, document.Set) >= 0 ||
		!c.fresh && document.AnyMust(c.Ops) || !d.Unchanged(base)
	d.KeepCommits(base)
	st := &c.next
	st.ID, st.Doc, st.Record.Owner = c.Base.ID, d.Document, "" // the rest of the record follows
	if err := c.encode(d.Owned()); err != nil {
		return false, err
	}
	st.Record.Expires = c.expires()
	st.Record.Deadline = d.Deadline()
	switch owner := d.Owner(); {
	case owner == nil || !p.HasIndex:
	case bytes.Equal(owner, base.Owner()) && c.Base.Record.Owner != "":
		st.Record.Owner = c.Base.Record.Owner
	default:
		st.Record.Owner = ownerDigest(&st.Doc)
	}
	return changed, nil
}

// encode makes the data of the next record, within the bounds. own tells that the
// fields are the document's own.
func (c *Commit) encode(own bool) error {
	doc, base, p := &c.next.Doc, &c.Base.Doc, &c.Engine.config.Policy
	data, err := p.encode(doc, base, c.id, own)
	if err != nil {
		return err
	}
	// The bounds may have been higher when the base was stored: what does not grow is
	// let through.
	if err := c.Engine.bounds.Check(data, doc.Len()); err != nil && doc.Outgrows(base) {
		return err
	}
	if p.Restore != nil {
		if data, err = p.Restore(data, c.Base.Record.Data); err != nil {
			return errorAt("commit: encode record", err)
		}
	}
	c.next.Record.Data = data
	return nil
}

// replace stores the changed session under the ticket that it has.
func (c *Commit) replace() (Result, error) {
	for try := 0; ; try++ {
		if c.overdue() {
			return Result{}, c.gone()
		}
		changed, err := c.build()
		if err != nil {
			if refreshed, loadErr := c.refresh(try); loadErr != nil {
				return Result{}, loadErr
			} else if refreshed {
				continue
			}
			return Result{}, c.final(err)
		}
		if !changed && !c.doubt.exists {
			c.next = c.Base
			return Result{}, nil
		}
		c.writing = c.Engine.commits.Tick()
		emptied := !c.Engine.config.Policy.KeepsEmpty && c.next.Doc.Empty()
		if emptied {
			err = c.Engine.store.Delete(c.ctx, c.Base.ID, c.Base.Record)
		} else {
			next := &c.next.Record
			next.Version, err = c.Engine.store.Replace(c.ctx, c.Base.ID, c.Base.Record, *next)
		}
		switch {
		case err == nil && emptied:
			c.next = c.Engine.NewState()
			return Result{Written: true, Emptied: true}, nil
		case err == nil:
			return Result{Written: true}, nil
		case errors.Is(err, store.ErrNotFound):
			return Result{}, c.lost(err)
		case isRefusal(err):
			return Result{}, c.final(errorAt("commit: replace record", err))
		}
		if applied, err := c.reload(try, err); err != nil {
			return Result{}, err
		} else if applied {
			c.next = c.Base
			return Result{Written: true}, nil
		}
	}
}

// overdue reports whether the absolute deadline of the base has passed since it was
// loaded.
func (c *Commit) overdue() bool {
	c.expired = c.Base.Doc.Over(c.clock())
	return c.expired
}

// clock returns what time it was when the commit began, or began to wait for something.
func (c *Commit) clock() time.Time {
	if c.Now.IsZero() {
		c.Now = c.Engine.now()
	}
	return c.Now
}

// waited makes the commit look at the clock again, and the store too.
func (c *Commit) waited() {
	c.Now = time.Time{}
	c.Limit.Stale()
}

// lost takes down why the base is no session any more, and returns ErrGone.
func (c *Commit) lost(err error) error {
	if errors.Is(err, store.ErrUnreadable) {
		c.Unreadable = c.Base.ID
	}
	return ErrGone
}

// refresh loads the base anew after the operations failed on one that may be out of date, and
// reports whether they should be tried again.
func (c *Commit) refresh(try int) (bool, error) {
	if c.fresh || c.doubt.exists || !document.AnyMust(c.Ops) || try >= maxTries {
		return false, nil
	}
	present, err := c.reloadRecord(try, store.ErrConflict)
	if err != nil {
		return false, err
	}
	if present.Doc.Sealed() {
		return false, ErrGone
	}
	stale := present.Record.Version != c.Base.Record.Version
	c.rebase(present, true)
	return stale, nil
}

// isRefusal reports whether a store said that nothing was written and that trying again
// won't help.
func isRefusal(err error) bool {
	return errors.Is(err, store.ErrTooLarge) || errors.Is(err, store.ErrFull) ||
		errors.Is(err, store.ErrRefused)
}

// reload gets the present record after a conflict or a failure, and finds out whether
// this commit is in it. If not, the record becomes the base to try again from.
func (c *Commit) reload(try int, failure error) (applied bool, err error) {
	present, err := c.reloadRecord(try, failure)
	if err != nil {
		return false, err
	}
	switch {
	case present.Doc.Sealed():
		return false, c.gone() // the request that sealed it may have taken this commit along
	case present.Doc.HasCommit(c.id[:]):
		c.Base = present
		return true, nil
	case !c.canTell(&present):
		return false, c.gone()
	}
	c.rebase(present, true)
	return false, nil
}

// rebase makes st what the operations are applied to from now on.
func (c *Commit) rebase(st State, fresh bool) {
	c.Base, c.fresh = st, fresh
	c.View, c.Seen = document.Draft{}, 0
}

// reloadRecord loads the record of the base until that succeeds or time is up. A record
// that is gone or unreadable is ErrGone.
func (c *Commit) reloadRecord(try int, failure error) (State, error) {
	if err := c.noteFailure(try, failure); err != nil {
		return State{}, err
	}
	for {
		if try > 0 || c.doubt.exists {
			if backoff(c.Limit, try) != nil {
				return State{}, c.giveUp(failure)
			}
		}
		var present State
		err := c.Engine.load(c.ctx, c.Base.ID, &present)
		switch {
		case err == nil:
			return present, nil
		case errors.Is(err, store.ErrNotFound):
			return State{}, c.lost(err)
		case try+1 >= maxTries || c.Limit.Err() != nil, isRefusal(err) && !c.doubt.exists:
			return State{}, c.giveUp(errors.Join(failure, err))
		}
		try++
	}
}
