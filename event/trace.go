package event

import "context"

// Tracer follows what a manager does with its store: for spans and figures of each load
// and commit. It is called by the goroutine whose call needs the store, which may hold the
// session meanwhile: it must not use that, and its panics are the caller's. It must be safe
// for concurrent use.
type Tracer interface {
	// Begin is called when an operation begins. What it returns, ctx or a child of it,
	// is the context of the store's calls, and what End is called with. ctx ends with
	// the time limit of the operation, and has the values of the request's.
	Begin(ctx context.Context, op Operation) context.Context

	// End is called when the operation is over.
	End(ctx context.Context, op Operation, out Outcome)
}

// Operation is what a store is needed for.
type Operation uint8

const (
	// OpLoad reads a session, at its first touch in a request or by Session.Reload.
	OpLoad Operation = iota + 1

	// OpCommit stores what a request has changed, a sign-in or a renewal among it. It
	// begins before other commits of the session are waited for.
	OpCommit

	// OpEnd ends one session: a sign-out, or each session that is revoked.
	OpEnd

	// OpTouch slides the idle timeout of a session.
	OpTouch
)

var operations = [...]string{
	OpLoad: "load", OpCommit: "commit", OpEnd: "end", OpTouch: "touch",
}

// String returns the operation in a word, such as "load".
func (o Operation) String() string { return word(operations[:], int(o)) }

// Outcome is what came of an operation.
type Outcome struct {
	// Err is why it failed, nil if it did not. It wraps the errors of package cloakroom,
	// such as ErrNotFound for a load that found no session, or ErrUnknownOutcome. Its
	// text may name a record: export what kind of error it is, and not its text.
	Err error

	// Tries is how often a commit made its record: more than once where another request
	// or process came first, or the store failed. Other operations have none.
	Tries int
}
