package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Rules of the five operations, one caller at a time.
var basicRules = []rule{
	{name: "load/what-was-stored",
		rule: "Load returns the live record stored under id, with its data, expiry and version.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			got := c.holds(id, r)
			c.expires(got, r.Expires)
			if got.Owner != "" && got.Owner != r.Owner {
				c.Fatalf("loaded owner %q, want %q", got.Owner, r.Owner)
			}
			r = c.replace(id, r, "second")
			c.holds(id, r)
		}},
	{name: "load/missing",
		rule:  "Load returns ErrNotFound when there is no record.",
		check: func(c *caseT) { c.missing(random()) }},
	{name: "data/byte-for-byte",
		rule: "What Load returns as data is what was stored, byte for byte.",
		check: func(c *caseT) {
			all := make([]byte, 256)
			for i := range all {
				all[i] = byte(i)
			}
			big := make([]byte, c.cfg.MaxData)
			rand.Read(big)
			for _, data := range []string{
				"\x00", " ", "\xff", "\x80", "x\r\n", "'; --", "{}", string(all),
				strings.Repeat("a", 5000), string(big),
			} {
				if len(data) > c.cfg.MaxData {
					continue
				}
				id := random()
				r := c.create(id, c.record(data))
				c.holds(id, r)
				r = c.replace(id, r, data[:len(data)/2]+"replaced")
				c.holds(id, r)
			}
		}},
	{name: "data/read-only",
		rule: "A store must not change the bytes that it was given or has returned.",
		check: func(c *caseT) {
			id := random()
			text := func(i int) string { return strings.Repeat(string(rune('a'+i)), 100) }
			given := []store.Record{c.create(id, c.record(text(0)))}
			var loaded []store.Record
			for i := range 20 {
				loaded = append(loaded, c.holds(id, given[i]))
				given = append(given, c.replace(id, given[i], text(i+1)))
			}
			c.want(c.store.Delete(c.ctx, id, given[20]), nil, "Delete")
			c.missing(id)
			for i, r := range loaded {
				if string(r.Data) != text(i) || string(given[i].Data) != text(i) {
					c.Fatalf("%s became %s where it was stored, and %s where it was loaded",
						brief([]byte(text(i))), brief(given[i].Data), brief(r.Data))
				}
			}
		}},
	{name: "id/byte-for-byte",
		rule: "A store compares ids byte for byte: case and trailing spaces count.",
		check: func(c *caseT) {
			base := "s:" + random()[:20]
			ids := []string{" " + base + "a"}
			for _, end := range []string{"a", "A", "a ", "a  ", "a.", "a~", "a\\", "aa"} {
				ids = append(ids, base+end)
			}
			for b := byte(' '); b <= '~'; b++ {
				ids = append(ids, base+string(b)+"x")
			}
			for _, affix := range []string{
				"../", "./", "/", "//", "\\", "%2f", "%", "%s", "*", "?", "'", `"`, "`", "$(x)",
				"{x}", ":", "\\0", "..", ".", "~", "#",
			} {
				ids = append(ids, affix+base, base+affix+"-")
			}
			room := 255 - len(base)
			ids = append(ids, base+strings.Repeat("q", room), base+strings.Repeat("q", room-1),
				base+strings.Repeat("Q", room))
			records := map[string]store.Record{}
			for _, id := range ids {
				if _, ok := records[id]; ok {
					continue
				}
				v, err := c.store.Create(c.ctx, id, c.record("data of "+id))
				c.want(err, nil, "Create of id %q beside ids that differ in a byte", id)
				records[id] = store.Record{Data: []byte("data of " + id), Version: v}
			}
			for id, r := range records {
				c.holds(id, r)
			}
			c.want(c.store.Delete(c.ctx, base+"a", store.Record{}), nil, "Delete")
			c.missing(base + "a")
			c.holds(base+"A", records[base+"A"])
			c.holds(base+"a ", records[base+"a "])
		}},
	{name: "create/exists",
		rule: "Create returns ErrExists when a live record has that id.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			for _, s := range []store.Store{c.store, c.peer} {
				_, err := s.Create(c.ctx, id, c.record("second"))
				c.want(err, store.ErrExists, "Create of an id that is taken")
			}
			c.holds(id, r)
		}},
	{name: "create/after-delete",
		rule: "An id whose record was deleted is free.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			c.want(c.store.Delete(c.ctx, id, r), nil, "Delete")
			c.holds(id, c.create(id, c.record("second")))
		}},
	{name: "replace/conflict",
		rule: "Replace returns ErrConflict when the live record is not old any more.",
		check: func(c *caseT) {
			id := random()
			stale := c.create(id, c.record("first"))
			r := c.replace(id, stale, "second")
			for _, s := range []store.Store{c.store, c.peer} {
				_, err := s.Replace(c.ctx, id, stale, c.record("third"))
				c.want(err, store.ErrConflict, "Replace of a stale version")
			}
			c.holds(id, r)
		}},
	{name: "replace/other-record",
		rule: "Replace returns ErrConflict when the live record is another one than old.",
		check: func(c *caseT) {
			id := random()
			deleted := c.create(id, c.record("first"))
			c.want(c.store.Delete(c.ctx, id, deleted), nil, "Delete")
			r := c.create(id, c.record("second"))
			_, err := c.store.Replace(c.ctx, id, deleted, c.record("third"))
			c.want(err, store.ErrConflict, "Replace of a record that was deleted and created anew")
			c.holds(id, r)
		}},
	{name: "replace/missing",
		rule: "Replace returns ErrNotFound when there is no live record; it never recreates a " +
			"deleted one.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			c.want(c.peer.Delete(c.ctx, id, r), nil, "Delete")
			_, err := c.store.Replace(c.ctx, id, r, c.record("second"))
			c.want(err, store.ErrNotFound, "Replace of a deleted record")
			c.missing(id)
		}},
	{name: "replace/same-data",
		rule: "Replace of a record by the same data succeeds.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("same"))
			later := r
			later.Expires = r.Expires.Add(time.Minute)
			v, err := c.store.Replace(c.ctx, id, r, later)
			c.want(err, nil, "Replace by the same data")
			later.Version = v
			c.expires(c.holds(id, later), later.Expires)
		}},
	{name: "version/never-reused",
		rule: "A version is never used again for other data under the same id.",
		check: func(c *caseT) {
			id := random()
			seen := map[store.Version]string{}
			r := c.create(id, c.record("0"))
			for i := range 12 {
				if before, ok := seen[r.Version]; ok {
					c.Fatalf("version %q of %q was used for %q before", r.Version, r.Data, before)
				}
				seen[r.Version] = string(r.Data)
				if data := fmt.Sprint("data ", i); i%3 == 2 {
					c.want(c.store.Delete(c.ctx, id, r), nil, "Delete")
					r = c.create(id, c.record(data))
				} else {
					r = c.replace(id, r, data)
				}
			}
		}},
	{name: "touch/moves-nothing",
		rule: "Touch changes neither data nor version.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			until := r.Expires.Add(time.Minute)
			c.want(c.peer.Touch(c.ctx, id, r, until), nil, "Touch")
			c.expires(c.holds(id, r), until)
			r = c.replace(id, r, "second") // with the version from before the touch
			c.want(c.store.Touch(c.ctx, id, r, until), nil, "Touch")
			c.want(c.store.Delete(c.ctx, id, r), nil, "Delete of the version from before a touch")
		}},
	{name: "touch/stale-record",
		rule: "Touch sets the expiry whatever version the record has by now.",
		check: func(c *caseT) {
			id := random()
			stale := c.create(id, c.record("first"))
			r := c.replace(id, stale, "second")
			until := r.Expires.Add(time.Minute)
			c.want(c.peer.Touch(c.ctx, id, stale, until), nil, "Touch with a stale record")
			c.expires(c.holds(id, r), until)
		}},
	{name: "touch/same-expiry",
		rule: "Touch returns nil when it took effect, also when nothing had to change.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			for range 3 {
				c.want(c.store.Touch(c.ctx, id, r, r.Expires), nil,
					"Touch to the expiry that it has")
			}
		}},
	{name: "touch/missing",
		rule: "Touch returns ErrNotFound when there is no live record.",
		check: func(c *caseT) {
			id := random()
			until := c.record("").Expires
			c.want(c.store.Touch(c.ctx, id, store.Record{}, until), store.ErrNotFound, "Touch")
			r := c.create(id, c.record("first"))
			c.want(c.store.Delete(c.ctx, id, r), nil, "Delete")
			c.want(c.peer.Touch(c.ctx, id, r, r.Expires), store.ErrNotFound,
				"Touch of a deleted record")
			c.missing(id)
		}},
	{name: "delete/version",
		rule: "Delete with a version returns ErrConflict when the live record is not that one " +
			"any more.",
		check: func(c *caseT) {
			id := random()
			stale := c.create(id, c.record("first"))
			r := c.replace(id, stale, "second")
			c.want(c.peer.Delete(c.ctx, id, stale), store.ErrConflict, "Delete of a stale version")
			c.holds(id, r)
			c.want(c.peer.Delete(c.ctx, id, r), nil, "Delete of the current version")
			c.missing(id)
		}},
	{name: "delete/unconditional",
		rule: "Delete with an empty version deletes whatever is there.",
		check: func(c *caseT) {
			id := random()
			c.replace(id, c.create(id, c.record("first")), "second")
			c.want(c.peer.Delete(c.ctx, id, store.Record{}), nil, "Delete")
			c.missing(id)
		}},
	{name: "delete/missing",
		rule: "Delete returns ErrNotFound when there is no live record.",
		check: func(c *caseT) {
			id := random()
			c.want(c.store.Delete(c.ctx, id, store.Record{}), store.ErrNotFound, "Delete")
			r := c.create(id, c.record("first"))
			c.want(c.store.Delete(c.ctx, id, r), nil, "Delete")
			c.want(c.store.Delete(c.ctx, id, r), store.ErrNotFound,
				"the second Delete with a version")
			c.want(c.peer.Delete(c.ctx, id, store.Record{}), store.ErrNotFound, "the second Delete")
		}},
	{name: "context/ended",
		rule: "A method returns soon after its context ends; its error is then none of the " +
			"sentinels.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("first"))
			ctx, cancel := context.WithCancel(c.ctx)
			cancel()
			_, load := c.store.Load(ctx, id)
			_, create := c.store.Create(ctx, random(), c.record("other"))
			touch := c.store.Touch(ctx, id, r, r.Expires)
			_, replace := c.store.Replace(ctx, id, r, c.record("second"))
			errs := map[string]error{
				"Load": load, "Create": create, "Touch": touch, "Replace": replace,
				"Delete": c.store.Delete(ctx, id, store.Record{}),
			}
			for op, err := range errs {
				if err == nil || errors.Is(err, store.ErrNotFound) ||
					errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) {
					c.Fatalf("%s under a context that had ended: got %v, want another error",
						op, err)
				}
			}
		}},
}
