package storetest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Each of these stores breaks one sentence of the contract, and the rules named must
// catch it. Only rules that catch it in any order of events are named.
var brokenStores = []struct {
	name   string
	caught []string
	spoil  func(b *broken, s store.FullStore, now func() time.Time)
}{
	{"a Replace that always wins", []string{"replace/conflict", "replace/other-record", "race/counter", "race/replace"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.replace = func(ctx context.Context, id string, _, next store.Record) (store.Version, error) {
				return overwrite(ctx, s, id, next)
			}
		}},
	{"a Replace that sets the expiry first", []string{"expiry/conflict"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.replace = func(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
				if err := s.Touch(ctx, id, old, next.Expires); err != nil {
					return "", err
				}
				return s.Replace(ctx, id, old, next)
			}
		}},
	{"a Load that uses its buffer again", []string{"data/read-only"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			var mu sync.Mutex
			buffers := map[string][]byte{}
			b.load = func(ctx context.Context, id string) (store.Record, error) {
				r, err := s.Load(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				buffers[id] = append(buffers[id][:0], r.Data...)
				r.Data = buffers[id]
				return r, err
			}
		}},
	{"a Replace that recreates a deleted record", []string{"replace/missing", "expired/replace"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.replace = func(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
				v, err := s.Replace(ctx, id, old, next)
				if err == store.ErrNotFound {
					return s.Create(ctx, id, next)
				}
				return v, err
			}
		}},
	{"a Load that returns an expired record", []string{"expired/load", "expiry/touch-earlier", "expiry/replace"},
		func(b *broken, s store.FullStore, now func() time.Time) {
			var last sync.Map
			keep := func(id string, v store.Version, r store.Record, err error) {
				if err == nil {
					r.Version = v
					last.Store(id, r)
				}
			}
			b.create = func(ctx context.Context, id string, r store.Record) (store.Version, error) {
				v, err := s.Create(ctx, id, r)
				keep(id, v, r, err)
				return v, err
			}
			b.replace = func(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
				v, err := s.Replace(ctx, id, old, next)
				keep(id, v, next, err)
				return v, err
			}
			b.remove = func(ctx context.Context, id string, r store.Record) error {
				err := s.Delete(ctx, id, r)
				if err == nil {
					last.Delete(id)
				}
				return err
			}
			b.load = func(ctx context.Context, id string) (store.Record, error) {
				r, err := s.Load(ctx, id)
				if before, ok := last.Load(id); ok && err == store.ErrNotFound {
					return before.(store.Record), nil
				}
				return r, err
			}
		}},
	{"a Touch that rewrites data", []string{"touch/stale-record", "touch/moves-nothing"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.touch = func(ctx context.Context, id string, r store.Record, expires time.Time) error {
				if _, err := s.Load(ctx, id); err != nil {
					return err
				}
				r.Expires = expires
				_, err := overwrite(ctx, s, id, r)
				return err
			}
		}},
	{"a Touch that does nothing", []string{"touch/moves-nothing", "touch/missing", "expiry/touch-later"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.touch = func(context.Context, string, store.Record, time.Time) error { return nil }
		}},
	{"an Owned that returns a deleted record", []string{"owned/not-deleted", "owned/create-again"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			var gone sync.Map // owner to entry
			b.remove = func(ctx context.Context, id string, r store.Record) error {
				err := s.Delete(ctx, id, r)
				if err == nil {
					gone.Store(r.Owner, store.Entry{ID: id, Record: r})
				}
				return err
			}
			b.owned = func(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error) {
				page, next, err := s.Owned(ctx, owner, cursor, limit)
				if e, ok := gone.Load(owner); ok {
					page = append(page, e.(store.Entry))
				}
				return page, next, err
			}
		}},
	{"a Delete that leaves its index entry", []string{"owned/entry-cleared", "owned/not-deleted"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			var left sync.Map // id to owner
			b.remove = func(ctx context.Context, id string, r store.Record) error {
				err := s.Delete(ctx, id, r)
				if err == nil {
					left.Store(id, r.Owner)
				}
				return err
			}
			b.owned = func(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error) {
				page, next, err := s.Owned(ctx, owner, cursor, limit)
				left.Range(func(id, of any) bool {
					if of == owner {
						page = append(page, store.Entry{ID: id.(string)})
					}
					return true
				})
				return page, next, err
			}
		}},
	{"a Replace that leaves the index entry of the owner before", []string{"owned/entry-cleared", "owned/replace"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			var left sync.Map
			b.replace = func(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
				v, err := s.Replace(ctx, id, old, next)
				if err == nil && old.Owner != next.Owner {
					left.Store(id, old.Owner)
				}
				return v, err
			}
			b.owned = func(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error) {
				page, next, err := s.Owned(ctx, owner, cursor, limit)
				left.Range(func(id, of any) bool {
					if of == owner {
						page = append(page, store.Entry{ID: id.(string)})
					}
					return true
				})
				return page, next, err
			}
		}},
	{"an Owned that stops after its first page", []string{"owned/live-records", "owned/during-writes"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.owned = func(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error) {
				page, _, err := s.Owned(ctx, owner, cursor, limit)
				return page, "", err
			}
		}},
	{"a Delete that ignores its version", []string{"delete/version"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.remove = func(ctx context.Context, id string, r store.Record) error {
				r.Version = ""
				return s.Delete(ctx, id, r)
			}
		}},
	{"a Delete that reports nothing missing", []string{"delete/missing", "race/delete"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.remove = func(ctx context.Context, id string, r store.Record) error {
				return ignore(s.Delete(ctx, id, r), store.ErrNotFound)
			}
		}},
	{"a Create that overwrites", []string{"create/exists", "race/create"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.create = func(ctx context.Context, id string, r store.Record) (store.Version, error) {
				return overwrite(ctx, s, id, r)
			}
		}},
	{"ids without case", []string{"id/byte-for-byte"},
		func(b *broken, s store.FullStore, _ func() time.Time) { folded(b, s, strings.ToLower) }},
	{"ids without trailing spaces", []string{"id/byte-for-byte"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			folded(b, s, func(id string) string { return strings.TrimRight(id, " ") })
		}},
	{"ids of 254 bytes", []string{"id/byte-for-byte"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			folded(b, s, func(id string) string { return id[:min(254, len(id))] })
		}},
	{"a Move that leaves the old record alive", []string{"move/both"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.move = func(ctx context.Context, id string, old, _ store.Record, newID string, next store.Record) (store.Version, error) {
				if r, err := s.Load(ctx, id); err != nil || r.Version != old.Version {
					return "", ignoreTo(err, store.ErrConflict)
				}
				return s.Create(ctx, newID, next)
			}
		}},
	{"a Move in two steps", []string{"move/exists"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.move = func(ctx context.Context, id string, old, seal store.Record, newID string, next store.Record) (store.Version, error) {
				if _, err := s.Replace(ctx, id, old, seal); err != nil {
					return "", err
				}
				return s.Create(ctx, newID, next)
			}
		}},
	{"a Sweep that removes live records", []string{"sweep/expired-only"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.sweep = func(ctx context.Context, cursor string, limit int) (int, string, error) {
				page, next, err := s.All(ctx, cursor, limit)
				for _, e := range page {
					s.Delete(ctx, e.ID, store.Record{})
				}
				return len(page), next, err
			}
		}},
	{"versions that come back", []string{"version/never-reused", "replace/other-record"},
		func(b *broken, s store.FullStore, _ func() time.Time) { shortVersions(b, s) }},
	{"a context that is ignored", []string{"context/ended"},
		func(b *broken, s store.FullStore, _ func() time.Time) {
			b.load = func(_ context.Context, id string) (store.Record, error) { return s.Load(context.Background(), id) }
		}},
}

func TestBrokenStoresAreCaught(t *testing.T) {
	for _, tt := range brokenStores {
		t.Run(strings.ReplaceAll(tt.name, " ", "-"), func(t *testing.T) {
			for _, name := range tt.caught {
				clock := &testClock{now: time.Now()}
				s, err := memstore.New(memstore.Options{Now: clock.Now, SweepEvery: -1})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				b := &broken{FullStore: s}
				tt.spoil(b, s, clock.Now)
				cfg := Config{Abilities: []Ability{Moves, Owners, Lists, Sweeps}, Advance: clock.Advance, Now: clock.Now}
				if err := check(t.Context(), ruleNamed(t, name), cfg, b, b); err == nil {
					t.Errorf("the rule %s did not catch it", name)
				} else {
					t.Logf("%s: %v", name, err)
				}
			}
		})
	}
}

// The stores above are broken by what they override, not by being wrapped.
func TestWrappedStorePasses(t *testing.T) {
	clock := &testClock{now: time.Now()}
	s, err := memstore.New(memstore.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	Run(t, Config{
		Abilities: []Ability{Moves, Owners, Lists, Sweeps},
		Advance:   clock.Advance,
		Now:       clock.Now,
		Open:      func(testing.TB) store.Store { return &broken{FullStore: s} },
		Peer:      func(testing.TB) store.Store { return NewFaulty(s) },
	})
}

// A store that lost an ability fails the rules of that ability.
func TestLostAbilityIsCaught(t *testing.T) {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	bare := struct{ store.Store }{s}
	for _, r := range rules {
		if r.needs == "" {
			continue
		}
		if err := check(t.Context(), r, Config{}, bare, bare); err == nil {
			t.Errorf("the rule %s passes on a store without %s", r.name, r.needs)
		}
	}
}

func ruleNamed(t *testing.T, name string) rule {
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("there is no rule %s", name)
	return rule{}
}

func TestRulesAreNamedAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules {
		if r.name == "" || seen[r.name] || !strings.HasSuffix(r.rule, ".") || r.check == nil {
			t.Errorf("rule %q: unnamed, twice, or unexplained", r.name)
		}
		seen[r.name] = true
	}
}

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
