package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/cloakroom-go/cloakroom/store"
)

const contenders = 32

// Rules of many callers at once, on both handles.
var raceRules = []rule{
	{name: "race/counter",
		rule: "Of several writers that start from one version exactly one succeeds, so no " +
			"increment is lost.",
		check: func(c *caseT) {
			const each = 4
			id := random()
			r := c.create(id, c.record("0"))
			var mu sync.Mutex
			committed := map[int]int{}
			var loaded sync.WaitGroup // all begin with the same version
			loaded.Add(contenders)
			errs := c.each(contenders, func(_ int, s store.FullStore) error {
				first := true
				for done := 0; done < each; {
					old, err := s.Load(c.ctx, id)
					if first {
						first = false
						loaded.Done()
						loaded.Wait()
					}
					if err != nil {
						return fmt.Errorf("load: %w", err)
					}
					n, err := strconv.Atoi(string(old.Data))
					if err != nil {
						return err
					}
					next := r
					next.Data = []byte(strconv.Itoa(n + 1))
					_, err = s.Replace(c.ctx, id, old, next)
					if errors.Is(err, store.ErrConflict) {
						continue
					}
					if err != nil {
						return fmt.Errorf("replace: %w", err)
					}
					done++
					mu.Lock()
					committed[n+1]++
					mu.Unlock()
				}
				return nil
			})
			c.want(errors.Join(errs...), nil, "increments")
			for n, times := range committed {
				if times != 1 {
					c.Fatalf("%d writers committed the value %d", times, n)
				}
			}
			got, err := c.peer.Load(c.ctx, id)
			c.want(err, nil, "Load")
			if want := strconv.Itoa(contenders * each); string(got.Data) != want {
				c.Fatalf("after %s acknowledged increments the value is %q", want, got.Data)
			}
		}},
	{name: "race/replace",
		rule: "Of several Replaces of one version exactly one succeeds; the others get " +
			"ErrConflict.",
		check: func(c *caseT) {
			for range 5 {
				id := random()
				r := c.create(id, c.record("start"))
				versions := make([]store.Version, contenders)
				errs := c.each(contenders, func(i int, s store.FullStore) (err error) {
					versions[i], err = s.Replace(c.ctx, id, r, c.record(fmt.Sprint("writer ", i)))
					return err
				})
				c.oneWinner("Replace", errs, store.ErrConflict)
				for i, err := range errs {
					if err == nil {
						data := []byte(fmt.Sprint("writer ", i))
						c.holds(id, store.Record{Data: data, Version: versions[i]})
					}
				}
			}
		}},
	{name: "race/create",
		rule: "Of several Creates of one id exactly one succeeds; the others get ErrExists.",
		check: func(c *caseT) {
			for range 5 {
				id := random()
				errs := c.each(contenders, func(i int, s store.FullStore) error {
					_, err := s.Create(c.ctx, id, c.record(fmt.Sprint("creator ", i)))
					return err
				})
				c.oneWinner("Create", errs, store.ErrExists)
			}
		}},
	{name: "race/create-expired",
		rule: "Of several Creates in an expired record's place exactly one succeeds.",
		check: func(c *caseT) {
			id, _ := c.expired()
			errs := c.each(contenders, func(i int, s store.FullStore) error {
				_, err := s.Create(c.ctx, id, c.record(fmt.Sprint("creator ", i)))
				return err
			})
			c.oneWinner("Create", errs, store.ErrExists)
		}},
	{name: "race/delete",
		rule: "Of several Deletes of one record exactly one succeeds; the others get ErrNotFound.",
		check: func(c *caseT) {
			for i := range 6 {
				id := random()
				r := c.create(id, c.record("start"))
				if i%2 == 0 {
					r.Version = ""
				}
				errs := c.each(contenders, func(_ int, s store.FullStore) error {
					return s.Delete(c.ctx, id, r)
				})
				c.oneWinner("Delete", errs, store.ErrNotFound)
				c.missing(id)
			}
		}},
	{name: "race/replace-delete",
		rule: "Of a Replace and a Delete of one version exactly one succeeds.",
		check: func(c *caseT) {
			for round := range 20 {
				id := random()
				r := c.create(id, c.record("start"))
				errs := c.each(2, func(i int, s store.FullStore) error {
					if (i+round)%2 == 0 { // whichever goroutine tends to be first
						return s.Delete(c.ctx, id, r)
					}
					_, err := s.Replace(c.ctx, id, r, c.record("replaced"))
					return err
				})
				c.oneWinner("Replace and Delete", errs, store.ErrConflict, store.ErrNotFound)
			}
		}},
	{name: "race/deletion-wins",
		rule: "After an unconditional Delete was acknowledged no Replace or Touch under way " +
			"brings the record back.",
		check: func(c *caseT) {
			for round := range 16 {
				id := random()
				r := c.create(id, c.record("start"))
				errs := c.each(8, func(i int, s store.FullStore) error {
					switch i = (i + round) % 8; {
					case i == 0:
						return s.Delete(c.ctx, id, store.Record{})
					case i < 4:
						return ignore(s.Touch(c.ctx, id, r, r.Expires), store.ErrNotFound)
					}
					_, err := s.Replace(c.ctx, id, r, c.record("replaced"))
					return ignore(err, store.ErrNotFound, store.ErrConflict)
				})
				c.want(errors.Join(errs...), nil, "Delete, Touch and Replace at once")
				c.missing(id)
			}
		}},
	{name: "race/load-is-whole",
		rule: "A Load never sees half of a Replace.",
		check: func(c *caseT) {
			id := random()
			r := c.create(id, c.record("00000000"))
			errs := c.each(8, func(i int, s store.FullStore) error {
				for n := range 40 {
					got, err := s.Load(c.ctx, id)
					if err != nil {
						return err
					}
					for _, b := range got.Data {
						if b != got.Data[0] {
							return fmt.Errorf("loaded a mixture: %s", brief(got.Data))
						}
					}
					if i < 2 {
						next := r
						next.Data = make([]byte, 8+n*37)
						for j := range next.Data {
							next.Data[j] = '0' + byte(n)
						}
						_, err = s.Replace(c.ctx, id, got, next)
						if ignore(err, store.ErrConflict) != nil {
							return err
						}
					}
				}
				return nil
			})
			c.want(errors.Join(errs...), nil, "loads during replaces")
		}},
	{name: "race/touch-replace",
		rule: "Touch changes neither data nor version, so a Replace under way still succeeds.",
		check: func(c *caseT) {
			for range 10 {
				id := random()
				r := c.create(id, c.record("start"))
				errs := c.each(6, func(i int, s store.FullStore) error {
					if i > 0 {
						return s.Touch(c.ctx, id, r, r.Expires)
					}
					_, err := s.Replace(c.ctx, id, r, c.record("replaced"))
					return err
				})
				c.want(errors.Join(errs...), nil, "Replace and Touches at once")
				got, err := c.peer.Load(c.ctx, id)
				c.want(err, nil, "Load")
				if string(got.Data) != "replaced" {
					c.Fatalf("a Touch undid a Replace: loaded %s", brief(got.Data))
				}
			}
		}},
}

// ignore returns err unless it is one of those.
func ignore(err error, those ...error) error {
	for _, e := range those {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}
