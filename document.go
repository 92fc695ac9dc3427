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

// document is a decoded record: values by name, each still encoded, and what Cloakroom
// notes about the session. Its slices are shared between sessions and never written to;
// see draft.
type document struct {
	format Format
	fields []field
	meta   meta
	span   int // how long the record is that fields point into: any of them keeps all of it
}

// field is a name and its encoded value. Both may point into the record that they came
// from. Where another library used a key that is no string of UTF-8, the name is nil,
// and the value is the encoded key with the value behind it.
type field struct {
	name, value []byte
	// value is a string as it is, to be encoded with the document, see [draft.setText]
	bare bool
}

// encoded returns the encoded value.
func (f *field) encoded() []byte {
	if f.bare {
		return encodeText(textOf(f.value))
	}
	return f.value
}

func encodeText(text string) []byte {
	return msgpack.AppendString(make([]byte, 0, len(text)+5), text)
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
		return d.fields[i].encoded()
	}
	return nil
}

// at is value with what it takes to decode it.
func (d *document) at(name string) stored { return stored{value: d.value(name), format: d.format} }

// weight is how long the names and the encoded values are together.
func (d *document) weight() (n int) {
	for i := range d.fields {
		n += len(d.fields[i].name) + len(d.fields[i].value)
	}
	return n
}

// outgrows reports whether a document holds more than the one that it came from.
func (d *document) outgrows(base *document) bool {
	return len(d.fields) > len(base.fields) || d.weight() > base.weight()
}

func (d *document) persistent() bool {
	return d.format.truth(d.value(namePermanent))
}

// draft is a document that may be changed: the fields are copied before the first change.
type draft struct {
	document
	owned bool    // the fields are this draft's own
	dirty bool    // they are not those of the document that it began with
	room  []field // where they may go, if that is large enough
}

func draftOf(d *document) draft { return draft{document: *d} }

// own makes the fields this draft's own, with room for some more.
func (d *draft) own(more int) {
	if !d.owned {
		room := d.room[:0]
		if cap(room) < len(d.fields)+more {
			room = make([]field, 0, len(d.fields)+more)
		}
		d.fields, d.room, d.owned = append(room, d.fields...), nil, true
	}
	d.dirty = true
}

func (d *draft) set(name string, value []byte) {
	if i := d.index(name); i < 0 || !bytes.Equal(d.fields[i].encoded(), value) {
		d.put(i, name, field{value: value})
	}
}

// setText is set for a string that is encoded with the document, and not before: then
// it is copied once. Until then the fields are looked at by methods of the draft only.
func (d *draft) setText(name string, text []byte) {
	d.put(d.index(name), name, field{value: text, bare: true})
}

// refuseValue returns an error for an operation that would add a value to as many as
// there may be: most, or as many as there were.
func (d *draft) refuseValue(op *operation, most, before int) error {
	if op.kind != opSet || len(d.fields) < max(most, before) || d.index(op.name) >= 0 {
		return nil
	}
	return tooManyValues(len(d.fields)+1, most)
}

func tooManyValues(n, most int) error {
	return fmt.Errorf("cloakroom: %w: %d values, and Options.MaxValues is %d", ErrTooLarge, n, most)
}

// put makes f the value of a name, which stands at i or nowhere.
func (d *draft) put(i int, name string, f field) {
	if i < 0 {
		d.own(2)
		f.name = []byte(name)
		d.fields = append(d.fields, f)
		return
	}
	d.own(0)
	f.name = d.fields[i].name
	d.fields[i] = f
}

func (d *draft) remove(name string) {
	if i := d.index(name); i >= 0 {
		d.own(0)
		d.fields = slices.Delete(d.fields, i, i+1)
	}
}

// clear removes every value. Whether the cookie persists is a property of the session,
// not of its values, so it stays.
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
	for i := range a {
		if string(a[i].name) != string(b[i].name) {
			return sameUnordered(a[i:], b[i:])
		}
		if !bytes.Equal(a[i].encoded(), b[i].encoded()) {
			return false
		}
	}
	return true
}

