package engine

import (
	"context"
	"errors"

	"github.com/cloakroom-go/cloakroom/event"
)

// errPanicked is what came of an operation that did not return.
var errPanicked = errors.New("panicked")

// within performs an operation, which the tracer follows, if there is one. do is given the
// context of the operation's calls of the store, and counts in tries, if that is not nil.
func (e *Engine) within(
	ctx context.Context, op event.Operation, tries *int, do func(context.Context) error,
) (err error) {
	tracer := e.config.Tracer
	if tracer == nil {
		return do(ctx)
	}
	ctx = tracer.Begin(ctx, op)
	err = errPanicked // until do returns
	defer func() {
		out := event.Outcome{Err: err}
		if err == ErrGone { //nolint:errorlint // it is never wrapped
			out.Err = ErrEnded
		}
		if tries != nil {
			out.Tries = *tries
		}
		tracer.End(ctx, op, out)
	}()
	return do(ctx)
}
