package document

import (
	"fmt"
	"reflect"

	"github.com/cloakroom-go/cloakroom/internal/msgpack"
)

// Value is a value as it stands in a document.
type Value struct {
	bytes  []byte // encoded; nil when absent
	format Format
	share  bool // a string may be these bytes
}

// Present reports whether there is a value.
func (v Value) Present() bool { return v.bytes != nil }

// Format returns the format of the document.
func (v Value) Format() Format { return v.format }

// Bytes returns the encoded value.
func (v Value) Bytes() []byte { return v.bytes }

// Null reports whether the value is null.
func (v Value) Null() bool { return v.format.isNil(v.bytes) }

// Items returns the items of a list, and none for an absent value.
func (v Value) Items() ([]Value, error) {
	items, err := v.format.splitList(v.bytes)
	if err != nil {
		return nil, err
	}
	list := make([]Value, len(items))
	for i := range items {
		list[i] = Value{bytes: items[i], format: v.format}
	}
	return list, nil
}

// Absent is a value that is not there, in a document of format f.
func Absent(f Format) Value { return Value{format: f} }

// Encode encodes a value in a format. name is for errors.
func Encode[T any](f Format, name string, v T) ([]byte, error) {
	if f == MessagePack {
		switch v := any(&v).(type) { // a pointer is not copied to the heap, an interface value is
		case *string:
			return encodeText(*v), nil
		case *int:
			return msgpack.AppendInt(make([]byte, 0, 9), int64(*v)), nil
		case *int64:
			return msgpack.AppendInt(make([]byte, 0, 9), *v), nil
		case *bool:
			return msgpack.AppendBool(make([]byte, 0, 1), *v), nil
		case *[]byte:
			if *v != nil {
				return msgpack.AppendBytes(make([]byte, 0, len(*v)+5), *v), nil
			}
		}
	}
	return encodeAny(f, name, v)
}

// encodeAny is apart because here v is copied to the heap.
func encodeAny[T any](f Format, name string, v T) ([]byte, error) {
	if err := checkReadable(reflect.TypeFor[T]()); err != nil {
		return nil, fmt.Errorf("cloakroom: value %q cannot be set: %w", name, err)
	}
	encoded := any(v)
	if f == JSON {
		encoded = &v // encoding/json finds a pointer's MarshalJSON only where there is a pointer
	}
	value, err := f.encode(encoded)
	if err != nil {
		return nil, fmt.Errorf("cloakroom: value %q cannot be encoded: %w", name, err)
	}
	return value, nil
}

// Decode decodes a value. Its error is a *[DecodeError].
func Decode[T any](at Value, name string) (T, error) {
	if at.format == MessagePack {
		var v T
		if decodeScalar(&at, &v) {
			return v, nil
		}
	}
	v := new(T)
	if err := at.format.decode(at.bytes, v); err != nil {
		var zero T
		return zero, &DecodeError{name, err}
	}
	return *v, nil
}

// decodeScalar decodes the commonest types without a pointer that escapes. It reports
// false where anything is amiss, for the full decoder to find out.
func decodeScalar[T any](at *Value, v *T) bool {
	var (
		value = at.bytes
		rest  []byte
		err   error
	)
	switch v := any(v).(type) {
	case *string:
		var s []byte
		s, rest, err = msgpack.ReadString(value)
		if at.share {
			*v = textOf(s)
		} else {
			*v = string(s)
		}
	case *int:
		var i int64
		i, rest, err = msgpack.ReadInt(value)
		*v = int(i)
		if int64(*v) != i {
			return false
		}
	case *int64:
		*v, rest, err = msgpack.ReadInt(value)
	case *bool:
		*v, rest, err = msgpack.ReadBool(value)
	default:
		return false
	}
	return err == nil && len(rest) == 0
}
