package engine

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
)

// damaged is why the record is ended that a new session takes the place of.
var damaged = Cause{Reason: event.Damaged}

// create stores a session that has no record yet, under a new ticket. A record that
// cannot be read is ended before.
func (c *Commit) create() (Result, error) {
	ended := c.Unreadable != ""
	if ended {
		if _, err := c.Engine.endInTurn(c.Limit, c.Unreadable, nil, "", damaged); err != nil {
			return Result{}, errorAt("commit: end a record that cannot be read", err)
		}
		c.Unreadable = ""
	}
	changed, err := c.build()
	if err != nil {
		return Result{}, err
	}
	next := &c.next
	if !changed || next.Doc.Owner() == nil && next.Doc.Same(&c.Base.Doc) ||
		!c.Engine.config.Policy.KeepsEmpty && next.Doc.Empty() {
		c.next = c.Base
		return Result{Emptied: ended}, nil
	}
	for try := 0; ; try++ {
		// Each try has a ticket of its own: an earlier one may be applied later, even
		// after the session was ended, and then no browser must have its ticket.
		var ticket string
		ticket, next.ID = c.Engine.config.Policy.Mint()
		next.Record.Version, err = c.Engine.store.Create(c.ctx, next.ID, next.Record)
		if err == nil {
			return Result{Ticket: ticket, Written: true}, nil
		}
		if isRefusal(err) {
			return Result{}, c.final(errorAt("commit: create record", err))
		}
		found, err := c.findCreated(try, next.ID, err)
		switch {
		case err == nil:
			*next = found
			return Result{Ticket: ticket, Written: true}, nil
		case !errors.Is(err, store.ErrNotFound):
			return Result{}, err
		}
	}
}

// findCreated looks, after a failed Create, for the record under the new id.
// store.ErrNotFound means that it is not there, or not yet; ErrGone, that the id was
// sealed before the record came.
func (c *Commit) findCreated(try int, id string, failure error) (State, error) {
	if err := c.noteFailure(try, failure); err != nil {
		return State{}, err
	}
	for ; try < maxTries; try++ {
		if backoff(c.Limit, try) != nil {
			break
		}
		var found State
		err := c.Engine.load(c.ctx, id, &found)
		switch {
		case err == nil && !found.Doc.Sealed() && found.Doc.HasCommit(c.id[:]):
			return found, nil
		case err == nil:
			return State{}, ErrGone
		case errors.Is(err, store.ErrNotFound):
			return State{}, store.ErrNotFound
		}
	}
	return State{}, c.giveUp(failure)
}
