package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// broken is a store that keeps the contract except where a test overrides it.
type broken struct {
	store.FullStore
	create  func(ctx context.Context, id string, r store.Record) (store.Version, error)
	replace func(ctx context.Context, id string, old, next store.Record) (store.Version, error)
	load    func(ctx context.Context, id string) (store.Record, error)
	touch   func(ctx context.Context, id string, r store.Record, expires time.Time) error
	remove  func(ctx context.Context, id string, r store.Record) error
	move    func(ctx context.Context, id string, old, seal store.Record, newID string, next store.Record) (store.Version, error)
	owned   func(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error)
	sweep   func(ctx context.Context, cursor string, limit int) (int, string, error)
}

func (b *broken) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	if b.create != nil {
		return b.create(ctx, id, r)
	}
	return b.FullStore.Create(ctx, id, r)
}

func (b *broken) Replace(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
	if b.replace != nil {
		return b.replace(ctx, id, old, next)
	}
	return b.FullStore.Replace(ctx, id, old, next)
}

func (b *broken) Load(ctx context.Context, id string) (store.Record, error) {
	if b.load != nil {
		return b.load(ctx, id)
	}
	return b.FullStore.Load(ctx, id)
}

func (b *broken) Touch(ctx context.Context, id string, r store.Record, expires time.Time) error {
	if b.touch != nil {
		return b.touch(ctx, id, r, expires)
	}
	return b.FullStore.Touch(ctx, id, r, expires)
}

func (b *broken) Delete(ctx context.Context, id string, r store.Record) error {
	if b.remove != nil {
		return b.remove(ctx, id, r)
	}
	return b.FullStore.Delete(ctx, id, r)
}

func (b *broken) Move(ctx context.Context, id string, old, seal store.Record, newID string, next store.Record) (store.Version, error) {
	if b.move != nil {
		return b.move(ctx, id, old, seal, newID, next)
	}
	return b.FullStore.Move(ctx, id, old, seal, newID, next)
}

func (b *broken) Owned(ctx context.Context, owner, cursor string, limit int) ([]store.Entry, string, error) {
	if b.owned != nil {
		return b.owned(ctx, owner, cursor, limit)
	}
	return b.FullStore.Owned(ctx, owner, cursor, limit)
}

func (b *broken) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	if b.sweep != nil {
		return b.sweep(ctx, cursor, limit)
	}
	return b.FullStore.Sweep(ctx, cursor, limit)
}

// overwrite stores r whatever is there.
func overwrite(ctx context.Context, s store.Store, id string, r store.Record) (store.Version, error) {
	for {
		old, err := s.Load(ctx, id)
		var v store.Version
		switch {
		case err == nil:
			v, err = s.Replace(ctx, id, old, r)
		case errors.Is(err, store.ErrNotFound):
			v, err = s.Create(ctx, id, r)
		}
		if ignore(err, store.ErrConflict, store.ErrExists, store.ErrNotFound) != nil || err == nil {
			return v, err
		}
	}
}

func ignoreTo(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// folded makes a store that takes ids for the same that fold to the same.
func folded(b *broken, s store.FullStore, fold func(string) string) {
	b.create = func(ctx context.Context, id string, r store.Record) (store.Version, error) {
		return s.Create(ctx, fold(id), r)
	}
	b.load = func(ctx context.Context, id string) (store.Record, error) { return s.Load(ctx, fold(id)) }
	b.remove = func(ctx context.Context, id string, r store.Record) error { return s.Delete(ctx, fold(id), r) }
}

// shortVersions makes a store whose versions count from 1 for every life of a record.
func shortVersions(b *broken, s store.FullStore) {
	var mu sync.Mutex
	counts := map[string]byte{}
	short := func(id string) store.Version { return store.Version([]byte{'v', counts[id]}) }
	b.create = func(ctx context.Context, id string, r store.Record) (store.Version, error) {
		mu.Lock()
		defer mu.Unlock()
		_, err := s.Create(ctx, id, r)
		if err != nil {
			return "", err
		}
		counts[id] = 1
		return short(id), nil
	}
	b.load = func(ctx context.Context, id string) (store.Record, error) {
		mu.Lock()
		defer mu.Unlock()
		r, err := s.Load(ctx, id)
		r.Version = short(id)
		return r, err
	}
	b.replace = func(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
		mu.Lock()
		defer mu.Unlock()
		r, err := s.Load(ctx, id)
		if err != nil {
			return "", err
		}
		if old.Version != short(id) {
			return "", store.ErrConflict
		}
		if _, err := s.Replace(ctx, id, r, next); err != nil {
			return "", err
		}
		counts[id]++
		return short(id), nil
	}
	b.remove = func(ctx context.Context, id string, r store.Record) error {
		mu.Lock()
		defer mu.Unlock()
		current, err := s.Load(ctx, id)
		if err != nil {
			return err
		}
		if r.Version != "" && r.Version != short(id) {
			return store.ErrConflict
		}
		return s.Delete(ctx, id, current)
	}
}
