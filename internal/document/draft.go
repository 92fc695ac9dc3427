package document

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cloakroom-go/cloakroom/store"
)

// Draft is a document that may be changed: its fields are copied before the first change.
type Draft struct {
	Document
	owned bool // the fields are this draft's own
	dirty bool // they are not those of the document that it began with
	room  Room // where they may go, if that is large enough
}

// Draft returns a draft that begins as d.
func (d *Document) Draft() Draft { return Draft{Document: *d} }

// Use gives the draft room for its fields.
func (d *Draft) Use(room Room) { d.room = room }

// Own makes the fields the draft's own now, so that a copy of the draft may be changed.
func (d *Draft) Own() { d.fields, d.owned = slices.Clone(d.fields), true }

// Owned reports whether the fields are the draft's own.
func (d *Draft) Owned() bool { return d.owned }

// Disown makes the next change copy the fields, because another draft shares them.
func (d *Draft) Disown() { d.owned = false }

// Unchanged reports whether a draft says the same as the document that it came from,
// but for times of sign-in.
func (d *Draft) Unchanged(base *Document) bool {
	return (!d.dirty || sameFields(d.fields, base.fields)) &&
		bytes.Equal(d.meta.owner, base.meta.owner)
}

// KeepCommits makes the commits that the draft notes those of base.
func (d *Draft) KeepCommits(base *Document) { d.meta.commits = base.meta.commits }

// own makes the fields this draft's own, with room for some more.
func (d *Draft) own(more int) {
	if !d.owned {
		room := d.room[:0]
		if cap(room) < len(d.fields)+more {
			room = make([]field, 0, len(d.fields)+more)
		}
		d.fields, d.room, d.owned = append(room, d.fields...), nil, true
	}
	d.dirty = true
}

// Set stores an encoded value of the document's format.
func (d *Draft) Set(name string, value []byte) {
	if i := d.index(name); i < 0 || !bytes.Equal(d.fields[i].encoded(), value) {
		d.put(i, name, field{value: value})
	}
}

// setText is Set for a string that is encoded with the document, and not before, so that it is
// copied once. Until then only methods of the draft look at the fields.
func (d *Draft) setText(name string, text []byte) {
	d.put(d.index(name), name, field{value: text, bare: true})
}

// Refuse returns an error if op would add a value beyond max(most, before).
func (d *Draft) Refuse(op *Operation, most, before int) error {
	if op.Kind != Set || len(d.fields) < max(most, before) || d.index(op.Name) >= 0 {
		return nil
	}
	return tooManyValues(len(d.fields)+1, most)
}

// CheckLen returns an error for more values than there may be, as Refuse counts them.
func (d *Draft) CheckLen(most, before int) error {
	if len(d.fields) > max(most, before) {
		return tooManyValues(len(d.fields), most)
	}
	return nil
}

// SetPersistent says whether the cookie outlives the browser.
func (d *Draft) SetPersistent(persistent bool) error {
	if !persistent {
		d.Remove(NamePermanent)
		return nil
	}
	value, err := d.format.encode(true)
	d.Set(NamePermanent, value)
	return err
}

// List returns the items of a list that stands under a name, each encoded, and none if
// what stands there is no list.
func (d *Draft) List(name string) [][]byte {
	items, _ := d.format.splitList(d.value(name)) // none beside an error
	return items
}

// SetList stores a list, or removes an empty one. What stands there and is no list stays.
func (d *Draft) SetList(name string, items [][]byte) {
	if _, err := d.format.splitList(d.value(name)); err != nil {
		return
	}
	if len(items) == 0 {
		d.Remove(name)
		return
	}
	d.Set(name, d.format.joinList(items))
}

func tooManyValues(n, most int) error {
	return fmt.Errorf("cloakroom: %w: %d values, and Options.MaxValues is %d",
		store.ErrTooLarge, n, most)
}

// put makes f the value of a name, which stands at i or nowhere.
func (d *Draft) put(i int, name string, f field) {
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

// Remove removes a value.
func (d *Draft) Remove(name string) {
	if i := d.index(name); i >= 0 {
		d.own(0)
		d.fields = slices.Delete(d.fields, i, i+1)
	}
}

// clear removes every value. Whether the cookie persists is a property of the session,
// not of its values, so it stays.
func (d *Draft) clear() {
	if len(d.fields) == 0 {
		return
	}
	keep := d.index(NamePermanent)
	var fields []field
	if keep >= 0 {
		fields = []field{d.fields[keep]}
	}
	d.fields, d.owned, d.dirty = fields, true, true
}

// Room is memory for the fields of a document, to be used again.
type Room []field

// maxRoom is for how many fields room is kept.
const maxRoom = 16

// Room returns the memory of the fields.
func (d *Document) Room() Room { return d.fields }

// Reuse gives an empty document the memory of another one that is not used any more.
// More than a few fields are left to the garbage collector.
func (d *Document) Reuse(r Room) {
	if cap(r) <= maxRoom {
		clear(r)
		d.fields = r[:0]
	}
}

// Fit returns r, or larger room, for the fields of a draft of d, or false where that
// would be large.
func (r Room) Fit(d *Document) (Room, bool) {
	n := len(d.fields) + 2
	if n > maxRoom {
		return r, false
	}
	if cap(r) < n {
		r = make(Room, 0, n)
	}
	return r, true
}

// Clear forgets what r was used for.
func (r Room) Clear() { clear(r[:cap(r)]) }
