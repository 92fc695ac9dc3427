package msgpack

import (
	"errors"
	"fmt"
	"reflect"
)

// The errors that callers can act on. Errors wrap one of them, with the offset or the Go
// type concerned. They never contain a decoded value, so they can be logged.
var (
	// ErrCorrupt: the bytes are not MessagePack, or end too early.
	ErrCorrupt = errors.New("msgpack: malformed or truncated")
	// ErrDepth: arrays and maps are nested deeper than Limits.Depth.
	ErrDepth = errors.New("msgpack: nested too deeply")
	// ErrTrailing: bytes follow the one value that was expected.
	ErrTrailing = errors.New("msgpack: trailing bytes")
	// ErrType: the encoded value is of another kind than asked for.
	ErrType = errors.New("msgpack: wrong type")
	// ErrOverflow: a number or a length does not fit exactly into its target.
	ErrOverflow = errors.New("msgpack: does not fit exactly")
	// ErrDuplicate: a map has one key twice.
	ErrDuplicate = errors.New("msgpack: duplicate map key")
	// ErrKey: a map key that a Go map could not find again, such as an array or NaN.
	ErrKey = errors.New("msgpack: unusable map key")
	// ErrTooLarge: a value beyond the format's 32-bit lengths, or input that would take
	// far more memory to decode than its length justifies.
	ErrTooLarge = errors.New("msgpack: too large")
	// ErrUnsupported: a Go type that has no faithful encoding.
	ErrUnsupported = errors.New("msgpack: unsupported Go type")
	// ErrMarshaler: a type's own marshal or unmarshal method failed. The
	// method's error is wrapped, but its text is left out: it may quote data.
	ErrMarshaler = errors.New("msgpack: marshal method failed")
)

func errTruncated(offset int) error {
	return fmt.Errorf("%w (ends early, at byte %d)", ErrCorrupt, offset)
}

// errKind returns the error for a value of another kind than wanted.
func errKind(b []byte, want kind) error {
	switch got := kindOf(b); {
	case len(b) == 0:
		return errTruncated(0)
	case got == kindInvalid:
		return fmt.Errorf("%w (byte 0x%02x)", ErrCorrupt, b[0])
	default:
		return fmt.Errorf("%w: %v, not %v", ErrType, got, want)
	}
}

func errUnsupported(t reflect.Type, why string) error {
	return fmt.Errorf("%w %v: %s", ErrUnsupported, t, why)
}

// marshalerError hides the text of a method's error, and keeps its identity.
type marshalerError struct {
	typ    reflect.Type
	method string
	err    error
}

func (e *marshalerError) Error() string {
	return fmt.Sprintf("%v: %v.%s", ErrMarshaler, e.typ, e.method)
}

func (e *marshalerError) Unwrap() []error { return []error{ErrMarshaler, e.err} }

// fieldError is an error about a field of a Go type.
type fieldError struct {
	typ   reflect.Type
	field string
	err   error
}

func (e *fieldError) Error() string {
	return fmt.Sprintf("%v (in field %s of Go %v)", e.err, e.field, e.typ)
}

func (e *fieldError) Unwrap() error { return e.err }

// inField names the innermost field only, which keeps messages short.
func inField(t reflect.Type, f *field, err error) error {
	if inner := (*fieldError)(nil); errors.As(err, &inner) {
		return err
	}
	return &fieldError{t, f.name, err}
}
