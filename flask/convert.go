package flask

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/internal/msgpack"
	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
	"github.com/cloakroom-go/cloakroom/internal/pickledoc"
)

// Why a session cannot be converted. What is returned wraps one of these, and never
// quotes stored data.
var (
	// ErrUnreadable: the data is not a dict in MessagePack, JSON or a pickle, or is too
	// large.
	ErrUnreadable = errors.New("flask: the stored session cannot be read")
	// ErrObject: the data is a pickle with objects, such as those of numpy, whose form in
	// the format is unknown.
	ErrObject = errors.New("flask: the stored session holds a Python object")
	// ErrHold: the session holds a value that the format cannot, such as an int beyond 64
	// bits in MessagePack.
	ErrHold = errors.New("flask: the stored session holds what the format cannot")
)

// Convert returns a stored session in the format given, as Flask-Session would write it
// after reading it: from MessagePack, from JSON, or from a pickle of any protocol, which
// versions before 0.7 wrote. Data that is in that format already is returned unchanged.
//
// A pickle is a program that Python executes. Convert executes nothing. It reads plain
// data, and those objects whose pickle tells what they hold: subclasses of str, int, list
// and dict such as Markup and OrderedDict, enums, dataclasses, namedtuples, datetimes of
// a time zone. It refuses any other object with [ErrObject].
func Convert(data []byte, to cloakroom.Format) ([]byte, error) {
	from := formatOf(data)
	if from == to.String() {
		return data, nil
	}
	v, err := read(data, from)
	if err != nil {
		return nil, err
	}
	var out []byte
	switch to {
	case cloakroom.MessagePack:
		out, err = msgspec.AppendMessagePack(nil, v)
	case cloakroom.JSON:
		out, err = msgspec.AppendJSON(nil, v)
	default:
		return nil, fmt.Errorf("flask: unknown format %v", to)
	}
	return out, refusal(err)
}

const pickled = "pickle"

// formatOf returns the name of the format of data: pickled if it is neither MessagePack
// nor JSON. No pickle is taken for MessagePack: one may begin like an empty map, but goes
// on.
func formatOf(data []byte) string {
	switch {
	case len(data) == 0:
	case data[0]&0xf0 == 0x80 || data[0] == 0xde || data[0] == 0xdf:
		n, err := msgpack.Next(data, msgpack.Limits{Depth: msgpack.MaxDepth})
		if err == nil && n == len(data) {
			return cloakroom.MessagePack.String()
		}
	case bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && json.Valid(data):
		return cloakroom.JSON.String()
	}
	return pickled
}

// read decodes the dict in data.
func read(data []byte, format string) (*pickle.Dict, error) {
	var v pickle.Value
	var err error
	switch format {
	case cloakroom.MessagePack.String():
		v, err = msgspec.ReadMessagePack(data)
	case cloakroom.JSON.String():
		v, err = msgspec.ReadJSON(data)
	default:
		v, err = pickle.Decode(data)
	}
	if err != nil {
		return nil, refusal(err)
	}
	d, ok := v.(*pickle.Dict)
	switch v.(type) {
	case *pickle.Object, pickle.Global:
		return nil, refusal(pickle.Refusal(v))
	}
	if !ok {
		return nil, fmt.Errorf("%w: it is no dict", ErrUnreadable)
	}
	return d, nil
}

// isPickle reports whether data is neither MessagePack nor JSON, and so may be a pickle.
func isPickle(data []byte) bool { return formatOf(data) == pickled }

// document returns the document of a record in another form. A pickle becomes
// MessagePack, whatever format is, with an extension for what Go cannot read: [restore]
// makes a pickle of it again.
func document(data []byte, format cloakroom.Format) ([]byte, error) {
	if !isPickle(data) {
		return Convert(data, format)
	}
	out, err := pickledoc.FromPickle(data)
	return out, refusal(err)
}

// restore returns what to store for a document: a pickle if before was one, or, for a new
// session, if pickles is true.
func restore(document, before []byte, pickles bool) ([]byte, error) {
	switch {
	case len(before) == 0 && !pickles, len(before) > 0 && !isPickle(before):
		return document, nil
	}
	out, err := pickledoc.ToPickle(document, before)
	return out, refusal(err)
}

// refusal turns an error of the formats into one of this package.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pickle.ErrObject):
		return fmt.Errorf("%w: %w", ErrObject, err)
	case errors.Is(err, msgspec.ErrHold):
		return fmt.Errorf("%w: %w", ErrHold, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreadable, err)
}
