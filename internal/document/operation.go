package document

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Operation is one recorded change of a session. A commit performs all of them, in
// order, on the record that it started from, and again on a newer one after a conflict.
// Make a Set by [SetText] or [SetValue].
type Operation struct {
	Kind   Kind
	Must   bool // the commit must write, or know for certain that it would change nothing
	bare   bool // Set: value is a string as it is, and format MessagePack
	format Format
	Name   string
	value  []byte             // Set: encoded, unless it is bare
	typ    reflect.Type       // Set: what value was encoded from
	Change func(*Draft) error // Change: what to do
	Login  *Login             // SignIn: what to note
}

// Kind is what an operation does.
type Kind uint8

// The kinds of operations.
const (
	Set Kind = iota
	Delete
	Clear
	Change // calls Operation.Change
	SignIn
	Renew // asks for a new ticket
)

// Login is what a sign-in notes.
type Login struct {
	Owner, UserAgent, IP string
	At, Deadline         time.Time
	ValueName            string // of the value that holds the owner too, if any
}

// SetText returns the operation that sets a string, which is not copied before it is
// committed.
func SetText(name, text string) Operation {
	return Operation{
		Kind: Set, Name: name, typ: reflect.TypeFor[string](),
		value: bytesOf(text), format: MessagePack, bare: true,
	}
}

// Own makes the operation's strings its own.
func (op *Operation) Own() {
	op.Name = strings.Clone(op.Name)
	if op.bare {
		op.value = slices.Clone(op.value)
	}
	if op.Login != nil {
		op.Login.Owner = strings.Clone(op.Login.Owner)
	}
}

// SetValue returns the operation that sets a value in a document of format f.
func SetValue[T any](f Format, name string, v T) (Operation, error) {
	value, err := Encode(f, name, v)
	return Operation{Kind: Set, Name: name, typ: reflect.TypeFor[T](), value: value, format: f}, err
}

// Fits reports whether a document of format f takes the operation's value as it is encoded.
func (op *Operation) Fits(f Format) bool { return op.Kind != Set || op.format == f }

// Apply performs an operation. late keeps a string as it is, to be encoded with the document.
func (d *Draft) Apply(op *Operation, late bool) error {
	if late && op.bare && op.format == d.format {
		d.setText(op.Name, op.value)
		return nil
	}
	return op.apply(d)
}

func (op *Operation) apply(d *Draft) error {
	switch op.Kind {
	case Set:
		value, err := op.valueIn(d.format)
		if err != nil {
			return err
		}
		d.Set(op.Name, value)
	case Delete:
		d.Remove(op.Name)
	case Clear:
		d.clear()
	case Change:
		changed := *d // so that the draft of a commit without such a change need not escape
		if err := op.Change(&changed); err != nil {
			return err
		}
		*d = changed
	case SignIn:
		return d.signIn(op.Login)
	case Renew:
	}
	return nil
}

func (d *Draft) signIn(l *Login) error {
	if before := d.meta.owner; before != nil && string(before) != l.Owner {
		d.clear() // what one owner left is none of the next one's business
		d.meta.created = micros(l.At)
	}
	d.meta.owner = []byte(l.Owner)
	d.meta.setText(UserAgent, l.UserAgent)
	d.meta.setText(IP, l.IP)
	d.meta.authenticated = micros(l.At)
	d.meta.deadline = micros(l.Deadline)
	if l.ValueName == "" {
		return nil
	}
	value, err := d.format.encode(&l.Owner)
	if err != nil {
		return err
	}
	d.Set(l.ValueName, value)
	return nil
}

// Settle encodes a string that is kept as it is, for a document that does not do so itself.
func (op *Operation) Settle(f Format) (err error) {
	if op.bare && f != MessagePack {
		op.value, err = Encode(f, op.Name, textOf(op.value))
		op.format, op.bare = f, false
	}
	return err
}

// valueIn returns the value in the format of the document that it goes into. That is
// another one than it was encoded in only when another process replaced the record by one
// of the other format.
func (op *Operation) valueIn(f Format) ([]byte, error) {
	at := field{value: op.value, bare: op.bare}
	value := at.encoded()
	if f == op.format {
		return value, nil
	}
	v := reflect.New(op.typ)
	if err := op.format.decode(value, v.Interface()); err != nil {
		return nil, &DecodeError{op.Name, err}
	}
	encoded := v.Elem().Interface()
	if f == JSON {
		encoded = v.Interface() // as in encodeAny
	}
	value, err := f.encode(encoded)
	if err != nil {
		return nil, fmt.Errorf("cloakroom: value %q cannot be encoded: %w", op.Name, err)
	}
	return value, nil
}

// Perform returns the draft that operations make of a document.
func (d *Document) Perform(ops []Operation) (Draft, error) {
	draft := d.Draft()
	for i := range ops {
		if err := ops[i].apply(&draft); err != nil {
			return Draft{}, err
		}
	}
	return draft, nil
}

// MovesTicket reports whether operations ask for a new ticket.
func MovesTicket(ops []Operation) bool { return First(ops, SignIn) >= 0 || First(ops, Renew) >= 0 }

// First returns the position of the first operation of a kind, or -1.
func First(ops []Operation, kind Kind) int {
	return slices.IndexFunc(ops, func(op Operation) bool { return op.Kind == kind })
}

// AnyMust reports whether any operation must be written, whatever it seems to change.
func AnyMust(ops []Operation) bool {
	return slices.ContainsFunc(ops, func(op Operation) bool { return op.Must })
}

// MaxName is how long the name of a value may be.
const MaxName = 255

// ErrInvalidName is what CheckName returns, wrapped.
var ErrInvalidName = errors.New("invalid key")

// CheckName refuses names that a document cannot hold or that have a meaning of their own.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > MaxName:
		return fmt.Errorf("cloakroom: %w %.32q: a name has 1 to %d bytes",
			ErrInvalidName, name, MaxName)
	case name == NamePermanent, name == NameFlashes, strings.HasPrefix(name, nameReserved):
		return fmt.Errorf("cloakroom: %w %.32q: the name is reserved", ErrInvalidName, name)
	case !utf8.ValidString(name):
		return fmt.Errorf("cloakroom: %w %.32q: a name is valid UTF-8", ErrInvalidName, name)
	}
	return nil
}
