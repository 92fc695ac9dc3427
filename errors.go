package cloakroom

import (
	"errors"
	"fmt"
)

// What a [Store] returns. All of them mean that nothing was written.
var (
	// ErrNotFound means that there is no live record, or no session, of that id.
	ErrNotFound = errors.New("no such session")

	// ErrExists means that Create or Move found a live record under the new id.
	ErrExists = errors.New("id exists already")

	// ErrConflict means that the record is not the one that the caller started from any more. A
	// session reports it when others kept changing it for as long as a commit may take.
	ErrConflict = errors.New("record was changed meanwhile")

	// ErrTooLarge means that the record, or an index entry, exceeds what may be stored.
	ErrTooLarge = errors.New("too large to store")

	// ErrFull means that the store has no room for another record.
	ErrFull = errors.New("store is full")

	// ErrRefused means that the store's server plainly refused: it takes no writes, as a replica or
	// in a read-only mode, has no such table, does not grant the right, or is not ready. Nothing
	// was done, and trying again at once is of no use. The store has closed connections to a server
	// that is the wrong one by now.
	ErrRefused = errors.New("the store refused")

	// ErrUnreadable means that there is a live record of that id, which cannot be read: it is damaged, or
	// was written by a newer version. It is an [ErrNotFound] too. A request with such a session has none, keeps its
	// cookie, and what it changes is dropped; [Session.Logout], [Session.Login] and [Session.Clear] end the record.
	ErrUnreadable = fmt.Errorf("%w that can be read", ErrNotFound)
)

// What a [Session] or a [Manager] returns besides.
var (
	// ErrEnded means that the session was signed out, was revoked, expired or moved to a new ticket
	// after this request had begun to use it. What the request changed was dropped.
	ErrEnded = errors.New("the session ended meanwhile")

	// ErrFinished means that a session was used after its handler returned, or after Close.
	ErrFinished = errors.New("cloakroom: session used after its request was finished")

	// ErrHeaderSent means that a change needs a new cookie when the response's header is gone already.
	ErrHeaderSent = errors.New("cloakroom: the response has begun, so a new ticket cannot be handed out any more")

	// ErrInvalidKey means that the name of a [Key] is reserved, empty, longer than 255 bytes or not UTF-8.
	ErrInvalidKey = errors.New("invalid key")

	// ErrNoMiddleware means that a session was asked for in a request that did not pass through
	// [Manager.Handler].
	ErrNoMiddleware = errors.New("cloakroom: request did not pass through Manager.Handler")

	// ErrUnknownOutcome means that a commit may or may not have been stored: the store failed in
	// the middle, and what it holds now does not tell.
	ErrUnknownOutcome = errors.New("the commit may or may not have been stored")
)
