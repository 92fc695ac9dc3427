package cloakroom

import "errors"

// What a [Store] returns. All of them mean that nothing was written.
var (
	// ErrNotFound means that there is no live record, or no session, of that id.
	ErrNotFound = errors.New("cloakroom: not found")

	// ErrExists means that Create or Move found a live record under the new id.
	ErrExists = errors.New("cloakroom: id exists already")

	// ErrConflict means that the record is not the one that the caller started from any more.
	ErrConflict = errors.New("cloakroom: record was changed meanwhile")

	// ErrTooLarge means that the record, or an index entry, exceeds what may be stored.
	ErrTooLarge = errors.New("cloakroom: too large to store")

	// ErrFull means that the store has no room for another record.
	ErrFull = errors.New("cloakroom: store is full")
)
