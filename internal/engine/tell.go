package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/internal/document"
	"github.com/cloakroom-go/cloakroom/internal/ticket"
)

// Cause is why a session is ended, and who asked for it.
type Cause struct {
	Reason event.Reason
	Actor  string
}

// Listened reports whether events are told at all.
func (e *Engine) Listened() bool { return e.config.Events != nil }

// Tell calls the listener, which there is. If it panics, that is logged: what it was told
// of has happened.
func (e *Engine) Tell(ctx context.Context, ev event.Event) {
	defer func() {
		if p := recover(); p != nil {
			err := fmt.Errorf("panic: %v", p)
			e.Log(ctx, slog.LevelError, "the listener of events failed", ev.Session, err)
		}
	}()
	ev.Time = e.now()
	ev.Count = max(ev.Count, 1)
	e.config.Events(context.WithoutCancel(deadline.ParentOf(ctx)), ev)
}

// TellOf is Tell of the session that is stored under an id, or was, if one is given.
func (e *Engine) TellOf(ctx context.Context, id string, ev event.Event) {
	if id != "" {
		ev.Session = ticket.PublicID(id)
	}
	e.Tell(ctx, ev)
}

// tellState is Tell with what is known of the session.
func (e *Engine) tellState(ctx context.Context, st *State, ev event.Event) {
	ev.Session = ticket.PublicID(st.ID)
	ev.Owner = string(e.config.Policy.OwnerIn(&st.Doc))
	ev.IP = string(st.Doc.Text(document.IP))
	ev.UserAgent = string(st.Doc.Text(document.UserAgent))
	e.Tell(ctx, ev)
}

// tellEnded tells of a session that was ended, if one was.
func (e *Engine) tellEnded(ctx context.Context, was *State, why Cause) {
	if was == nil || !e.Listened() {
		return
	}
	e.tellState(ctx, was, event.Event{Kind: event.Ended, Reason: why.Reason, Actor: why.Actor})
}

// tellExpired tells of a session that was found past its deadline, once as far as it is
// remembered.
func (e *Engine) tellExpired(ctx context.Context, st *State) {
	if e.Listened() && e.First("expired "+st.ID) {
		e.tellState(ctx, st, event.Event{Kind: event.Ended, Reason: event.Expired})
	}
}

// tellCommitted tells what became of a session in a commit that has succeeded.
func (c *Commit) tellCommitted(res Result) {
	e := c.Engine
	if !e.Listened() || !res.Written {
		return
	}
	ctx, before, after := c.Limit.Parent(), &c.Base, &c.next
	signIn := document.First(c.Ops, document.SignIn)
	if res.Emptied {
		e.tellState(ctx, before, event.Event{Kind: event.Ended, Reason: event.Emptied})
		return
	}
	if res.Ticket == "" {
		return
	}
	moved := event.Event{Kind: event.Renewed}
	if signIn >= 0 {
		moved.Kind = event.SignedIn
	}
	owner := before.Doc.Owner()
	switch {
	case !before.Stored():
		e.tellState(ctx, after, event.Event{Kind: event.Created})
	case signIn >= 0 && owner != nil && string(owner) != c.Ops[signIn].Login.Owner:
		e.tellState(ctx, before, event.Event{
			Kind: event.Ended, Reason: event.Replaced,
			Actor: cmp.Or(event.Actor(ctx), c.Ops[signIn].Login.Owner),
		})
		e.tellState(ctx, after, event.Event{Kind: event.Created})
	default:
		moved.Former = ticket.PublicID(before.ID)
	}
	if before.Stored() || signIn >= 0 {
		e.tellState(ctx, after, moved)
	}
}