// sameUnordered is sameFields by name. What has no name is compared with its key.
func sameUnordered(a, b []field) bool {
	places := make(map[string]*field, len(b))
	for i := range b {
		places[b[i].place()] = &b[i]
	}
	for i := range a {
		other, ok := places[a[i].place()]
		if !ok || !bytes.Equal(a[i].encoded(), other.encoded()) {
			return false
		}
	}
	return true
}

// place tells a field from every other of its document.
func (f *field) place() string {
	if f.name == nil {
		return "\x00" + string(f.value)
	}
	return "n" + string(f.name)
}

// encode returns the document as one record's data.
func (d *document) encode() []byte {
	if d.format == JSON {
		return d.encodeJSON()
	}
	return d.encodeMessagePack(commitList{kept: d.meta.commits}, false)
}

// encodeWith is encode after it has added a commit to those that the document notes.
// Where the fields are the document's own, they point into the new record afterwards,
// so that they keep no other one.
func (d *document) encodeWith(id commitID, own bool) []byte {
	if d.format == JSON {
		d.meta.commits = d.meta.withCommit(id)
		return d.encodeJSON()
	}
	kept := d.meta.keptCommits()
	data := d.encodeMessagePack(commitList{kept: kept, more: id[:]}, own)
	d.meta.commits = data[len(data)-len(kept)-len(id):] // they come last
	return data
}

// encodeShared is encodeWith for a record that another library reads too: all notes are
// text or numbers, since that library may make JSON of them.
func (d *document) encodeShared(id commitID) []byte {
	d.meta.commits = d.meta.withCommit(id)
	if d.format == JSON {
		return d.encodeJSON()
	}
	return d.encodeMessagePack(commitList{kept: d.meta.commits, text: true}, false)
}

// encodeMessagePack writes these commit ids in place of those in d.meta. Bare fields
// are in documents only that have fields of their own.
func (d *document) encodeMessagePack(commits commitList, own bool) []byte {
	size := 5 + 1 + len(nameReserved) + d.meta.size() + commits.size()
	for i := range d.fields {
		size += 3 + len(d.fields[i].name) + 5 + len(d.fields[i].value)
	}
	out := msgpack.AppendMapHeader(room(size), len(d.fields)+1)
	for i := range d.fields {
		f := &d.fields[i]
		name := len(out)
		if f.name != nil {
			out = msgpack.AppendStringHeader(out, len(f.name))
			name = len(out)
			out = append(out, f.name...)
		}
		value := len(out)
		if f.bare {
			out = msgpack.AppendStringHeader(out, len(f.value))
		}
		out = append(out, f.value...)
		if own {
			if f.name != nil {
				f.name = out[name:value:value]
			}
			f.value, f.bare = out[value:len(out):len(out)], false
		}
	}
	out = msgpack.AppendString(out, nameReserved)
	out = d.meta.appendMessagePack(out, commits)
	if own {
		d.span = len(out)
	}
	return out[:len(out):len(out)]
}

var (
	errTooManyValues = errors.New("too many values")
	errTooBig        = errors.New("record exceeds the size limit")
	errTwice         = errors.New("a name stands twice")
	errForeign       = errors.New("not written by Cloakroom")
	errNewer         = errors.New("written by a newer version")
	errTrailing      = errors.New("trailing bytes")
	errNoDocument    = errors.New("neither a MessagePack map nor a JSON object")
)

// bounds are the limits on one document, which its values count towards; what stands under the
// reserved name has a bound of its own. They are checked before it is stored.
type bounds struct {
	bytes, values int
	foreign       bool // a document may be another library's
}

const (
	// reservedBytes is how long what stands under the reserved name may be beyond the bounds.
	reservedBytes = 64 << 10

	// A record within these is read also where the bounds are lower: what was stored
	// when they were higher, or by another library, stays readable. A value that is
	// nested more deeply than maxDepth can be kept, and not be decoded.
	readableBytes  = 64 << 20
	readableValues = 1 << 16
	readableDepth  = 8192
)

