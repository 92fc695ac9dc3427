package engine

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/store"
)

// joinTries bounds how often a sign-in looks for the session that it is to join: some
// 50 milliseconds.
const joinTries = 10

// join makes the session that the one of this commit has moved to the base, where this
// commit signs in the owner who moved it, as the second click of a double click does.
// So both sign-ins end in one session, under the ticket of the later one, with what
// either of them changed. It returns ErrGone where there is no such session.
func (c *Commit) join(seal *State) error {
	at := document.First(c.Ops, document.SignIn)
	if at < 0 {
		return ErrGone
	}
	owner := c.Ops[at].Login.Owner
	for try := range joinTries {
		next := string(seal.Doc.Text(document.Next))
		if next == "" || string(seal.Doc.Text(document.NextOwner)) != c.Engine.digest(owner) {
			return ErrGone
		}
		var found State
		err := c.Engine.load(c.ctx, next, &found)
		switch {
		case err == nil && found.Doc.Sealed():
			seal = &found
			continue
		case err == nil && !found.belongsTo(owner):
			return ErrGone
		case err == nil:
			if before := c.Base.Doc.Owner(); before != nil && !found.belongsTo(string(before)) {
				c.skip = at // what was set before is another owner's
			}
			c.rebase(found, true)
			// a write in doubt was to the record that the seal has replaced, so it
			// failed
			c.doubt = doubt{}
			return nil
		case errors.Is(err, store.ErrNotFound):
			err = ErrGone
		case isRefusal(err):
			return c.giveUp(err)
		default:
			err = c.giveUp(err)
		}
		if try == joinTries-1 || backoff(c.Limit, try) != nil { // it may be about to be created
			return err
		}
	}
	return ErrGone
}

// joinSealed is join for a session that was found to be gone before the commit, as it
// is sealed perhaps.
func (c *Commit) joinSealed(id string) error {
	var seal State
	switch err := c.Engine.load(c.ctx, id, &seal); {
	case errors.Is(err, store.ErrNotFound):
		return ErrGone
	case err != nil:
		return errorAt("commit: look for the session that this one has moved to", err)
	case !seal.Doc.Sealed():
		return ErrGone
	}
	return c.join(&seal)
}
