package document

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/store"
)

var (
	errTooManyValues = errors.New("too many values")
	errTooBig        = errors.New("record exceeds the size limit")
	errTwice         = errors.New("a name stands twice")
	errForeign       = errors.New("not written by Cloakroom")
	errNewer         = errors.New("written by a newer version")
	errTrailing      = errors.New("trailing bytes")
	errNoDocument    = errors.New("neither a MessagePack map nor a JSON object")
)

// Bounds limit what a document's values take. Cloakroom's notes, under the reserved name, have a
// limit of their own.
type Bounds struct {
	Bytes, Values int
	Foreign       bool // a document may be another library's
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

// Check returns [store.ErrTooLarge] for a document that is over the bounds.
func (b Bounds) Check(data []byte, values int) error {
	if values > b.Values {
		return tooManyValues(values, b.Values)
	}
	if len(data) <= b.Bytes {
		return nil // without a look at how much of it is reserved
	}
	var d Document
	reserved, err := Bounds{Values: values, Foreign: b.Foreign}.slice(data, &d)
	if err != nil {
		return err
	}
	if size := len(data) - min(reserved, reservedBytes); size > b.Bytes {
		return fmt.Errorf("cloakroom: %w: %d bytes, and Options.MaxBytes is %d",
			store.ErrTooLarge, size, b.Bytes)
	}
	return nil
}

// Decode finds the values of a record without decoding them. It reuses the memory of
// d's fields. After an error d is empty. Records stored under higher bounds stay
// readable.
func (b Bounds) Decode(data []byte, d *Document) error {
	b.Bytes, b.Values = max(b.Bytes, readableBytes), max(b.Values, readableValues)
	if len(data) > b.Bytes+reservedBytes {
		*d = Document{}
		return errTooBig
	}
	reserved, err := b.slice(data, d)
	if err == nil && len(data)-min(reserved, reservedBytes) > b.Bytes {
		err = errTooBig
	}
	if err != nil {
		*d = Document{}
	}
	return err
}

// slice is decode without the limit in bytes. It returns the length of what stands under the
// reserved name.
func (b Bounds) slice(data []byte, d *Document) (reserved int, err error) {
	switch {
	case len(data) > 0 && (data[0]&0xf0 == 0x80 || data[0] == 0xde || data[0] == 0xdf):
		d.format = MessagePack
		return b.sliceMessagePack(data, d)
	case len(data) > 0 && strings.IndexByte("{ \n\t\r", data[0]) >= 0:
		d.format = JSON
		fields, reserve, err := b.sliceJSON(data)
		switch {
		case err != nil:
			return 0, err
		case reserve == nil && !b.Foreign:
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

func (b Bounds) sliceMessagePack(data []byte, d *Document) (reserved int, err error) {
	count, rest, err := msgpack.ReadMapHeader(data)
	switch {
	case err != nil:
		return 0, err
	case count == 0 && !b.Foreign:
		return 0, errForeign
	case count > b.Values+1:
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
		case b.Foreign: // the name is no string: it is kept as a part of the value
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
	case reserved == 0 && !b.Foreign:
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
