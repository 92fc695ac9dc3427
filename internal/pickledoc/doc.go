// Package pickledoc turns a pickled dict of Python into a document, a MessagePack map,
// and back.
//
// The document holds what Python's msgspec makes of each value. What MessagePack cannot
// hold becomes an extension of type [ExtType], whose data is a pickle: an int beyond 64
// bits, a str with surrogates, an object unknown to Go, a value within itself, one nested
// deeper than [MaxDepth], or a key that is no str. Only the smallest part of a value that
// needs it becomes an extension, so that the rest stays readable.
//
// On the way back, a part that did not change is taken from the former dict with the
// types that Python gave it, even if the list or dict around it did change.
//
// The length of the pickle bounds the work and the result, since a pickle can name one
// value many times: see [Limit].
package pickledoc

import (
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// ExtType is the type of the MessagePack extension whose data is a pickle.
const ExtType = 0x50

// MaxDepth is how deep arrays and maps of a document are nested, counting the document
// itself.
const MaxDepth = 64

// The errors that callers can act on, besides those of packages pickle and msgspec.
var (
	// ErrNoDict: the pickle holds something other than a dict.
	ErrNoDict = errors.New("pickledoc: it holds no dict")
	// ErrDocument: the bytes are no document.
	ErrDocument = errors.New("pickledoc: neither a MessagePack map nor a JSON object, " +
		"or a key twice")
)

// Limit returns the longest document, in bytes, of a pickle of that length: 64 times as
// long and 64 KiB more, up to [pickle.MaxBytes]. [pickle.ErrTooLarge] refuses a longer
// one.
func Limit(length int) int { return min(64*length+64<<10, pickle.MaxBytes) }

// FromPickle returns the document of a pickled dict.
func FromPickle(pickled []byte) ([]byte, error) {
	d, err := decode(pickled)
	if err != nil {
		return nil, err
	}
	return Document(d)
}

// ToPickle returns the pickle, of protocol 4, of a document. before is the pickle that
// the document was first made of, or empty.
func ToPickle(document, before []byte) ([]byte, error) {
	was := &pickle.Dict{}
	if len(before) > 0 {
		var err error
		if was, err = decode(before); err != nil {
			return nil, err
		}
	}
	d, err := Dict(document, was)
	if err != nil {
		return nil, err
	}
	return pickle.Append(nil, d)
}

func decode(pickled []byte) (*pickle.Dict, error) {
	v, err := pickle.Decode(pickled)
	if err != nil {
		return nil, err
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, ErrNoDict
	}
	return d, nil
}

// Document returns the document of a dict.
func Document(d *pickle.Dict) ([]byte, error) {
	limit, err := limitOf(d)
	if err != nil {
		return nil, err
	}
	e := encoder{limit: limit}
	if _, err := e.document(d); err != nil {
		return nil, err
	}
	return e.out, nil
}

func limitOf(d *pickle.Dict) (int, error) {
	if d.Length > 0 || len(d.Keys) == 0 {
		return Limit(d.Length), nil
	}
	pickled, err := pickle.Append(nil, d)
	return Limit(len(pickled)), err
}

// beginsMap reports whether the first byte is that of a MessagePack map.
func beginsMap(b []byte) bool {
	return len(b) > 0 && (b[0]&0xf0 == 0x80 || b[0] == 0xde || b[0] == 0xdf)
}

// Dict returns the dict of a document, MessagePack or JSON. Parts that did not change are
// taken from before, which may be empty.
func Dict(document []byte, before *pickle.Dict) (*pickle.Dict, error) {
	if !beginsMap(document) {
		return dictOfJSON(document, before)
	}
	limit, err := limitOf(before)
	if err != nil {
		return nil, err
	}
	e := encoder{limit: limit, parts: true, exts: map[string]pickle.Value{}}
	root, err := e.document(before)
	if err != nil {
		return nil, err
	}
	n, err := msgpack.Next(document, limits)
	if err != nil || n != len(document) {
		return nil, fmt.Errorf("%w: %w", ErrDocument, firstError(err, msgpack.ErrTrailing))
	}
	r := restorer{before: e.out, exts: e.exts}
	d, same, err := r.dict(document, &root)
	if same {
		return before, nil
	}
	return d, err
}

func firstError(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
