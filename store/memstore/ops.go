package memstore

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// Load implements [store.Store]. It allocates nothing.
func (s *Store) Load(ctx context.Context, id string) (store.Record, error) {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.checkStarted(ctx, sh, "load")
	if err != nil {
		return store.Record{}, err
	}
	it, _ := sh.live(hash, id, now)
	if it == nil {
		return store.Record{}, store.ErrNotFound
	}
	return it.record(), nil
}

func (it *item) record() store.Record {
	return store.Record{Data: it.data, Expires: fromNanos(it.expires), Owner: it.owner.named(), Version: it.version}
}

// madeRoom reports whether a write that failed with err is worth another try: the store was full,
// and madeRoom has removed expired records.
func (s *Store) madeRoom(err error) bool {
	full := errors.Is(err, store.ErrFull)
	if full {
		s.sweepAll()
	}
	return full
}

// Create implements [store.Store]. At a limit it returns [store.ErrFull], see
// [Options.MaxBytes].
func (s *Store) Create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	if s.tooLarge(id, r) {
		return "", store.ErrTooLarge
	}
	v, err := s.create(ctx, id, r)
	if s.madeRoom(err) {
		v, err = s.create(ctx, id, r)
	}
	if err == nil {
		s.arm()
	}
	return v, err
}

func (s *Store) tooLarge(id string, r store.Record) bool {
	return s.maxBytes > 0 && size(id, r.Data) > s.maxBytes
}

func (s *Store) create(ctx context.Context, id string, r store.Record) (store.Version, error) {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.check(ctx, "create")
	if err != nil {
		return "", err
	}
	if err := s.vacate(n, hash, id, now); err != nil {
		return "", err
	}
	if !s.reserve(1, size(id, r.Data)) {
		return "", store.ErrFull
	}
	return s.insert(n, hash, id, r), nil
}

// vacate removes the record of id if it has expired, and fails if it is live.
func (s *Store) vacate(n int, hash uint64, id string, now int64) error {
	sh := &s.shards[n]
	sh.latest = now
	slot, ok := sh.find(hash, id)
	if !ok {
		return nil
	}
	if sh.at(slot).expires > now {
		return store.ErrExists
	}
	s.remove(n, slot)
	return nil
}

// Replace implements [store.Store]. It recognises old by its version.
func (s *Store) Replace(ctx context.Context, id string, old, next store.Record) (store.Version, error) {
	if s.tooLarge(id, next) {
		return "", store.ErrTooLarge
	}
	v, err := s.replace(ctx, id, old.Version, next)
	if s.madeRoom(err) {
		v, err = s.replace(ctx, id, old.Version, next)
	}
	return v, err
}

func (s *Store) replace(ctx context.Context, id string, old store.Version, next store.Record) (store.Version, error) {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.checkStarted(ctx, sh, "replace")
	if err != nil {
		return "", err
	}
	it, slot := sh.live(hash, id, now)
	if it == nil {
		return "", store.ErrNotFound
	}
	if it.version != old {
		return "", store.ErrConflict
	}
	if !s.reserve(0, int64(len(next.Data)-len(it.data))) {
		return "", store.ErrFull
	}
	return s.update(n, slot, next), nil
}

// Touch implements [store.Store].
func (s *Store) Touch(ctx context.Context, id string, _ store.Record, expires time.Time) error {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.check(ctx, "touch")
	if err != nil {
		return err
	}
	it, _ := sh.live(hash, id, now)
	if it == nil {
		return store.ErrNotFound
	}
	sh.expire(it, nanos(expires))
	return nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, id string, r store.Record) error {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.check(ctx, "delete")
	if err != nil {
		return err
	}
	it, slot := sh.live(hash, id, now)
	if it == nil {
		return store.ErrNotFound
	}
	if r.Version != "" && it.version != r.Version {
		return store.ErrConflict
	}
	s.remove(n, slot)
	return nil
}

// Move implements [store.Mover].
func (s *Store) Move(ctx context.Context, id string, old, seal store.Record, newID string, next store.Record) (store.Version, error) {
	if s.tooLarge(id, seal) || s.tooLarge(newID, next) {
		return "", store.ErrTooLarge
	}
	v, err := s.move(ctx, id, old.Version, seal, newID, next)
	if s.madeRoom(err) {
		v, err = s.move(ctx, id, old.Version, seal, newID, next)
	}
	if err == nil {
		s.arm()
	}
	return v, err
}

func (s *Store) move(ctx context.Context, id string, old store.Version, seal store.Record, newID string, next store.Record) (store.Version, error) {
	from, hash := s.shard(id)
	to, newHash := s.shard(newID)
	// In order, or two moves that cross would deadlock.
	for _, n := range [...]int{min(from, to), max(from, to)} {
		s.shards[n].mu.Lock()
		defer s.shards[n].mu.Unlock()
		if from == to {
			break
		}
	}
	now, err := s.check(ctx, "move")
	if err != nil {
		return "", err
	}
	it, slot := s.shards[from].live(hash, id, now)
	if it == nil {
		return "", store.ErrNotFound
	}
	if it.version != old {
		return "", store.ErrConflict
	}
	if err := s.vacate(to, newHash, newID, now); err != nil {
		return "", err
	}
	if !s.reserve(1, size(newID, next.Data)+int64(len(seal.Data)-len(it.data))) {
		return "", store.ErrFull
	}
	v := s.insert(to, newHash, newID, next)
	s.update(from, slot, seal)
	return v, nil
}
