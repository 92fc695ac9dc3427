package cloakroom

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/document"
)

// joinTries bounds how often a sign-in looks for the session that it is to join: some
// 50 milliseconds.
const joinTries = 10

// join makes the session that the one of this commit has moved to the base, where this
// commit signs in the owner who moved it, as the second click of a double click does.
// So both sign-ins end in one session, under the ticket of the later one, with what
// either of them changed. It returns errGone where there is no such session.
func (c *commit) join(seal *state) error {
	at := document.First(c.ops, document.SignIn)
	if at < 0 {
		return errGone
	}
	owner := c.ops[at].Login.Owner
	for try := range joinTries {
		next := string(seal.doc.Text(document.Next))
		if next == "" || string(seal.doc.Text(document.NextOwner)) != c.m.digest(owner) {
			return errGone
		}
		var found state
		err := c.m.load(c.ctx, next, &found)
		switch {
		case err == nil && found.doc.Sealed():
			seal = &found
			continue
		case err == nil && !found.belongsTo(owner):
			return errGone
		case err == nil:
			if before := c.base.doc.Owner(); before != nil && !found.belongsTo(string(before)) {
				c.skip = at // what was set before is another owner's
			}
			c.rebase(found, true)
			// a write in doubt was to the record that the seal has replaced, so it
			// failed
			c.doubt = false
			return nil
		case errors.Is(err, ErrNotFound):
			err = errGone
		case isRefusal(err):
			return c.giveUp(err)
		default:
			err = c.giveUp(err)
		}
		if try == joinTries-1 || backoff(c.ctx, try) != nil { // it may be about to be created
			return err
		}
	}
	return errGone
}

// joinSealed is join for a session that was found to be gone before the commit, as it
// is sealed perhaps.
func (c *commit) joinSealed(id string) error {
	var seal state
	switch err := c.m.load(c.ctx, id, &seal); {
	case errors.Is(err, ErrNotFound):
		return errGone
	case err != nil:
		return errorAt("commit: look for the session that this one has moved to", err)
	case !seal.doc.Sealed():
		return errGone
	}
	return c.join(&seal)
}
