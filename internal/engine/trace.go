package engine

import (
	"context"
	"errors"

	"github.com/cloakroom-go/cloakroom/event"
)

// span is an operation that is followed, if there is a tracer.
type span struct {
	tracer event.Tracer
	op     event.Operation
}

// trace begins an operation, and returns the context of its calls of the store.
func (e *Engine) trace(ctx context.Context, op event.Operation) (context.Context, span) {
	if e.config.Tracer == nil {
		return ctx, span{}
	}
	return e.config.Tracer.Begin(ctx, op), span{e.config.Tracer, op}
}

// errPanicked is what came of an operation that did not return.
var errPanicked = errors.New("panicked")

// end ends the operation. ctx is what trace returned.
func (s span) end(ctx context.Context, err error, tries int) {
	if s.tracer == nil {
		return
	}
	if err == ErrGone { //nolint:errorlint // it is never wrapped
		err = ErrEnded
	}
	s.tracer.End(ctx, s.op, event.Outcome{Err: err, Tries: tries})
}
