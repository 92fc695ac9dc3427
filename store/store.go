// Package store is the contract between sessions and what keeps them: [Store], its records, its
// errors, and what else a store may be able to do ([Mover], [OwnerLister], [Lister], [Sweeper]).
// It knows nothing of sessions, and imports nothing of this project.
//
// Package storetest checks an implementation against every rule that is written here,
// and package storeurl opens stores by URL.
package store

import (
	"context"
	"errors"
	"time"
)

// Store keeps records. It is the whole of what a backend must implement; further abilities
// are the optional interfaces [Mover], [OwnerLister], [Lister] and [Sweeper].
//
// Concurrency: all methods may be called from any number of goroutines, and other
// processes may use the same data at the same time. Every method acts on one record
// atomically: a Load never sees half of a Replace, and of several writers that start
// from one version exactly one succeeds.
//
// Ids: the core passes ids of 64 lower-case hexadecimal digits. Other profiles pass
// other ids of at most 255 printable ASCII bytes, so a store compares ids byte for
// byte: case and trailing spaces count.
//
// Bytes: [Record.Data] is read-only on both sides, for ever. A store must not change
// the bytes that it was given or has returned, nor may its caller, so neither needs to
// copy them: a string that is read from a session may be a part of them.
//
// Expiry: a record whose [Record.Expires] has come is gone for Load, Replace, Touch and
// Delete, whether or not its bytes were removed yet, and never comes back; Create may
// take its place. A store may keep expiries in steps of up to one second, and says so.
//
// Errors: a method returns nil when it took effect. [ErrNotFound], [ErrExists], [ErrConflict],
// [ErrTooLarge], [ErrFull], [ErrRefused] and [ErrUnreadable] mean that nothing was written.
// ErrRefused means that the server did nothing and will not, for example because it takes no writes.
// If another server may take the write, the store closes the connection, and may try once more on a
// new one. Any other error means that the outcome is unknown: the write may have happened, or
// may yet happen. A store never repeats a write by itself after an unknown outcome, and switches
// off such repeats in its client; the core finds out what happened and repeats safely. Errors name
// the operation and the place, and contain neither record data nor credentials. Sentinels may be
// wrapped.
//
// Contexts: a method returns soon after its context ends. The core bounds every call by one.
type Store interface {
	// Load returns the live record stored under id, with its data, expiry and version. It may
	// leave Owner and Deadline empty. It returns ErrNotFound when there is none, also when the
	// record has expired, and ErrUnreadable when there is one that the store cannot read.
	Load(ctx context.Context, id string) (Record, error)

	// Create stores r under id and returns its version. It returns ErrExists when a
	// live record has that id. Where r has an owner, the owner's index entry is written
	// before the record.
	Create(ctx context.Context, id string, r Record) (Version, error)

	// Replace stores next in place of old, data and expiry, and returns the new
	// version. It returns ErrConflict when the live record is not old any more, and
	// ErrNotFound when there is none. old is a record as Load, Create or Replace gave
	// it: a store recognises it by its version, by its data, or both. What differs from
	// old in owner or deadline changes the index likewise, new entries first. If old and
	// next have the same expiry, the store may keep a newer one that a Touch has set.
	Replace(ctx context.Context, id string, old, next Record) (Version, error)

	// Touch sets the expiry of the live record under id, whatever its version. It changes
	// neither data nor version, so a Replace or Delete under way still succeeds. r is
	// what the caller last knew. It returns ErrNotFound when there is no live record.
	Touch(ctx context.Context, id string, r Record, expires time.Time) error

	// Delete removes the record stored under id. With a version in r it returns
	// ErrConflict when the live record is not r any more; with an empty version it
	// deletes whatever is there, also what Load cannot read. It returns ErrNotFound
	// when there is no live record. Owner and Deadline of r let it clear the owner's
	// index entry, which it does after the record is gone.
	Delete(ctx context.Context, id string, r Record) error
}

// Record is what a store keeps for one session.
type Record struct {
	// Data is the encoded document, opaque to the store. It is read-only.
	Data []byte

	// Expires is when the record stops existing unless it is touched or replaced: the
	// idle clock.
	Expires time.Time

	// Owner is the hexadecimal SHA-256 of the owner's name, 64 lower-case digits, or
	// empty for a record without an owner. Owner indexes go by it.
	Owner string

	// Deadline is the absolute end of the session that the record holds. A store need
	// not enforce it: it is here because index entries live until then. Zero when
	// unknown.
	Deadline time.Time

	// Version identifies this state of the record. Load, Create, Replace and Move set it.
	Version Version
}

