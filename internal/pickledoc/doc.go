// Package pickledoc turns a pickled dict of Python into a document, a MessagePack map,
// and back.
//
// The document holds what Python's msgspec would make of each value. The smallest part of a value
// that MessagePack cannot hold is an extension of type [ExtType], whose data is the pickle of that
// part: an int beyond 64 bits, a str with surrogates, an object that means nothing to Go, what is
// within itself, and what is nested deeper than [MaxDepth]. So the rest of the value stays
// readable. Keys that are no strs are kept likewise.
//
// On the way back, what did not change is taken from the dict as it was before, with
// the types that Python gave it, also where it is a part of a list or dict that did.
//
// The work and what comes of it are bounded by the length of the pickle, since a pickle
// can name one value many times: see [Limit].
package pickledoc

import (
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// ExtType is the type of the MessagePack extension whose data is a pickle.
const ExtType = 0x50

// MaxDepth is how deep the arrays and maps of a document are nested, the document itself among
// them.
const MaxDepth = 64

// The errors that callers can act on, besides those of packages pickle and msgspec.
var (
	// ErrNoDict: a pickle holds something other than a dict.
	ErrNoDict = errors.New("pickledoc: it holds no dict")
	// ErrDocument: the bytes are no document.
	ErrDocument = errors.New("pickledoc: neither a MessagePack map nor a JSON object, or a key twice")
)

// Limit returns how long the document of a pickle of that length may be, in bytes: 64
// times as long and 64 KiB, but not above [pickle.MaxBytes]. A longer one is refused
// with [pickle.ErrTooLarge].
func Limit(length int) int { return min(64*length+64<<10, pickle.MaxBytes) }

// FromPickle returns the document of a pickled dict.
func FromPickle(pickled []byte) ([]byte, error) {
	d, err := decode(pickled)
	if err != nil {
		return nil, err
	}
	return Document(d)
}

// ToPickle returns the pickle, of protocol 4, that a document stands for; before is the
// pickle that the document was made of at first, or empty.
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

// Dict returns the dict that a document stands for, MessagePack or JSON. What did not
// change is taken from the dict before, which may be empty.
func Dict(document []byte, before *pickle.Dict) (*pickle.Dict, error) {
	if len(document) == 0 || document[0]&0xf0 != 0x80 && document[0] != 0xde && document[0] != 0xdf {
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
