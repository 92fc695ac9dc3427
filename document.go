package cloakroom

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// Names with a meaning of their own in a document. The first two are Flask's.
const (
	namePermanent = "_permanent"
	nameFlashes   = "_flashes"
	nameReserved  = "_cloakroom"
)

// document is a decoded record: values by name, each still encoded, and what Cloakroom notes about
// the session. Its slices are shared between sessions and never written to; see draft.
type document struct {
	format Format
	fields []field
	meta   meta
}

// field is a name and its encoded value. Both may point into the record that they came from.
type field struct {
	name, value []byte
}

func (d *document) index(name string) int {
	for i := range d.fields {
		if string(d.fields[i].name) == name {
			return i
		}
	}
	return -1
}

// value returns the encoded value of a name, or nil.
func (d *document) value(name string) []byte {
	if i := d.index(name); i >= 0 {
		return d.fields[i].value
	}
	return nil
}

func (d *document) persistent() bool {
	return d.format.truth(d.value(namePermanent))
}

// draft is a document that may be changed: the fields are copied before the first change.
type draft struct {
	document
	owned bool // the fields are this draft's own
	dirty bool // they are not those of the document that it began with
}

func draftOf(d *document) draft { return draft{document: *d} }

func (d *draft) own() {
	if !d.owned {
		d.fields = append(make([]field, 0, len(d.fields)+2), d.fields...)
		d.owned = true
	}
	d.dirty = true
}

func (d *draft) set(name string, value []byte) {
	i := d.index(name)
	if i >= 0 && bytes.Equal(d.fields[i].value, value) {
		return
	}
	d.own()
	if i < 0 {
		d.fields = append(d.fields, field{[]byte(name), value})
		return
	}
	d.fields[i].value = value
}

func (d *draft) remove(name string) {
	if i := d.index(name); i >= 0 {
		d.own()
		d.fields = slices.Delete(d.fields, i, i+1)
	}
}

// clear removes every value. Whether the cookie persists is a property of the session, not of its
// values, so it stays.
func (d *draft) clear() {
	if len(d.fields) == 0 {
		return
	}
	keep := d.index(namePermanent)
	var fields []field
	if keep >= 0 {
		fields = []field{d.fields[keep]}
	}
	d.fields, d.owned, d.dirty = fields, true, true
}

// sameFields reports whether two documents hold the same values, in any order.
func sameFields(a, b []field) bool {
	if len(a) != len(b) {
		return false
	}
	other := document{fields: b}
	for i := range a {
		if i < len(b) && string(a[i].name) == string(b[i].name) {
			if !bytes.Equal(a[i].value, b[i].value) {
				return false
			}
			continue
		}
		if j := other.index(string(a[i].name)); j < 0 || !bytes.Equal(a[i].value, b[j].value) {
			return false
		}
	}
	return true
}

// size bounds the length of the encoded document from above.
func (d *document) size() int {
	n := 16 + d.meta.size()
	for i := range d.fields {
		n += len(d.fields[i].name) + len(d.fields[i].value) + 8
	}
	return n
}

// encode returns the document as one record's data.
func (d *document) encode() []byte {
	if d.format == JSON {
		return d.encodeJSON()
	}
	out := msgpack.AppendMapHeader(make([]byte, 0, d.size()), len(d.fields)+1)
	for i := range d.fields {
		out = msgpack.AppendString(out, string(d.fields[i].name))
		out = append(out, d.fields[i].value...)
	}
	out = msgpack.AppendString(out, nameReserved)
	return d.meta.appendMessagePack(out)
}

var (
	errTooManyValues = errors.New("too many values")
	errTooBig        = errors.New("record exceeds the size limit")
	errTwice         = errors.New("a name stands twice")
	errForeign       = errors.New("not written by Cloakroom")
	errNewer         = errors.New("written by a newer version")
	errNoDocument    = errors.New("neither a MessagePack map nor a JSON object")
)

// bounds are the limits on one document, checked before it is stored and when it is loaded.
type bounds struct {
	bytes, values int
}

// check reports a document that is over the bounds; what it returns is ErrTooLarge.
func (b bounds) check(data []byte, values int) error {
	if len(data) > b.bytes {
		return fmt.Errorf("%w: %d bytes, and Options.MaxBytes is %d", ErrTooLarge, len(data), b.bytes)
	}
	if values > b.values {
		return fmt.Errorf("%w: %d values, and Options.MaxValues is %d", ErrTooLarge, values, b.values)
	}
	return nil
}

// decode slices a record into its values and decodes none of them.
func (b bounds) decode(data []byte) (document, error) {
	if len(data) > b.bytes {
		return document{}, errTooBig
	}
	var (
		d       document
		reserve []byte
		err     error
	)
	switch {
	case len(data) > 0 && (data[0]&0xf0 == 0x80 || data[0] == 0xde || data[0] == 0xdf):
		d.fields, reserve, err = b.sliceMessagePack(data)
	case len(data) > 0 && (data[0] == '{' || data[0] == ' ' || data[0] == '\n' || data[0] == '\t' || data[0] == '\r'):
		d.format = JSON
		d.fields, reserve, err = b.sliceJSON(data)
	default:
		err = errNoDocument
	}
	if err != nil {
		return document{}, err
	}
	if reserve == nil {
		return document{}, errForeign
	}
	if d.format == JSON {
		d.meta, err = readMetaJSON(reserve)
	} else {
		d.meta, err = readMetaMessagePack(reserve)
	}
	if err != nil {
		return document{}, err
	}
	return d, nil
}

func (b bounds) sliceMessagePack(data []byte) (fields []field, reserve []byte, err error) {
	count, rest, err := msgpack.ReadMapHeader(data)
	if err != nil {
		return nil, nil, err
	}
	if count > b.values+1 {
		return nil, nil, errTooManyValues
	}
	fields = make([]field, 0, count)
	for range count {
		var name []byte
		if name, rest, err = msgpack.ReadString(rest); err != nil {
			return nil, nil, err
		}
		n, err := msgpack.Next(rest, msgpack.Limits{Depth: maxDepth - 1})
		if err != nil {
			return nil, nil, err
		}
		if fields, reserve, err = addField(fields, reserve, name, rest[:n:n]); err != nil {
			return nil, nil, err
		}
		rest = rest[n:]
	}
	if len(rest) != 0 {
		return nil, nil, errors.New("trailing bytes")
	}
	return fields, reserve, nil
}

// addField sorts one entry of a document into the values and the reserved one.
func addField(fields []field, reserve, name, value []byte) ([]field, []byte, error) {
	if string(name) == nameReserved {
		if reserve != nil {
			return nil, nil, errTwice
		}
		return fields, value, nil
	}
	for i := range fields {
		if bytes.Equal(fields[i].name, name) {
			return nil, nil, errTwice
		}
	}
	return append(fields, field{name, value}), reserve, nil
}
