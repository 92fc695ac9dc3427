// Package event says what happens to sessions: for an audit log, for metrics, or to tell
// users that their account was signed in to. Options.Events of package cloakroom takes
// a function that is called with each [Event]; [Log] makes one that writes to a logger.
package event

import (
	"context"
	"time"
)

// Event is something that has happened to a session: the store has acknowledged it.
// It never holds a ticket or a value. Fields that mean nothing for a kind are zero.
type Event struct {
	Kind Kind
	Time time.Time // by the clock of the manager

	// Session is the public ID of the session. It is empty where the record could not
	// tell, and for Swept.
	Session string

	// Former is the public ID that the session had before SignedIn or Renewed gave it
	// a new ticket; for other kinds it is empty.
	Former string

	// Owner is whose session it is. It is empty for an anonymous session, and where it
	// is not known: a ticket of a dead session, a damaged record, one that was swept.
	Owner string

	// Reason is why the session has Ended.
	Reason Reason

	// Actor is who had it ended: what [WithActor] put into the context of the call, or
	// else the owner who was signed in to the request that made it, or is now where it was
	// Replaced. It is empty where neither is known.
	Actor string

	// Count is how many there were: one, but for Swept.
	Count int

	// IP and UserAgent are the client's, as noted at the latest sign-in.
	IP, UserAgent string

	// Err says why changes were Dropped, or what is Unreadable. It holds no ticket.
	Err error
}

// Kind is what has happened.
type Kind uint8

const (
	// Created means that a session was stored for the first time, signed in or not.
	Created Kind = iota + 1

	// SignedIn means that a session has got an owner, or that the owner has signed in
	// again, under a new ticket. A session that begins with a sign-in is Created first;
	// one of another owner has Ended first, as Replaced.
	SignedIn

	// Renewed means that a session has got a new ticket.
	Renewed

	// Ended means that a session is no more, see Reason. Each end that the store has
	// acknowledged is told once. After an answer of the store that left open what had
	// happened, each process that then found the session gone tells it.
	Ended

	// Dropped means that changes of a request were not stored, since its session had
	// ended.
	Dropped

	// Unreadable means that a record is damaged, or that a later version wrote it. Each
	// is told once, as far as the manager remembers: some thousands.
	Unreadable

	// Swept means that Manager.Sweep has removed expired records, Count of them: ended
	// sessions, and seals that sign-ins and renewals left behind.
	Swept

	// DeadTicket means that a request came with a ticket, well-formed, whose session has
	// ended, has moved to another ticket, or never was. Slow requests, old tabs and
	// guesses look alike.
	DeadTicket
)

var kinds = [...]string{
	Created: "created", SignedIn: "signed in", Renewed: "renewed", Ended: "ended",
	Dropped: "changes dropped", Unreadable: "unreadable", Swept: "records swept",
	DeadTicket: "dead ticket",
}

// String returns the kind in words, such as "signed in".
func (k Kind) String() string { return word(kinds[:], int(k)) }

// Reason is why a session has ended.
type Reason uint8

const (
	// SignedOut is by Session.Logout.
	SignedOut Reason = iota + 1

	// Revoked is by Manager.Revoke, RevokeOwned or RevokeOthers. Actor tells the owner
	// from an operator.
	Revoked

	// Replaced is by a sign-in, of another owner in this session, or in the same browser
	// under another ticket.
	Replaced

	// Expired means that a request came after the absolute deadline, and the store had
	// the record still. It is told once as far as the manager remembers. Most sessions
	// expire unnoticed: a store shows none whose idle timeout has passed, and removes
	// them by itself or when they are swept.
	Expired

	// Lost means that it ended while a sign-in or Session.Renew was giving it a new
	// ticket: by a sign-out or a revocation that came in between, or since the store had
	// no room for the new record.
	Lost

	// Emptied means that nothing was left in it; only with a Profile.
	Emptied

	// Damaged means that its record could not be read, and that Session.Login or Clear
	// ended it.
	Damaged
)

var reasons = [...]string{
	SignedOut: "signed out", Revoked: "revoked", Replaced: "replaced", Expired: "expired",
	Lost: "lost", Emptied: "emptied", Damaged: "damaged",
}

// String returns the reason in words, such as "signed out".
func (r Reason) String() string { return word(reasons[:], int(r)) }

func word(words []string, i int) string {
	if i < len(words) && words[i] != "" {
		return words[i]
	}
	return "unknown"
}

type actorKey struct{}

// WithActor returns a context that says who acts: an operator, a job. Events of calls
// with it, and of requests that middleware outside the manager's gave it to, name this
// actor.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor returns what [WithActor] put into a context, or "".
func Actor(ctx context.Context) string {
	actor, _ := ctx.Value(actorKey{}).(string)
	return actor
}
