package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// Format is how a document is encoded. A record of either format is recognised when it
// is decoded.
type Format uint8

// The formats. See the constants in key.go, and package msgpack, for how values are stored.
const (
	MessagePack Format = iota
	JSON
)

func (f Format) String() string {
	switch f {
	case MessagePack:
		return "MessagePack"
	case JSON:
		return "JSON"
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// DecodeError says that a stored value, or a whole record, could not be read as what
// was asked for. It holds no stored data.
type DecodeError struct {
	Name string // of the value; empty for the whole record
	Err  error
}

func (e *DecodeError) Error() string {
	if e.Name == "" {
		return "cloakroom: record cannot be read: " + e.Err.Error()
	}
	return fmt.Sprintf("cloakroom: value %q cannot be read: %v", e.Name, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// maxDepth is how deep arrays and maps may nest in what is set and what is decoded, a
// whole document counted.
const maxDepth = 64

// encode returns v in this format.
func (f Format) encode(v any) ([]byte, error) {
	if f == MessagePack {
		return msgpack.Append(nil, v, msgpack.Limits{Depth: maxDepth - 1})
	}
	if s, ok := v.(*string); ok && !utf8.ValidString(*s) {
		return nil, errors.New("JSON cannot hold a string that is not UTF-8")
	}
	v, err := spelled(v, 0)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	value := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if scan := (jsonScanner{rest: value, most: maxDepth}); scan.value() != nil && scan.deep {
		return nil, errTooDeep // it could not be read again
	}
	return value, nil
}

// decode decodes one value of this format into what v points to.
func (f Format) decode(value []byte, v any) error {
	if f == MessagePack {
		return msgpack.Unmarshal(value, v, msgpack.Limits{Depth: maxDepth - 1})
	}
	if err := decodeJSON(value, v); err != nil {
		return quietJSONError{err}
	}
	return nil
}

// quietJSONError says what is wrong with a JSON value without quoting it: it may be secret.
type quietJSONError struct{ err error }

func (e quietJSONError) Error() string {
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(e.err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(e.err, &typ):
		kind, _, _ := strings.Cut(typ.Value, " ") // "number" of "number 300"
		return fmt.Sprintf("JSON %s does not fit Go type %v", kind, typ.Type)
	}
	return fmt.Sprintf("unmarshal method failed with a %T", e.err)
}

func (e quietJSONError) Unwrap() error { return e.err }

// splitList returns the items of an encoded list, each encoded, and none for an absent value.
func (f Format) splitList(value []byte) ([][]byte, error) {
	if len(value) == 0 || f.isNil(value) {
		return nil, nil
	}
	if f == JSON {
		var items []json.RawMessage
		if err := f.decode(value, &items); err != nil {
			return nil, err
		}
		list := make([][]byte, len(items))
		for i := range items {
			list[i] = items[i]
		}
		return list, nil
	}
	count, rest, err := msgpack.ReadArrayHeader(value)
	if err != nil {
		return nil, err
	}
	list := make([][]byte, 0, min(count, len(rest)))
	for range count {
		n, err := msgpack.Next(rest, msgpack.Limits{Depth: readableDepth})
		if err != nil {
			return nil, err
		}
		list, rest = append(list, rest[:n:n]), rest[n:]
	}
	return list, nil
}

// joinList is the way back from splitList.
func (f Format) joinList(items [][]byte) []byte {
	if f == JSON {
		return slices.Concat([]byte("["), bytes.Join(items, []byte(",")), []byte("]"))
	}
	return append(msgpack.AppendArrayHeader(nil, len(items)), bytes.Join(items, nil)...)
}

// isNil reports whether the encoded value is null.
func (f Format) isNil(value []byte) bool {
	if f == JSON {
		return string(value) == "null"
	}
	_, err := msgpack.ReadNil(value)
	return err == nil
}

// truth returns whether the encoded value is true.
func (f Format) truth(value []byte) bool {
	if len(value) == 0 || f.isNil(value) {
		return false // absent, as is usual: no error to be made for that
	}
	if f == MessagePack {
		v, rest, err := msgpack.ReadBool(value)
		return err == nil && len(rest) == 0 && v
	}
	return string(value) == "true"
}
