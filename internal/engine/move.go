package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// move stores the changed session under a new ticket and leaves a seal at the old id: a
// record that reads as no session and takes no write, names the new id, and expires by
// itself. The old ticket is dead before the new one is alive, and a request that ends the
// session by its old id, now or within the next minute, ends the new one.
func (c *Commit) move() (Result, error) {
	c.moving.ticket, c.moving.id = c.Engine.config.Policy.Mint()
	for try := 0; ; try++ {
		if c.overdue() {
			return Result{}, c.gone()
		}
		if _, err := c.build(); err != nil {
			return Result{}, c.final(err)
		}
		next := &c.next
		next.ID = c.moving.id
		seal := c.Engine.seal(&c.Base, c.moving.id, next.Record.Owner)
		version, err := c.Engine.store.Move(
			c.ctx, c.Base.ID, c.Base.Record, seal, c.moving.id, next.Record)
		if errors.Is(err, errors.ErrUnsupported) {
			c.tries-- // it was none
			return c.sealThenCreate()
		}
		switch {
		case err == nil:
			next.Record.Version = version
			c.dropSeal()
			return Result{Ticket: c.moving.ticket, Written: true}, nil
		case errors.Is(err, store.ErrNotFound):
			return Result{}, c.lost(err)
		case isRefusal(err):
			return Result{}, c.final(errorAt("commit: move record", err))
		}
		moved, err := c.reloadSealed(try, err)
		if err != nil {
			return Result{}, err
		}
		if moved {
			c.moving.sealed = true
			found, err := c.findCreated(try, c.moving.id, nil)
			if errors.Is(err, store.ErrNotFound) {
				err = ErrGone // it was there, since both were written together
			}
			*next = found
			return Result{Ticket: c.moving.ticket, Written: true}, err
		}
	}
}

// sealThenCreate is move for a store that cannot do both at once. A crash in between
// leaves the user signed out, never two live tickets.
func (c *Commit) sealThenCreate() (Result, error) {
	for try := 0; ; try++ {
		if c.overdue() {
			return Result{}, c.gone()
		}
		if _, err := c.build(); err != nil {
			return Result{}, c.final(err)
		}
		c.next.ID = c.moving.id
		seal := c.Engine.seal(&c.Base, c.moving.id, c.next.Record.Owner)
		_, err := c.Engine.store.Replace(c.ctx, c.Base.ID, c.Base.Record, seal)
		switch {
		case err == nil:
			return c.createSealed()
		case errors.Is(err, store.ErrNotFound):
			return Result{}, c.lost(err)
		case isRefusal(err):
			return Result{}, c.final(errorAt("commit: seal record", err))
		}
		if sealed, err := c.reloadSealed(try, err); err != nil {
			return Result{}, err
		} else if sealed {
			return c.createSealed()
		}
	}
}

// createSealed creates the new record of a session whose old one is sealed. After a
// failure it is not tried again unless the record can be seen: another request may have found
// the new one and ended it, and it must not come back.
func (c *Commit) createSealed() (Result, error) {
	var err error
	next := &c.next
	c.moving.sealed = true
	next.Record.Version, err = c.Engine.store.Create(c.ctx, next.ID, next.Record)
	if err == nil {
		c.dropSeal()
		return Result{Ticket: c.moving.ticket, Written: true}, nil
	}
	failure := errorAt("commit: create record under the new ticket; the old one is dead", err)
	if isRefusal(err) {
		c.moving.lost = true
		return Result{}, failure
	}
	taken := errors.Is(err, store.ErrExists)
	found, err := c.findCreated(0, next.ID, err)
	c.moving.lost = taken && err == ErrGone //nolint:errorlint // it is never wrapped
	if errors.Is(err, store.ErrNotFound) {
		return Result{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, failure)
	}
	*next = found
	return Result{Ticket: c.moving.ticket, Written: true}, err
}

// dropSeal deletes the seal of a move that is done, where another library would take it
// for a session. It expires by itself if that fails.
func (c *Commit) dropSeal() {
	if c.Engine.config.Policy.LeavesSeal {
		return
	}
	c.Engine.dropSeal(c.ctx, c.Base.ID, store.Record{})
}

// dropSeal deletes a seal, and logs that it could not: it then expires by itself.
func (e *Engine) dropSeal(ctx context.Context, id string, seal store.Record) {
	err := e.store.Delete(ctx, id, seal)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		e.Log(ctx, slog.LevelWarn, "seal not deleted", ticket.PublicID(id), withoutID(err, id))
	}
}

// reloadSealed gets the present record after moving it failed, and reports whether the
// seal of this commit is there. If not, the record becomes the base to try again from.
func (c *Commit) reloadSealed(try int, failure error) (bool, error) {
	present, err := c.reloadRecord(try, failure)
	if err != nil {
		return false, err
	}
	switch {
	case present.Doc.Sealed() && string(present.Doc.Text(document.Next)) == c.moving.id:
		return true, nil
	case present.Doc.Sealed():
		return false, c.join(&present)
	case !c.canTell(&present):
		return false, c.gone()
	}
	c.rebase(present, true)
	return false, nil
}

// seal returns the record that takes the place of a session. next and nextOwner are
// empty when it ends there.
//
// Its deadline, not only the store's expiry, ends it: a touch that was under way may
// lengthen that.
func (e *Engine) seal(old *State, next, nextOwner string) store.Record {
	end := e.now().Add(store.IndexGrace)
	d := old.Doc.Seal(end, next, nextOwner)
	r := store.Record{Data: d.Encode(), Expires: end, Deadline: end}
	if next != "" {
		// so that who lists the owner's sessions finds the way to the new one
		r.Owner = old.Record.Owner
	}
	return r
}
