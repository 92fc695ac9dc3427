package storetest

import (
	"errors"

	"github.com/cloakroom-go/cloakroom/store"
)

var moveRules = []rule{
	{name: "move/both", needs: Moves,
		rule: "Move replaces old with seal and creates new under the new id.",
		check: func(c *caseT) {
			id, newID := random(), random()
			r := c.create(id, c.record("old"))
			next := c.record("new")
			next.Version = c.move(id, r, newID, next)
			c.holds(newID, next)
			seal, err := c.peer.Load(c.ctx, id)
			c.want(err, nil, "Load of the seal")
			if string(seal.Data) != "seal" || seal.Version == r.Version {
				c.Fatalf("under the old id: %s, version %q; want the seal under a new version",
					brief(seal.Data), seal.Version)
			}
			_, err = c.store.Replace(c.ctx, id, r, c.record("late"))
			c.want(err, store.ErrConflict, "Replace of the record that was moved")
			c.replace(newID, next, "next")
		}},
	{name: "move/conflict", needs: Moves,
		rule: "Move returns ErrConflict when the live record is not old any more, and then " +
			"does nothing.",
		check: func(c *caseT) {
			id, newID := random(), random()
			stale := c.create(id, c.record("old"))
			r := c.replace(id, stale, "newer")
			_, err := c.peer.Move(c.ctx, id, stale, c.record("seal"), newID, c.record("new"))
			c.want(err, store.ErrConflict, "Move of a stale version")
			c.holds(id, r)
			c.missing(newID)
		}},
	{name: "move/missing", needs: Moves,
		rule: "Move returns ErrNotFound when there is no live record, and then does nothing.",
		check: func(c *caseT) {
			newID := random()
			deleted := random()
			r := c.create(deleted, c.record("old"))
			c.want(c.store.Delete(c.ctx, deleted, r), nil, "Delete")
			expired, e := c.expired()
			for id, r := range map[string]store.Record{deleted: r, expired: e} {
				_, err := c.peer.Move(c.ctx, id, r, c.record("seal"), newID, c.record("new"))
				c.want(err, store.ErrNotFound, "Move of a record that is gone")
				c.missing(id)
				c.missing(newID)
			}
		}},
	{name: "move/exists", needs: Moves,
		rule: "Move returns ErrExists when the new id is taken, and leaves both records as " +
			"they were.",
		check: func(c *caseT) {
			id, newID := random(), random()
			r := c.create(id, c.record("old"))
			taken := c.create(newID, c.record("taken"))
			_, err := c.peer.Move(c.ctx, id, r, c.record("seal"), newID, c.record("new"))
			c.want(err, store.ErrExists, "Move to an id that is taken")
			c.holds(id, r)
			c.holds(newID, taken)
		}},
	{name: "move/expired-target", needs: Moves,
		rule: "The new id may be that of an expired record.",
		check: func(c *caseT) {
			newID, _ := c.expired()
			id := random()
			next := c.record("new")
			next.Version = c.move(id, c.create(id, c.record("old")), newID, next)
			c.holds(newID, next)
		}},
	{name: "move/race", needs: Moves,
		rule: "Of a Move and other writes of one version exactly one succeeds.",
		check: func(c *caseT) {
			for round := range 12 {
				id, newID := random(), random()
				r := c.create(id, c.record("old"))
				moved := false
				errs := c.each(3, func(i int, s store.FullStore) (err error) {
					switch (i + round) % 3 { // so that each is first at times
					case 0:
						_, err = s.Move(c.ctx, id, r, c.record("seal"), newID, c.record("new"))
						moved = err == nil
					case 1:
						_, err = s.Replace(c.ctx, id, r, c.record("replaced"))
					case 2:
						err = s.Delete(c.ctx, id, r)
					}
					return err
				})
				c.oneWinner("Move, Replace and Delete", errs, store.ErrConflict, store.ErrNotFound)
				if !moved {
					c.missing(newID)
				}
			}
		}},
	{name: "move/race-targets", needs: Moves,
		rule: "Of several Moves of one version, and of several Moves to one id, exactly one " +
			"succeeds.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("old"))
			c.oneWinner("Moves of one record", c.each(8, func(_ int, s store.FullStore) error {
				_, err := s.Move(c.ctx, id, r, c.record("seal"), random(), c.record("new"))
				return err
			}), store.ErrConflict)

			newID := random()
			ids, records := make([]string, 8), make([]store.Record, 8)
			for i := range ids {
				ids[i] = random()
				records[i] = c.create(ids[i], c.record("old"))
			}
			errs := c.each(8, func(i int, s store.FullStore) error {
				seal, next := c.record("seal"), c.record("new")
				_, err := s.Move(c.ctx, ids[i], records[i], seal, newID, next)
				return err
			})
			c.oneWinner("Moves to one id", errs, store.ErrExists)
			for i, err := range errs {
				if err != nil {
					c.holds(ids[i], records[i])
				}
			}
		}},
	{name: "move/crossing", needs: Moves,
		rule: "Moves in opposite directions do not wait for each other for ever.",
		check: func(c *caseT) {
			a, b := random(), random()
			ra, rb := c.create(a, c.record("a")), c.create(b, c.record("b"))
			errs := c.each(8, func(i int, s store.FullStore) error {
				var err error
				if i%4 < 2 {
					_, err = s.Move(c.ctx, a, ra, c.record("seal"), b, c.record("new"))
				} else {
					_, err = s.Move(c.ctx, b, rb, c.record("seal"), a, c.record("new"))
				}
				return ignore(err, store.ErrExists)
			})
			c.want(errors.Join(errs...), nil, "crossing Moves")
			c.holds(a, ra)
			c.holds(b, rb)
		}},
	{name: "move/owner", needs: Moves,
		rule: "Move changes the owner index as Create and Replace do.",
		check: func(c *caseT) {
			id, newID, owner := random(), random(), random()
			r := c.create(id, c.owned("old", owner))
			next := c.owned("new", owner)
			next.Version = c.move(id, r, newID, next)
			_, _, err := c.store.Owned(c.ctx, owner, "", 1)
			if errors.Is(err, errors.ErrUnsupported) {
				return
			}
			c.lists(c.ownedBy(owner, 1), map[string]store.Record{newID: next}, true)
		}},
}

// move moves old to newID, and leaves a seal without an owner.
func (c *caseT) move(id string, old store.Record, newID string, next store.Record) store.Version {
	v, err := c.store.Move(c.ctx, id, old, c.record("seal"), newID, next)
	c.want(err, nil, "Move")
	if v == "" {
		c.Fatalf("Move returned an empty version")
	}
	return v
}
