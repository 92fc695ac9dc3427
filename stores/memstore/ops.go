package memstore

import (
	"context"
	"errors"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// Load implements [cloakroom.Store]. It allocates nothing.
func (s *Store) Load(ctx context.Context, id string) (cloakroom.Record, error) {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.checkAsked(ctx, sh, "load")
	if err != nil {
		return cloakroom.Record{}, err
	}
	it, _ := sh.live(hash, id, now)
	if it == nil {
		return cloakroom.Record{}, cloakroom.ErrNotFound
	}
	return it.record(), nil
}

func (it *item) record() cloakroom.Record {
	return cloakroom.Record{Data: it.data, Expires: fromNanos(it.expires), Owner: it.owner.named(), Version: it.version}
}

// madeRoom reports whether a write that failed with err is worth another try: it found the store full, and expired records
// have been removed since.
func (s *Store) madeRoom(err error) bool {
	full := errors.Is(err, cloakroom.ErrFull)
	if full {
		s.sweepAll()
	}
	return full
}

// Create implements [cloakroom.Store]. At a limit it returns [cloakroom.ErrFull], see
// [Options.MaxBytes].
func (s *Store) Create(ctx context.Context, id string, r cloakroom.Record) (cloakroom.Version, error) {
	if s.tooLarge(id, r) {
		return "", cloakroom.ErrTooLarge
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

func (s *Store) tooLarge(id string, r cloakroom.Record) bool {
	return s.maxBytes > 0 && size(id, r.Data) > s.maxBytes
}

func (s *Store) create(ctx context.Context, id string, r cloakroom.Record) (cloakroom.Version, error) {
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
		return "", cloakroom.ErrFull
	}
	return s.insert(n, hash, id, r), nil
}

// vacate makes id free if its record has expired, and fails if that is alive.
func (s *Store) vacate(n int, hash uint64, id string, now int64) error {
	sh := &s.shards[n]
	sh.latest = now
	slot, ok := sh.find(hash, id)
	if !ok {
		return nil
	}
	if sh.at(slot).expires > now {
		return cloakroom.ErrExists
	}
	s.remove(n, slot)
	return nil
}

// Replace implements [cloakroom.Store]. It recognises old by its version.
func (s *Store) Replace(ctx context.Context, id string, old, new cloakroom.Record) (cloakroom.Version, error) {
	if s.tooLarge(id, new) {
		return "", cloakroom.ErrTooLarge
	}
	v, err := s.replace(ctx, id, old.Version, new)
	if s.madeRoom(err) {
		v, err = s.replace(ctx, id, old.Version, new)
	}
	return v, err
}

func (s *Store) replace(ctx context.Context, id string, old cloakroom.Version, new cloakroom.Record) (cloakroom.Version, error) {
	n, hash := s.shard(id)
	sh := &s.shards[n]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now, err := s.checkAsked(ctx, sh, "replace")
	if err != nil {
		return "", err
	}
	it, slot := sh.live(hash, id, now)
	if it == nil {
		return "", cloakroom.ErrNotFound
	}
	if it.version != old {
		return "", cloakroom.ErrConflict
	}
	if !s.reserve(0, int64(len(new.Data)-len(it.data))) {
		return "", cloakroom.ErrFull
	}
	return s.update(n, slot, new), nil
}

// Touch implements [cloakroom.Store].
func (s *Store) Touch(ctx context.Context, id string, _ cloakroom.Record, expires time.Time) error {
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
		return cloakroom.ErrNotFound
	}
	sh.expire(it, nanos(expires))
	return nil
}

// Delete implements [cloakroom.Store].
func (s *Store) Delete(ctx context.Context, id string, r cloakroom.Record) error {
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
		return cloakroom.ErrNotFound
	}
	if r.Version != "" && it.version != r.Version {
		return cloakroom.ErrConflict
	}
	s.remove(n, slot)
	return nil
}

// Move implements [cloakroom.Mover].
func (s *Store) Move(ctx context.Context, id string, old, seal cloakroom.Record, newID string, new cloakroom.Record) (cloakroom.Version, error) {
	if s.tooLarge(id, seal) || s.tooLarge(newID, new) {
		return "", cloakroom.ErrTooLarge
	}
	v, err := s.move(ctx, id, old.Version, seal, newID, new)
	if s.madeRoom(err) {
		v, err = s.move(ctx, id, old.Version, seal, newID, new)
	}
	if err == nil {
		s.arm()
	}
	return v, err
}

func (s *Store) move(ctx context.Context, id string, old cloakroom.Version, seal cloakroom.Record, newID string, new cloakroom.Record) (cloakroom.Version, error) {
	from, hash := s.shard(id)
	to, newHash := s.shard(newID)
	for _, n := range [...]int{min(from, to), max(from, to)} { // in order, or two moves could deadlock
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
		return "", cloakroom.ErrNotFound
	}
	if it.version != old {
		return "", cloakroom.ErrConflict
	}
	if err := s.vacate(to, newHash, newID, now); err != nil {
		return "", err
	}
	if !s.reserve(1, size(newID, new.Data)+int64(len(seal.Data)-len(it.data))) {
		return "", cloakroom.ErrFull
	}
	v := s.insert(to, newHash, newID, new)
	s.update(from, slot, seal)
	return v, nil
}
