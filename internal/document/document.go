// Package document is what a session's record holds: values by name, each encoded, and
// notes about the session. It decodes records without decoding their values, performs
// operations on a document, and encodes it again, as MessagePack or JSON. It knows
// neither stores nor requests.
package document

import (
	"bytes"
	"slices"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// Names with a meaning of their own in a document. These two are Flask's.
const (
	NamePermanent = "_permanent"
	NameFlashes   = "_flashes"

	nameReserved = "_cloakroom"
)

// Document is a decoded record. Its slices are shared between sessions and never
// written to: see [Draft].
type Document struct {
	format Format
	fields []field
	meta   meta
	span   int // length of the record that fields point into: any of them keeps all of it
}

// New returns the document of a session that begins.
func New(f Format, application string, persistent bool, created, deadline time.Time) Document {
	d := Document{format: f, meta: meta{created: micros(created), deadline: micros(deadline)}}
	if application != "" {
		d.meta.setText(Application, application)
	}
	if persistent {
		value, _ := f.encode(true)
		d.fields = []field{{name: []byte(NamePermanent), value: value}}
	}
	return d
}

// Seal returns the document that replaces d when its session ends (next is empty) or
// moves to the id next. nextOwner is the digest of that session's owner. The seal ends
// at deadline even if a late touch lengthens the store's expiry.
func (d *Document) Seal(deadline time.Time, next, nextOwner string) Document {
	seal := Document{format: d.format, meta: meta{
		created: d.meta.created, deadline: micros(deadline), sealed: true,
	}}
	seal.meta.setText(Next, next)
	seal.meta.setText(NextOwner, nextOwner)
	return seal
}

// field is a name and its encoded value. Both may point into the record that they came
// from. Where another library used a key that is no string of UTF-8, the name is nil,
// and the value is the encoded key with the value behind it.
type field struct {
	name, value []byte
	// value is a string as it is, to be encoded with the document, see [Draft.setText]
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

func (d *Document) index(name string) int {
	for i := range d.fields {
		if string(d.fields[i].name) == name {
			return i
		}
	}
	return -1
}

// value returns the encoded value of a name, or nil.
func (d *Document) value(name string) []byte {
	if i := d.index(name); i >= 0 {
		return d.fields[i].encoded()
	}
	return nil
}

// At returns the value of a name.
func (d *Document) At(name string) Value { return Value{bytes: d.value(name), format: d.format} }

// smallRecord is how long a record may be, in bytes, that is kept for a value of any length.
const smallRecord = 256

// Shared is At, but a string may point into the record, if that keeps little more alive.
func (d *Document) Shared(name string) Value {
	value := d.value(name)
	return Value{bytes: value, format: d.format, share: d.span <= 2*len(value)+smallRecord}
}

// Format returns the format that the document has for as long as it lives.
func (d *Document) Format() Format { return d.format }

// Len returns the number of values.
func (d *Document) Len() int { return len(d.fields) }

// Names returns the names of the values, in no order that means anything. What [CheckName]
// refuses is not among them, and neither is a key of another library that is no string.
func (d *Document) Names() []string {
	names := make([]string, 0, len(d.fields))
	for i := range d.fields {
		if name := string(d.fields[i].name); CheckName(name) == nil {
			names = append(names, name)
		}
	}
	return names
}

// Empty reports whether a document holds nothing that its user put there.
func (d *Document) Empty() bool {
	for i := range d.fields {
		if string(d.fields[i].name) != NamePermanent {
			return false
		}
	}
	return true
}

// Nameless reports whether a key of the document is no string of UTF-8: another library's.
func (d *Document) Nameless() bool {
	return slices.ContainsFunc(d.fields, func(f field) bool { return f.name == nil })
}

// Changed calls f for each named value that is not the same in base, until f returns an error.
func (d *Document) Changed(base *Document, f func(name, value []byte) error) error {
	for i := range d.fields {
		at := &d.fields[i]
		if at.name == nil || bytes.Equal(base.value(string(at.name)), at.value) {
			continue
		}
		if err := f(at.name, at.value); err != nil {
			return err
		}
	}
	return nil
}

// Detach gives the document a list of fields of its own.
func (d *Document) Detach() { d.fields = slices.Clone(d.fields) }

// weight is how long the names and the encoded values are together.
func (d *Document) weight() (n int) {
	for i := range d.fields {
		n += len(d.fields[i].name) + len(d.fields[i].value)
	}
	return n
}

// Outgrows reports whether a document holds more than the one that it came from.
func (d *Document) Outgrows(base *Document) bool {
	return len(d.fields) > len(base.fields) || d.weight() > base.weight()
}

// Persistent reports whether the cookie outlives the browser.
func (d *Document) Persistent() bool {
	return d.format.truth(d.value(NamePermanent))
}

// Same reports whether two documents hold the same values, in any order.
func (d *Document) Same(other *Document) bool { return sameFields(d.fields, other.fields) }

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

// Encode returns the document as one record's data.
func (d *Document) Encode() []byte {
	if d.format == JSON {
		return d.encodeJSON()
	}
	return d.encodeMessagePack(commitList{kept: d.meta.commits}, false)
}

// EncodeWith is Encode after it has added a commit to those that the document notes.
// Where the fields are the document's own, they point into the new record afterwards,
// and keep no other one.
func (d *Document) EncodeWith(id CommitID, own bool) []byte {
	if d.format == JSON {
		d.meta.commits = d.meta.withCommit(id)
		return d.encodeJSON()
	}
	kept := d.meta.keptCommits()
	data := d.encodeMessagePack(commitList{kept: kept, more: id[:]}, own)
	d.meta.commits = data[len(data)-len(kept)-len(id):] // they come last
	return data
}

// EncodeShared is EncodeWith for a record that another library reads too: all notes are
// text or numbers, since that library may make JSON of them, and the owner stands among
// the values alone.
func (d *Document) EncodeShared(id CommitID) []byte {
	d.meta.commits = d.meta.withCommit(id)
	stored := *d
	stored.meta.owner = nil
	if d.format == JSON {
		return stored.encodeJSON()
	}
	return stored.encodeMessagePack(commitList{kept: d.meta.commits, text: true}, false)
}

// encodeMessagePack writes these commit ids in place of those in d.meta. Bare fields
// are in documents only that have fields of their own.
func (d *Document) encodeMessagePack(commits commitList, own bool) []byte {
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
