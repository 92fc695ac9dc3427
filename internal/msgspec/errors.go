package msgspec

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// The errors that callers can act on, besides [pickle.ErrTooLarge]. What is returned
// wraps one of them, and never quotes a value.
var (
	// ErrHold: the format, or Python, cannot hold the value.
	ErrHold = errors.New("cannot be held")
	// ErrMalformed: the bytes are not of the format.
	ErrMalformed = errors.New("malformed")
)

func cannotHold(format, what string) error {
	return fmt.Errorf("msgspec: %s %w in %s", what, ErrHold, format)
}

func malformed(format string, err error) error {
	return fmt.Errorf("msgspec: %w %s: %w", ErrMalformed, format, err)
}

// checkText refuses a str that is not UTF-8: one with surrogates.
func checkText(format, s string) error {
	if !utf8.ValidString(s) {
		return cannotHold(format, "a str with surrogates")
	}
	return nil
}
