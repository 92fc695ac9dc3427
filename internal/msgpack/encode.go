package msgpack

import (
	"encoding"
	"fmt"
	"math/big"
	"net/url"
	"reflect"
	"time"
)

// Append appends the encoding of v to dst. On an error it returns dst unchanged. The
// error is ErrDepth for a value that is cyclic, or nested deeper than lim allows.
func Append(dst []byte, v any, lim Limits) ([]byte, error) {
	e := encoder{maxDepth: lim.depth()}
	out, err := e.any(dst, v, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// maxHops bounds how many pointers and interfaces in a row are followed, since types and
// values may lead back to themselves without a container.
const maxHops = 100

type encoder struct {
	maxDepth int
}

// any encodes common types without reflection.
func (e *encoder) any(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return AppendNil(dst), nil
	case bool:
		return AppendBool(dst, v), nil
	case string:
		return e.string(dst, v)
	case []byte:
		return e.bytes(dst, v)
	case int:
		return AppendInt(dst, int64(v)), nil
	case int8:
		return AppendInt(dst, int64(v)), nil
	case int16:
		return AppendInt(dst, int64(v)), nil
	case int32:
		return AppendInt(dst, int64(v)), nil
	case int64:
		return AppendInt(dst, v), nil
	case uint:
		return AppendUint(dst, uint64(v)), nil
	case uint8:
		return AppendUint(dst, uint64(v)), nil
	case uint16:
		return AppendUint(dst, uint64(v)), nil
	case uint32:
		return AppendUint(dst, uint64(v)), nil
	case uint64:
		return AppendUint(dst, v), nil
	case float32:
		return AppendFloat32(dst, v), nil
	case float64:
		return AppendFloat64(dst, v), nil
	case time.Time:
		return AppendTime(dst, v), nil
	case Ext:
		return e.ext(dst, v)
	case []string:
		if v == nil {
			return AppendNil(dst), nil
		}
		dst, err := e.arrayHeader(dst, len(v), depth)
		for i := 0; err == nil && i < len(v); i++ {
			dst, err = e.string(dst, v[i])
		}
		return dst, err
	case map[string]any:
		return e.stringMap(dst, v, depth)
	case []any:
		if v == nil {
			return AppendNil(dst), nil
		}
		dst, err := e.arrayHeader(dst, len(v), depth)
		for i := 0; err == nil && i < len(v); i++ {
			dst, err = e.any(dst, v[i], depth+1)
		}
		return dst, err
	}
	return e.value(dst, reflect.ValueOf(v), depth)
}

// value encodes v, which is within depth arrays and maps.
func (e *encoder) value(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	for hops := 0; v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface; hops++ {
		if v.Kind() == reflect.Interface && v.NumMethod() != 0 {
			return dst, errUnsupported(v.Type(), "an interface with methods cannot be decoded")
		}
		if v.IsNil() {
			return AppendNil(dst), nil
		}
		if hops > maxHops {
			return dst, fmt.Errorf("%w (pointers to pointers, in Go %v)", ErrDepth, v.Type())
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return AppendNil(dst), nil
	}
	t := v.Type()
	info := infoOf(t)
	switch info.form {
	case formTime:
		if v.CanAddr() { // saves a copy on the heap
			return AppendTime(dst, *v.Addr().Interface().(*time.Time)), nil
		}
		return AppendTime(dst, v.Interface().(time.Time)), nil
	case formExt:
		return e.ext(dst, v.Interface().(Ext))
	case formBinary:
		data, err := methods[encoding.BinaryMarshaler](v).MarshalBinary()
		if err != nil {
			return dst, &marshalerError{t, "MarshalBinary", err}
		}
		if data == nil {
			data = []byte{}
		}
		return e.bytes(dst, data)
	case formBigInt:
		n := addressable(v).Addr().Interface().(*big.Int)
		switch {
		case n.IsInt64():
			return AppendInt(dst, n.Int64()), nil
		case n.IsUint64():
			return AppendUint(dst, n.Uint64()), nil
		}
		return e.string(dst, n.String())
	case formURL:
		return e.string(dst, addressable(v).Addr().Interface().(*url.URL).String())
	case formText:
		text, err := marshalText(v)
		if err != nil {
			return dst, err
		}
		return e.string(dst, text)
	}
	switch v.Kind() {
	case reflect.Bool:
		return AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return AppendInt(dst, v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return AppendUint(dst, v.Uint()), nil
	case reflect.Float32:
		return AppendFloat32(dst, float32(v.Float())), nil
	case reflect.Float64:
		return AppendFloat64(dst, v.Float()), nil
	case reflect.String:
		return e.string(dst, v.String())
	case reflect.Slice:
		if v.IsNil() {
			return AppendNil(dst), nil
		}
		return e.list(dst, v, depth)
	case reflect.Array:
		return e.list(dst, v, depth)
	case reflect.Map:
		return e.mapping(dst, v, depth)
	case reflect.Struct:
		return e.structure(dst, v, info, depth)
	}
	return dst, errUnsupported(t, "its kind has no encoding")
}

// list encodes an array, or a slice that is not nil.
func (e *encoder) list(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if isBytes(v.Type()) {
		if v.Kind() == reflect.Array {
			v = addressable(v)
		}
		b := v.Bytes()
		if b == nil {
			b = []byte{}
		}
		return e.bytes(dst, b)
	}
	dst, err := e.arrayHeader(dst, v.Len(), depth)
	for i := 0; err == nil && i < v.Len(); i++ {
		dst, err = e.value(dst, v.Index(i), depth+1)
	}
	return dst, err
}

func (e *encoder) structure(
	dst []byte, v reflect.Value, info *typeInfo, depth int,
) ([]byte, error) {
	s, err := info.fields()
	if err != nil {
		return dst, err
	}
	if s.plain {
		if dst, err = e.mapHeader(dst, len(s.fields), depth); err != nil {
			return dst, err
		}
		for i := range s.fields {
			f := &s.fields[i]
			dst = append(dst, f.encoded...)
			if dst, err = e.value(dst, v.Field(f.index[0]), depth+1); err != nil {
				return dst, inField(v.Type(), f, err)
			}
		}
		return dst, nil
	}
	// Whether a field is left out is asked once, since IsZero may not answer the same
	// twice. So the header is corrected afterwards.
	start := len(dst)
	if dst, err = e.mapHeader(dst, len(s.fields), depth); err != nil {
		return dst, err
	}
	body, n := len(dst), 0
	for i := range s.fields {
		f := &s.fields[i]
		fv, ok := f.get(v)
		if !ok || f.omit(fv) {
			continue
		}
		n++
		dst = append(dst, f.encoded...)
		if dst, err = e.value(dst, fv, depth+1); err != nil {
			return dst, inField(v.Type(), f, err)
		}
	}
	moved := len(AppendMapHeader(dst[:start], n)) // never longer than before
	return append(dst[:moved], dst[body:]...), nil
}

func (e *encoder) arrayHeader(dst []byte, n, depth int) ([]byte, error) {
	if err := e.container(n, depth); err != nil {
		return dst, err
	}
	return AppendArrayHeader(dst, n), nil
}

func (e *encoder) mapHeader(dst []byte, n, depth int) ([]byte, error) {
	if err := e.container(n, depth); err != nil {
		return dst, err
	}
	return AppendMapHeader(dst, n), nil
}

// container checks that a container of n entries may be at depth.
func (e *encoder) container(n, depth int) error {
	if depth >= e.maxDepth {
		return ErrDepth
	}
	if !fits(n) {
		return ErrTooLarge
	}
	return nil
}

func (e *encoder) string(dst []byte, s string) ([]byte, error) {
	if !fits(len(s)) {
		return dst, ErrTooLarge
	}
	return AppendString(dst, s), nil
}

// bytes encodes b, and nil when it is nil.
func (e *encoder) bytes(dst, b []byte) ([]byte, error) {
	if b == nil {
		return AppendNil(dst), nil
	}
	if !fits(len(b)) {
		return dst, ErrTooLarge
	}
	return AppendBytes(dst, b), nil
}

func (e *encoder) ext(dst []byte, x Ext) ([]byte, error) {
	if !fits(len(x.Data)) {
		return dst, ErrTooLarge
	}
	if x.Type == extTime {
		// Refuse here what could not be decoded.
		if _, err := parseTime(x.Data); err != nil {
			return dst, err
		}
	}
	return AppendExt(dst, x.Type, x.Data), nil
}

// methods returns v as the interface M, by its address if its methods need that.
func methods[M any](v reflect.Value) M {
	if m, ok := v.Interface().(M); ok {
		return m
	}
	return addressable(v).Addr().Interface().(M)
}

func marshalText(v reflect.Value) (string, error) {
	text, err := methods[encoding.TextMarshaler](v).MarshalText()
	if err != nil {
		return "", &marshalerError{v.Type(), "MarshalText", err}
	}
	return string(text), nil
}
