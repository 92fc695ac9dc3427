package msgspec

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// The errors that callers can act on, besides [pickle.ErrTooLarge]. Errors wrap one of
// them and never quote a value.
var (
	// ErrHold: the format, or Python, cannot hold the value.
	ErrHold = errors.New("cannot be held")
	// ErrMalformed: the bytes are not in the format.
	ErrMalformed = errors.New("malformed")
)

func cannotHold(format, what string) error {
	return fmt.Errorf("msgspec: %s %w in %s", what, ErrHold, format)
}

func malformed(format string, err error) error {
	return fmt.Errorf("msgspec: %w %s: %w", ErrMalformed, format, err)
}

// checkText refuses a str with surrogates, which is not UTF-8.
func checkText(format, s string) error {
	if !utf8.ValidString(s) {
		return cannotHold(format, "a str with surrogates")
	}
	return nil
}