// check reports a document that is over the bounds; what it returns is ErrTooLarge.
func (b bounds) check(data []byte, values int) error {
	if values > b.values {
		return tooManyValues(values, b.values)
	}
	if len(data) <= b.bytes {
		return nil // without a look at how much of it is reserved
	}
	var d document
	reserved, err := bounds{values: values, foreign: b.foreign}.slice(data, &d)
	if err != nil {
		return err
	}
	if size := len(data) - min(reserved, reservedBytes); size > b.bytes {
		return fmt.Errorf("cloakroom: %w: %d bytes, and Options.MaxBytes is %d", ErrTooLarge, size, b.bytes)
	}
	return nil
}

// decode slices a record into its values and decodes none of them, and uses the room of
// those that d has. After an error d is empty.
func (b bounds) decode(data []byte, d *document) error {
	b.bytes, b.values = max(b.bytes, readableBytes), max(b.values, readableValues)
	if len(data) > b.bytes+reservedBytes {
		*d = document{}
		return errTooBig
	}
	reserved, err := b.slice(data, d)
	if err == nil && len(data)-min(reserved, reservedBytes) > b.bytes {
		err = errTooBig
	}
	if err != nil {
		*d = document{}
	}
	return err
}

// slice is decode without the limit in bytes. It returns the length of what stands under the
// reserved name.
func (b bounds) slice(data []byte, d *document) (reserved int, err error) {
	switch {
	case len(data) > 0 && (data[0]&0xf0 == 0x80 || data[0] == 0xde || data[0] == 0xdf):
		d.format = MessagePack
		return b.sliceMessagePack(data, d)
	case len(data) > 0 && (data[0] == '{' || data[0] == ' ' || data[0] == '\n' || data[0] == '\t' || data[0] == '\r'):
		d.format = JSON
		fields, reserve, err := b.sliceJSON(data)
		switch {
		case err != nil:
			return 0, err
		case reserve == nil && !b.foreign:
			return 0, errForeign
		}
		d.fields, d.meta = fields, meta{}
		if reserve == nil {
			return 0, nil
		}
		d.meta, err = readMetaJSON(reserve)
		return len(reserve), err
	}
	return 0, errNoDocument
}

func (b bounds) sliceMessagePack(data []byte, d *document) (reserved int, err error) {
	count, rest, err := msgpack.ReadMapHeader(data)
	switch {
	case err != nil:
		return 0, err
	case count == 0 && !b.foreign:
		return 0, errForeign
	case count > b.values+1:
		return 0, errTooManyValues
	}
	fields := d.fields[:0]
	if count-1 > cap(fields) {
		fields = make([]field, 0, count-1)
	}
	at := len(data) - len(rest)
	for range count {
		begin, end, err := msgpack.NextString(data, at)
		var name []byte
		switch {
		case err == nil:
			name = data[begin:end:end]
		case b.foreign: // the name is no string: it is kept as a part of the value
			n, err := msgpack.Next(data[at:], msgpack.Limits{Depth: readableDepth - 1})
			if err != nil {
				return 0, err
			}
			begin, end = at, at+n
		default:
			return 0, err
		}
		at = end
		if string(name) == nameReserved {
			if reserved != 0 {
				return 0, errTwice
			}
			if reserved, err = d.meta.readMessagePack(data[at:]); err != nil {
				return 0, err
			}
			at += reserved
			continue
		}
		n, err := msgpack.Next(data[at:], msgpack.Limits{Depth: readableDepth - 1})
		if err != nil {
			return 0, err
		}
		at += n
		if name == nil {
			end = begin
		}
		fields = append(fields, field{name: name, value: data[end:at:at]})
	}
	switch {
	case at != len(data):
		return 0, errTrailing
	case reserved == 0 && !b.foreign:
		return 0, errForeign
	case twice(fields):
		return 0, errTwice
	}
	d.fields, d.span = fields, len(data)
	return reserved, nil
}

// twice reports whether two fields have the same name.
func twice(fields []field) bool {
	if len(fields) > 32 {
		named := len(fields)
		names := make(map[string]struct{}, named)
		for i := range fields {
			if name := fields[i].name; name == nil {
				named--
			} else {
				names[string(name)] = struct{}{}
			}
		}
		return len(names) < named
	}
	for i := 1; i < len(fields); i++ {
		name := fields[i].name
		for j := range fields[:i] {
			// compares lengths first
			if string(fields[j].name) == string(name) && name != nil && fields[j].name != nil {
				return true
			}
		}
	}
	return false
}
