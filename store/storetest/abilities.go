package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cloakroom-go/cloakroom/store"
)

// Rules of the optional interfaces.
var abilityRules = slices.Concat(moveRules, []rule{
	{name: "owned/live-records", needs: Owners,
		rule: "Owned lists the live records whose Owner is owner, and no other's.",
		check: func(c *caseT) {
			mine, other := random(), random()
			want := map[string]store.Record{}
			for i := range 7 {
				id := random()
				want[id] = c.create(id, c.owned(fmt.Sprint("data ", i), mine))
				c.create(random(), c.owned("other", other))
				c.create(random(), c.record("other"))
			}
			for limit := 1; limit <= 8; limit++ {
				c.lists(c.ownedBy(mine, limit), want, true)
			}
			c.lists(c.ownedBy(random(), 3), nil, true)
		}},
	{name: "owned/not-deleted", needs: Owners,
		rule: "A record whose Delete was acknowledged before the listing began is not listed.",
		check: func(c *caseT) {
			owner := random()
			want := map[string]store.Record{}
			for i := range 6 {
				id := random()
				r := c.create(id, c.owned("data", owner))
				if i%2 == 0 {
					c.want(c.peer.Delete(c.ctx, id, r), nil, "Delete")
				} else {
					want[id] = r
				}
			}
			c.lists(c.ownedBy(owner, 2), want, true)
		}},
	{name: "owned/entry-cleared", needs: Owners,
		rule: "Delete and Replace clear the index entry of the owner that they were given, " +
			"once the record is gone or another's.",
		check: func(c *caseT) {
			owner := random()
			for i := range 4 {
				id := random()
				r := c.create(id, c.owned("data", owner))
				switch i {
				case 0:
					c.want(c.store.Delete(c.ctx, id, r), nil, "Delete of a version")
				case 1:
					whatever := store.Record{Owner: owner, Deadline: r.Deadline}
					c.want(c.peer.Delete(c.ctx, id, whatever), nil, "Delete of whatever is there")
				case 2:
					r = c.replace(id, r, "second")
					c.want(c.store.Delete(c.ctx, id, r), nil, "Delete of what was replaced")
				case 3:
					_, err := c.store.Replace(c.ctx, id, r, c.record("other"))
					c.want(err, nil, "Replace by a record without an owner")
				}
				if got := c.lists(c.ownedBy(owner, 3), nil, false); len(got) > 0 {
					c.Fatalf("after %d of 4 steps the index still has %d entries", i+1, len(got))
				}
			}
		}},
	{name: "owned/not-expired", needs: Owners,
		rule: "An expired record is gone for listings too; its index entry may be listed " +
			"without it.",
		check: func(c *caseT) {
			owner := random()
			c.mortal(random(), c.owned("data", owner))
			c.pass()
			for _, e := range c.lists(c.ownedBy(owner, 2), nil, false) {
				if e.Version != "" { // an entry without a record may stay for a while
					c.Fatalf("an expired record was listed, with data %s", brief(e.Data))
				}
			}
		}},
	{name: "owned/replace", needs: Owners,
		rule: "What differs from old in owner changes the index likewise.",
		check: func(c *caseT) {
			a, b, id := random(), random(), random()
			r := c.create(id, c.record("other"))
			for i, owner := range []string{a, b, b, "", a} {
				before := r.Owner
				next := c.owned(fmt.Sprint("data ", i), owner)
				v, err := c.store.Replace(c.ctx, id, r, next)
				c.want(err, nil, "Replace")
				next.Version, r = v, next
				r.Version = v
				if before != owner && before != "" {
					c.lists(c.ownedBy(before, 2), nil, true)
				}
				if owner != "" {
					c.lists(c.ownedBy(owner, 2), map[string]store.Record{id: r}, true)
				}
			}
		}},
	{name: "owned/create-again", needs: Owners,
		rule: "A record that was deleted and created anew for its owner is listed.",
		check: func(c *caseT) {
			owner, id := random(), random()
			for i := range 3 {
				r := c.create(id, c.owned(fmt.Sprint("data ", i), owner))
				c.lists(c.ownedBy(owner, 2), map[string]store.Record{id: r}, true)
				c.want(c.store.Delete(c.ctx, id, r), nil, "Delete")
			}
		}},
	{name: "owned/touched", needs: Owners,
		rule: "A touched record stays listed, with its new expiry.",
		check: func(c *caseT) {
			owner, id := random(), random()
			r := c.create(id, c.owned("data", owner))
			r.Expires = r.Expires.Add(store.IndexGrace)
			c.want(c.store.Touch(c.ctx, id, r, r.Expires), nil, "Touch")
			got := c.lists(c.ownedBy(owner, 2), map[string]store.Record{id: r}, true)
			c.expires(got[id], r.Expires)
		}},
	{name: "owned/during-writes", needs: Owners,
		rule: "Every record that lives during the whole listing is listed, at least once, " +
			"whatever comes and goes meanwhile.",
		check: func(c *caseT) {
			owner := random()
			c.duringWrites(owner, c.ownedBy(owner, 3))
		}},
	{name: "all/live-records", needs: Lists,
		rule: "All lists all live records, and no deleted or expired ones.",
		check: func(c *caseT) {
			expired, _ := c.expired()
			deleted := random()
			c.want(c.store.Delete(c.ctx, deleted, c.create(deleted, c.record("gone"))), nil,
				"Delete")
			want := map[string]store.Record{}
			for i := range 7 {
				id := random()
				want[id] = c.create(id, c.record(fmt.Sprint("data ", i)))
			}
			for _, limit := range []int{1, 3, 1000} {
				got := c.lists(c.all(limit), want, false)
				for _, id := range []string{expired, deleted} {
					if r, ok := got[id]; ok && r.Version != "" {
						c.Fatalf("a record that is gone was listed")
					}
				}
			}
		}},
	{name: "all/during-writes", needs: Lists,
		rule: "Every record that lives during the whole listing is listed, at least once, " +
			"whatever comes and goes meanwhile.",
		check: func(c *caseT) { c.duringWrites(random(), c.all(3)) }},
	{name: "sweep/expired-only", needs: Sweeps,
		rule: "Sweep removes expired records, and leaves live ones as they were; an empty next " +
			"ends it.",
		check: func(c *caseT) {
			owner := random()
			live := map[string]store.Record{}
			for i := range 9 {
				id := random()
				live[id] = c.create(id, c.owned(fmt.Sprint("data ", i), owner))
				c.mortal(random(), c.owned("short", owner))
			}
			c.pass()
			errs := c.each(2, func(_ int, s store.FullStore) error {
				_, err := c.walk(func(cursor string) (string, error) {
					n, next, err := s.Sweep(c.ctx, cursor, 4)
					if n < 0 {
						return "", fmt.Errorf("Sweep says that it removed %d", n)
					}
					return next, err
				})
				return err
			})
			c.want(errors.Join(errs...), nil, "Sweep")
			for id, r := range live {
				c.holds(id, r)
			}
			if !slices.Contains(c.cfg.Abilities, Owners) {
				return
			}
			for id, r := range c.lists(c.ownedBy(owner, 5), live, false) {
				// The entry of a record that the server removed by itself may stay for a while.
				if _, ok := live[id]; !ok && r.Version != "" {
					c.Fatalf("an expired record is listed, with data %s", brief(r.Data))
				}
			}
		}},
})