// Version identifies one state of one record: a counter, a content digest, an ETag or a
// compare-and-swap token, opaque to all but the store that made it. A store never returns an empty
// one, and never uses one again for other data under the same id.
type Version string

// Entry is one record in a listing. An owner index may list an id without a record, which is about
// to be created or has just been removed: Record then has an empty Version.
type Entry struct {
	ID     string
	Record Record
}

// Mover is a [Store] that can move a record to another id in one atomic step. Where a store
// cannot, the core seals the old record by Replace and then creates the new one.
type Mover interface {
	// Move replaces old, stored under id, with seal, and creates next under newID, both
	// or neither, and returns the version of next. It returns ErrConflict when the live
	// record under id is not old any more, ErrNotFound when there is none, and
	// ErrExists when newID is taken.
	Move(
		ctx context.Context, id string, old, seal Record, newID string, next Record,
	) (Version, error)
}

// OwnerLister is a [Store] that can list the records of one owner. Where a store cannot,
// listing and revoking by owner return [errors.ErrUnsupported].
type OwnerLister interface {
	// Owned returns one page of the records whose Owner is owner. cursor is empty for
	// the first page and otherwise what the call before returned as next; an empty next
	// ends the listing. limit is about how many entries a page should have; a page may
	// be empty and not the last.
	//
	// Every record that lives during the whole listing is listed, at least once. A
	// record whose Delete was acknowledged before the listing began is not. An index
	// entry whose record is missing or expired may belong to a record about to be
	// created. While younger than [IndexGrace] it is listed without a record; after that
	// it may be removed.
	Owned(
		ctx context.Context, owner, cursor string, limit int,
	) (page []Entry, next string, err error)
}

// Lister is a [Store] that can list all its records. Where a store cannot, listing all returns
// [errors.ErrUnsupported].
type Lister interface {
	// All returns one page of all live records, with the same rules as [OwnerLister.Owned].
	All(ctx context.Context, cursor string, limit int) (page []Entry, next string, err error)
}

// Sweeper is a [Store] that does not remove expired records by itself, and can be told
// to. Where a store is no Sweeper, there is nothing to sweep.
type Sweeper interface {
	// Sweep removes expired records, at most about limit of them, and returns how many
	// it removed. cursor and next are as in [OwnerLister.Owned]. A call does a bounded
	// amount of work, so it may remove nothing and not be the last. Several processes
	// may sweep at once. With an error, next may be where to go on: one record that
	// cannot be removed does not keep the others.
	Sweep(ctx context.Context, cursor string, limit int) (removed int, next string, err error)
}

// IndexGrace is how long an owner index keeps an entry whose record is missing. No commit takes as
// long, so an older entry belongs to none under way.
const IndexGrace = time.Minute

// FullStore is a [Store] with every ability. Make one of any store with [Complete].
type FullStore interface {
	Store
	Mover
	OwnerLister
	Lister
	Sweeper
}

// Complete returns s with every ability: one that s lacks returns [errors.ErrUnsupported], which
// means the same as not having it. A wrapper that embeds the FullStore of a store has exactly that
// store's abilities.
func Complete(s Store) FullStore {
	if full, ok := s.(FullStore); ok {
		return full
	}
	c := completed{Store: s}
	c.mover, _ = s.(Mover)
	c.owners, _ = s.(OwnerLister)
	c.lister, _ = s.(Lister)
	c.sweeper, _ = s.(Sweeper)
	return c
}

type completed struct {
	Store
	mover   Mover
	owners  OwnerLister
	lister  Lister
	sweeper Sweeper
}

func (c completed) Move(
	ctx context.Context, id string, old, seal Record, newID string, next Record,
) (Version, error) {
	if c.mover == nil {
		return "", errors.ErrUnsupported
	}
	return c.mover.Move(ctx, id, old, seal, newID, next)
}

func (c completed) Owned(
	ctx context.Context, owner, cursor string, limit int,
) ([]Entry, string, error) {
	if c.owners == nil {
		return nil, "", errors.ErrUnsupported
	}
	return c.owners.Owned(ctx, owner, cursor, limit)
}

func (c completed) All(ctx context.Context, cursor string, limit int) ([]Entry, string, error) {
	if c.lister == nil {
		return nil, "", errors.ErrUnsupported
	}
	return c.lister.All(ctx, cursor, limit)
}

func (c completed) Sweep(ctx context.Context, cursor string, limit int) (int, string, error) {
	if c.sweeper == nil {
		return 0, "", errors.ErrUnsupported
	}
	return c.sweeper.Sweep(ctx, cursor, limit)
}
