package cloakroom

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// operation is one recorded change of a session. A commit applies all of them, in
// order, to the record that it started from, and again to a newer one after a conflict.
type operation struct {
	kind   operationKind
	format Format // of value
	must   bool   // the commit must write, or know for certain that it would change nothing
	bare   bool   // opSet: value is a string as it is, and format MessagePack
	name   string
	value  []byte       // opSet: encoded, unless it is bare
	typ    reflect.Type // opSet: what value was encoded from
	change func(*draft) error
	login  *login
}

type operationKind uint8

const (
	opSet operationKind = iota
	opDelete
	opClear
	opChange // calls change
	opLogin
	opRenew
)

// login is what a sign-in notes.
type login struct {
	owner, userAgent, ip string
	at, deadline         int64
	valueName            string // of the value that holds the owner too, if any
}

// apply performs the operation on a draft.
func (op *operation) apply(d *draft) error {
	switch op.kind {
	case opSet:
		value, err := op.valueIn(d.format)
		if err != nil {
			return err
		}
		d.set(op.name, value)
	case opDelete:
		d.remove(op.name)
	case opClear:
		d.clear()
	case opChange:
		changed := *d // so that the draft of a commit without such a change need not escape
		if err := op.change(&changed); err != nil {
			return err
		}
		*d = changed
	case opLogin:
		if before := d.meta.owner; before != nil && string(before) != op.login.owner {
			d.clear() // what one owner left is none of the next one's business
			d.meta.created = op.login.at
		}
		d.meta.owner = []byte(op.login.owner)
		d.meta.setText(metaUserAgent, op.login.userAgent)
		d.meta.setText(metaIP, op.login.ip)
		d.meta.authenticated = op.login.at
		d.meta.deadline = op.login.deadline
		if name := op.login.valueName; name != "" {
			value, err := d.format.encode(&op.login.owner)
			if err != nil {
				return err
			}
			d.set(name, value)
		}
	case opRenew:
	}
	return nil
}

// settle encodes a bare string for a document that does not do so itself.
func (op *operation) settle(f Format) (err error) {
	if op.bare && f != MessagePack {
		op.value, err = encodeAs(f, op.name, textOf(op.value))
		op.format, op.bare = f, false
	}
	return err
}

// valueIn returns the value in the format of the document that it goes into. That is
// another one than it was encoded in only when somebody else replaced the record by one
// of the other format.
func (op *operation) valueIn(f Format) ([]byte, error) {
	at := field{value: op.value, bare: op.bare}
	value := at.encoded()
	if f == op.format {
		return value, nil
	}
	v := reflect.New(op.typ)
	if err := op.format.decode(value, v.Interface()); err != nil {
		return nil, &DecodeError{op.name, err}
	}
	encoded := v.Elem().Interface()
	if f == JSON {
		encoded = v.Interface() // as in encodeAny
	}
	value, err := f.encode(encoded)
	if err != nil {
		return nil, fmt.Errorf("cloakroom: value %q cannot be encoded: %w", op.name, err)
	}
	return value, nil
}

// applyAll performs operations on a copy of the document.
func applyAll(base *document, ops []operation) (draft, error) {
	d := draftOf(base)
	for i := range ops {
		if err := ops[i].apply(&d); err != nil {
			return draft{}, err
		}
	}
	return d, nil
}

// movesTicket reports whether operations ask for a new ticket.
func movesTicket(ops []operation) bool { return firstLogin(ops) >= 0 || hasKind(ops, opRenew) }

func hasKind(ops []operation, kind operationKind) bool {
	for i := range ops {
		if ops[i].kind == kind {
			return true
		}
	}
	return false
}

// must reports whether any operation must be written, whatever it seems to change.
func must(ops []operation) bool {
	for i := range ops {
		if ops[i].must {
			return true
		}
	}
	return false
}

// firstLogin returns the position of the first sign-in, or -1.
func firstLogin(ops []operation) int {
	for i := range ops {
		if ops[i].kind == opLogin {
			return i
		}
	}
	return -1
}

// maxNameBytes is how long the name of a value may be.
const maxNameBytes = 255

// checkName refuses names that a document cannot hold or that have a meaning of their own.
func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxNameBytes:
		return fmt.Errorf("cloakroom: %w %.32q: a name has 1 to %d bytes", ErrInvalidKey, name, maxNameBytes)
	case name[0] == '_' && (name == namePermanent || name == nameFlashes || strings.HasPrefix(name, nameReserved)):
		return fmt.Errorf("cloakroom: %w %.32q: the name is reserved", ErrInvalidKey, name)
	case !utf8.ValidString(name):
		return fmt.Errorf("cloakroom: %w %.32q: a name is valid UTF-8", ErrInvalidKey, name)
	}
	return nil
}

// unchanged reports whether a draft says the same as the document that it came from, but for
// times of sign-in.
func (d *draft) unchanged(base *document) bool {
	return (!d.dirty || sameFields(d.fields, base.fields)) && bytes.Equal(d.meta.owner, base.meta.owner)
}
