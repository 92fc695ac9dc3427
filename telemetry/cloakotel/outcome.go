package cloakotel

import (
	"context"
	"errors"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

// outcome is what came of an operation or a call: the kind of its error. The text of an error may
// name a record, so it goes nowhere.
type outcome uint8

const (
	succeeded outcome = iota
	conflict
	unknownOutcome
	refused
	full
	tooLarge
	notFound
	unreadable
	ended
	timeout
	canceled
	other

	outcomes = iota // how many there are
)

// words are the values of the attribute cloakroom.outcome.
var words = [outcomes]string{
	succeeded: "ok", conflict: "conflict", unknownOutcome: "unknown_outcome", refused: "refused",
	full: "full", tooLarge: "too_large", notFound: "not_found", unreadable: "unreadable",
	ended: "ended", timeout: "timeout", canceled: "canceled", other: "other",
}

// kinds are the errors by which outcomes are told, in the order in which they are looked for: an
// error may be several.
var kinds = []struct {
	err error
	outcome
}{
	{cloakroom.ErrUnknownOutcome, unknownOutcome},
	{cloakroom.ErrEnded, ended},
	{store.ErrUnreadable, unreadable}, // which wraps ErrNotFound
	{store.ErrNotFound, notFound},
	{store.ErrTooLarge, tooLarge},
	{store.ErrFull, full},
	{store.ErrRefused, refused},
	{store.ErrConflict, conflict},
	{store.ErrExists, conflict},
	{context.DeadlineExceeded, timeout},
	{context.Canceled, canceled},
}

func outcomeOf(err error) outcome {
	if err == nil {
		return succeeded
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.outcome
		}
	}
	return other
}

// failed reports whether a span with this outcome has the status Error. A session that has ended,
// or that is not there, is not an error, and neither is a client that went away.
func (o outcome) failed() bool {
	switch o {
	case succeeded, notFound, ended, canceled:
		return false
	}
	return true
}
