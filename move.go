package cloakroom

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
	"github.com/cloakroom-go/cloakroom/store"
)

// move stores the changed session under a new ticket and leaves a seal at the old id: a
// record that reads as no session and takes no write, names the new id, and expires by
// itself. The old ticket is dead before the new one is alive, and whoever ends the
// session by its old id, now or within the next minute, ends the new one.
func (c *commit) move() (result, error) {
	c.ticket, c.newID = c.m.newTicket()
	for try := 0; ; try++ {
		if c.overdue() {
			return result{}, errGone
		}
		if _, err := c.build(); err != nil {
			return result{}, c.final(err)
		}
		next := &c.next
		next.id = c.newID
		seal := c.m.seal(&c.base, c.newID, next.rec.Owner)
		version, err := c.m.store.Move(c.ctx, c.base.id, c.base.rec, seal, c.newID, next.rec)
		if errors.Is(err, errors.ErrUnsupported) {
			return c.sealThenCreate()
		}
		switch {
		case err == nil:
			next.rec.Version = version
			c.dropSeal()
			return result{ticket: c.ticket, written: true}, nil
		case errors.Is(err, ErrNotFound):
			return result{}, c.lost(err)
		case isRefusal(err):
			return result{}, c.final(errorAt("commit: move record", err))
		}
		moved, err := c.reloadSealed(try, err)
		if err != nil {
			return result{}, err
		}
		if moved {
			c.sealed = true
			found, err := c.findCreated(try, c.newID, nil)
			if errors.Is(err, ErrNotFound) {
				err = errGone // it was there, since both were written together
			}
			*next = found
			return result{ticket: c.ticket, written: true}, err
		}
	}
}

// sealThenCreate is move for a store that cannot do both at once. A crash in between
// leaves the user signed out, never two live tickets.
func (c *commit) sealThenCreate() (result, error) {
	for try := 0; ; try++ {
		if c.overdue() {
			return result{}, errGone
		}
		if _, err := c.build(); err != nil {
			return result{}, c.final(err)
		}
		c.next.id = c.newID
		_, err := c.m.store.Replace(c.ctx, c.base.id, c.base.rec, c.m.seal(&c.base, c.newID, c.next.rec.Owner))
		switch {
		case err == nil:
			return c.createSealed()
		case errors.Is(err, ErrNotFound):
			return result{}, c.lost(err)
		case isRefusal(err):
			return result{}, c.final(errorAt("commit: seal record", err))
		}
		if sealed, err := c.reloadSealed(try, err); err != nil {
			return result{}, err
		} else if sealed {
			return c.createSealed()
		}
	}
}

// createSealed creates the new record of a session whose old one is sealed. After a
// failure it is not tried again unless the record can be seen: somebody may have found
// the new one and ended it, and it must not come back.
func (c *commit) createSealed() (result, error) {
	var err error
	next := &c.next
	c.sealed = true
	next.rec.Version, err = c.m.store.Create(c.ctx, next.id, next.rec)
	if err == nil {
		c.dropSeal()
		return result{ticket: c.ticket, written: true}, nil
	}
	failure := errorAt("commit: create record under the new ticket; the old one is dead", err)
	if isRefusal(err) {
		return result{}, failure
	}
	found, err := c.findCreated(0, next.id, err)
	if errors.Is(err, ErrNotFound) {
		return result{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, failure)
	}
	*next = found
	return result{ticket: c.ticket, written: true}, err
}

// dropSeal deletes the seal of a move that is done, where another library would take it
// for a session. It expires by itself if that fails.
func (c *commit) dropSeal() {
	if c.m.options.Profile == nil {
		return
	}
	if err := c.m.store.Delete(c.ctx, c.base.id, store.Record{}); err != nil && !errors.Is(err, ErrNotFound) {
		c.m.log(c.ctx, slog.LevelWarn, "seal not deleted", ticket.PublicID(c.base.id), withoutID{err, c.base.id})
	}
}

// reloadSealed gets the present record after moving it failed, and reports whether the
// seal of this commit is there. If not, the record becomes the base to try again from.
func (c *commit) reloadSealed(try int, failure error) (bool, error) {
	present, err := c.reloadRecord(try, failure)
	if err != nil {
		return false, err
	}
	switch {
	case present.doc.Sealed() && string(present.doc.Text(document.Next)) == c.newID:
		return true, nil
	case present.doc.Sealed():
		return false, c.join(&present)
	case !c.canTell(&present):
		return false, c.over()
	}
	c.rebase(present, true)
	return false, nil
}

// seal returns the record that takes the place of a session. next and nextOwner are
// empty when it ends there.
//
// Its deadline, not only the store's expiry, ends it: a touch that was under way may
// lengthen that.
func (m *Manager) seal(old *state, next, nextOwner string) store.Record {
	end := m.now().Add(store.IndexGrace)
	d := old.doc.Seal(end, next, nextOwner)
	r := store.Record{Data: d.Encode(), Expires: end, Deadline: end}
	if next != "" {
		// so that who lists the owner's sessions finds the way to the new one
		r.Owner = old.rec.Owner
	}
	return r
}
