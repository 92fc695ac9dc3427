package storetest

import (
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Rules of records whose time has come.
var expiryRules = []rule{
	{name: "expired/load",
		rule: "Load never returns an expired record.",
		check: func(c *caseT) {
			id, _ := c.expired()
			c.missing(id)
		}},
	{name: "expired/replace",
		rule: "Replace never revives an expired record.",
		check: func(c *caseT) {
			id, r := c.expired()
			_, err := c.store.Replace(c.ctx, id, r, c.record("second"))
			c.want(err, store.ErrNotFound, "Replace of an expired record")
			c.missing(id)
		}},
	{name: "expired/touch",
		rule: "Touch never revives an expired record.",
		check: func(c *caseT) {
			id, r := c.expired()
			c.want(c.store.Touch(c.ctx, id, r, c.record("").Expires), store.ErrNotFound,
				"Touch of an expired record")
			c.missing(id)
		}},
	{name: "expired/delete",
		rule: "An expired record is gone for Delete.",
		check: func(c *caseT) {
			id, r := c.expired()
			c.want(c.store.Delete(c.ctx, id, r), store.ErrNotFound, "Delete of an expired record")
			id, _ = c.expired()
			c.want(c.store.Delete(c.ctx, id, store.Record{}), store.ErrNotFound,
				"unconditional Delete of an expired record")
		}},
	{name: "expired/create",
		rule: "Create may take the place of an expired record.",
		check: func(c *caseT) {
			id, before := c.expired()
			r := c.create(id, c.record("second"))
			c.holds(id, r)
			_, err := c.store.Replace(c.ctx, id, before, c.record("third"))
			c.want(err, store.ErrConflict, "Replace of the expired record's version")
			c.holds(id, r)
		}},
	{name: "expiry/touch-earlier",
		rule: "Touch sets the expiry, to an earlier time too.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			c.want(c.store.Touch(c.ctx, id, r, c.cfg.Now().Add(c.short())), nil, "Touch")
			c.pass()
			c.missing(id)
		}},
	{name: "expiry/touch-later",
		rule: "A touched record lives until the expiry that the touch set.",
		check: func(c *caseT) {
			c.outlives(func(id string, r store.Record) (store.Record, error) {
				return r, c.peer.Touch(c.ctx, id, r, c.record("").Expires)
			})
		}},
	{name: "expiry/replace",
		rule: "Replace sets the expiry of new, earlier or later.",
		check: func(c *caseT) {
			earlier := random()
			soon := c.record("second")
			soon.Expires = c.cfg.Now().Add(c.short())
			_, err := c.store.Replace(c.ctx, earlier, c.create(earlier, c.record("first")), soon)
			c.want(err, nil, "Replace")
			c.pass()
			c.missing(earlier)
			c.outlives(func(id string, r store.Record) (store.Record, error) {
				later := c.record("second")
				version, err := c.store.Replace(c.ctx, id, r, later)
				later.Version = version
				return later, err
			})
		}},
	{name: "expiry/conflict",
		rule: "A Replace that returns ErrConflict changes no expiry.",
		check: func(c *caseT) {
			id := random()
			stale := c.create(id, c.record("first"))
			r := c.replace(id, stale, "second")
			before := c.holds(id, r)
			for _, d := range []time.Duration{-time.Minute, time.Minute} {
				other := c.record("third")
				other.Expires = before.Expires.Add(d)
				_, err := c.store.Replace(c.ctx, id, stale, other)
				c.want(err, store.ErrConflict, "Replace of a stale version")
			}
			c.expires(c.holds(id, r), before.Expires)
		}},
	{name: "expiry/born-expired",
		rule: "A record whose expiry has come is gone, also when it never lived.",
		check: func(c *caseT) {
			id := random()
			r := c.record("first")
			r.Expires = c.cfg.Now().Add(-time.Hour)
			if _, err := c.store.Create(c.ctx, id, r); err != nil {
				c.want(err, store.ErrNotFound, "Create with an expiry that has passed")
			}
			c.missing(id)
			c.holds(id, c.create(id, c.record("second")))
		}},
	{name: "expiry/touch-to-the-past",
		rule: "A record that was touched to a time that has come is gone.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			c.want(c.store.Touch(c.ctx, id, r, c.cfg.Now().Add(-time.Hour)), nil, "Touch")
			c.missing(id)
		}},
}

// expired creates a record and waits until it has expired.
func (c *caseT) expired() (string, store.Record) {
	id := random()
	r := c.mortal(id, c.record("first"))
	c.pass()
	return id, r
}

// mortal creates r with a short lifetime. If that is over before the store sees the record, it
// tries again.
func (c *caseT) mortal(id string, r store.Record) store.Record {
	for {
		r.Expires = c.cfg.Now().Add(c.short())
		v, err := c.store.Create(c.ctx, id, r)
		if !c.tooLate(err, r.Expires) {
			c.want(err, nil, "Create")
			r.Version = v
			return r
		}
	}
}

// outlives fails unless prolong, which returns the record as it must be then, lets a record outlive
// its expiry. If the expiry comes before prolong can act, it tries a later one.
func (c *caseT) outlives(prolong func(id string, r store.Record) (store.Record, error)) {
	for life := 10 * c.short(); ; life *= 2 {
		id, r := random(), c.record("first")
		expires := c.cfg.Now().Add(life)
		r.Expires = expires
		v, err := c.store.Create(c.ctx, id, r)
		if err == nil {
			r.Version = v
			r, err = prolong(id, r)
		}
		if c.tooLate(err, expires) {
			continue
		}
		c.want(err, nil, "prolonging a record that lives")
		for c.ctx.Err() == nil && !c.cfg.Now().After(expires) {
			c.pass()
		}
		c.pass()
		c.holds(id, r)
		return
	}
}

// tooLate reports whether err only says that expires came first.
func (c *caseT) tooLate(err error, expires time.Time) bool {
	return errors.Is(err, store.ErrNotFound) && c.ctx.Err() == nil && !c.cfg.Now().Before(expires)
}