type lister func(cursor string) ([]store.Entry, string, error)

func (c *caseT) ownedBy(owner string, limit int) lister {
	return func(cursor string) ([]store.Entry, string, error) {
		return c.peer.Owned(c.ctx, owner, cursor, limit)
	}
}

func (c *caseT) all(limit int) lister {
	return func(cursor string) ([]store.Entry, string, error) {
		return c.peer.All(c.ctx, cursor, limit)
	}
}

// walk follows cursors to the end and returns the number of pages.
func (c *caseT) walk(page func(cursor string) (string, error)) (int, error) {
	cursor := ""
	for n := 1; ; n++ {
		next, err := page(cursor)
		if err != nil || next == "" {
			return n, err
		}
		if next == cursor {
			return n, fmt.Errorf("the cursor %q led to itself", cursor)
		}
		if n > 1_000_000 {
			return n, errors.New("the listing did not end after a million pages")
		}
		cursor = next
	}
}

// lists fails unless the listing has all of want, and if only is set no other live record.
func (c *caseT) lists(
	list lister, want map[string]store.Record, only bool,
) map[string]store.Record {
	got := map[string]store.Record{}
	_, err := c.walk(func(cursor string) (string, error) {
		page, next, err := list(cursor)
		for _, e := range page {
			got[e.ID] = e.Record
		}
		return next, err
	})
	c.want(err, nil, "listing")
	for id, r := range want {
		g, ok := got[id]
		if !ok {
			c.Fatalf("the listing of %d misses a live record", len(got))
		}
		if g.Version != r.Version || string(g.Data) != string(r.Data) {
			c.Fatalf("listed version %q and data %s, want %q and %s",
				g.Version, brief(g.Data), r.Version, brief(r.Data))
		}
	}
	if only {
		for id, r := range got {
			if _, ok := want[id]; !ok {
				c.Fatalf("a record is listed that should not be, with version %q and data %s",
					r.Version, brief(r.Data))
			}
		}
	}
	return got
}

// duringWrites lists while others of the owner come and go.
func (c *caseT) duringWrites(owner string, list lister) {
	want := map[string]store.Record{}
	for i := range 20 {
		id := random()
		want[id] = c.create(id, c.owned(fmt.Sprint("data ", i), owner))
		other := random()
		before := c.create(other, c.owned("before", owner))
		defer func() { _ = c.store.Delete(c.ctx, other, before) }()
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			id := random()
			r := c.owned("passing", owner)
			var err error
			if r.Version, err = c.store.Create(c.ctx, id, r); err == nil {
				err = c.store.Delete(c.ctx, id, r)
			}
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	defer func() {
		close(stop)
		if err := <-stopped; err != nil && c.err == nil {
			c.err = fmt.Errorf("Create and Delete during a listing: %w", err)
		}
	}()
	for range 3 {
		c.lists(list, want, false)
	}
}
