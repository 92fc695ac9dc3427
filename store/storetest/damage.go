package storetest

import (
	"errors"
	"slices"

	"github.com/cloakroom-go/cloakroom/store"
)

// Rules of live records that the store cannot read.
var damageRules = []rule{
	{name: "unreadable/stays", damages: true,
		rule: "A live record that the store cannot read is ErrUnreadable, and stays.",
		check: func(c *caseT) {
			id, r := c.damaged("")
			for range 2 {
				c.unreadable(id)
				_, err := c.store.Replace(c.ctx, id, r, c.record("second"))
				c.want(err, store.ErrUnreadable, "Replace of a record that cannot be read")
				c.want(c.peer.Touch(c.ctx, id, r, r.Expires), store.ErrUnreadable,
					"Touch of a record that cannot be read")
				err = c.store.Delete(c.ctx, id, r)
				if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
					c.Fatalf("Delete of a version: got %v, want ErrUnreadable or ErrConflict", err)
				}
			}
			c.unreadable(id)
		}},
	{name: "unreadable/delete", damages: true,
		rule: "Delete with an empty version deletes a record that the store cannot read.",
		check: func(c *caseT) {
			id, _ := c.damaged("")
			c.want(c.peer.Delete(c.ctx, id, store.Record{}), nil,
				"Delete of a record that cannot be read")
			c.absent(id)
			c.want(c.store.Delete(c.ctx, id, store.Record{}), store.ErrNotFound,
				"the second Delete")
			c.holds(id, c.create(id, c.record("second")))
		}},
	{name: "unreadable/create", damages: true,
		rule: "Create may take the place of a record that the store cannot read.",
		check: func(c *caseT) {
			id, _ := c.damaged("")
			r := c.create(id, c.record("second"))
			c.holds(id, c.replace(id, r, "third"))
		}},
	{name: "unreadable/owned", damages: true, needs: Owners,
		rule: "A listing by owner goes on after a record that the store cannot read, and names " +
			"that one.",
		check: func(c *caseT) {
			owner := random()
			want := map[string]store.Record{}
			bad, _ := c.damaged(owner)
			for range 4 {
				id := random()
				want[id] = c.create(id, c.owned("data", owner))
			}
			got := c.lists(c.ownedBy(owner, 2), want, false)
			if r, ok := got[bad]; !ok || r.Version != "" {
				c.Fatalf("listed: %v, with version %q; want it without one", ok, r.Version)
			}
			if slices.Contains(c.cfg.Abilities, Lists) {
				c.lists(c.all(3), want, false)
			}
			c.want(c.store.Delete(c.ctx, bad, store.Record{Owner: owner}), nil, "Delete")
			c.lists(c.ownedBy(owner, 2), want, true)
		}},
}

// damaged returns a live record that the store cannot read any more.
func (c *caseT) damaged(owner string) (id string, r store.Record) {
	if c.cfg.Damage == nil {
		c.Fatalf("Config.Damage is nil")
	}
	id = random()
	r = c.create(id, c.owned("first", owner))
	c.want(c.cfg.Damage(id), nil, "Config.Damage")
	return id, r
}

// unreadable fails unless both handles say that there is a record which cannot be read.
func (c *caseT) unreadable(id string) {
	for _, s := range []store.Store{c.store, c.peer} {
		_, err := s.Load(c.ctx, id)
		c.want(err, store.ErrUnreadable, "Load of a record that cannot be read")
	}
}

// absent fails unless there is not even a record that cannot be read.
func (c *caseT) absent(id string) {
	c.missing(id)
	if _, err := c.store.Load(c.ctx, id); errors.Is(err, store.ErrUnreadable) {
		c.Fatalf("Load of a deleted record: %v", err)
	}
}
