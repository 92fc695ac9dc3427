package store

import (
	"errors"
	"fmt"
)

// What the methods of a [Store] return. Each means that nothing was written. They may
// be wrapped.
var (
	// ErrNotFound means that no live record has this id.
	ErrNotFound = errors.New("no such session")

	// ErrExists means that Create or Move found a live record under the new id.
	ErrExists = errors.New("id exists already")

	// ErrConflict means that the record has changed since the caller read it.
	ErrConflict = errors.New("record was changed meanwhile")

	// ErrTooLarge means that the record, or an index entry, exceeds what may be stored.
	ErrTooLarge = errors.New("too large to store")

	// ErrFull means that the store has no room for another record.
	ErrFull = errors.New("store is full")

	// ErrRefused means that the server refused, did nothing, and will refuse again: it
	// takes no writes (a replica, a read-only mode), has no such table, does not grant
	// the right, or is not ready. If another server should be asked, the store has closed
	// its connections to this one.
	ErrRefused = errors.New("the store refused")

	// ErrUnreadable means that a live record has this id and cannot be read: it is
	// damaged, or a newer version wrote it. It wraps [ErrNotFound].
	ErrUnreadable = fmt.Errorf("%w that can be read", ErrNotFound)
)
