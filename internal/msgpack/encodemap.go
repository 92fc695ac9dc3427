package msgpack

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// stringMap is mapping for map[string]any, without reflection.
func (e *encoder) stringMap(dst []byte, m map[string]any, depth int) ([]byte, error) {
	if m == nil {
		return AppendNil(dst), nil
	}
	dst, err := e.mapHeader(dst, len(m), depth)
	if err != nil {
		return dst, err
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if dst, err = e.string(dst, k); err != nil {
			return dst, err
		}
		if dst, err = e.any(dst, m[k], depth+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// mapEntry is an entry of a map. Its encoded key is in a buffer, from start to end.
type mapEntry struct {
	start, end int
	value      reflect.Value
}

// mapping encodes a map, with its keys sorted.
func (e *encoder) mapping(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	if v.IsNil() {
		return AppendNil(dst), nil
	}
	dst, err := e.mapHeader(dst, v.Len(), depth)
	if err != nil {
		return dst, err
	}
	var keys []byte
	entries := make([]mapEntry, 0, v.Len())
	for iter := v.MapRange(); iter.Next(); {
		start := len(keys)
		if keys, err = e.key(keys, iter.Key()); err != nil {
			return dst, err
		}
		entries = append(entries, mapEntry{start, len(keys), iter.Value()})
	}
	slices.SortFunc(entries, func(a, b mapEntry) int {
		return compareKeys(keys[a.start:a.end], keys[b.start:b.end])
	})
	var last []byte
	for _, entry := range entries {
		key := keys[entry.start:entry.end]
		// Different keys in Go may be encoded alike: int8(1) and int64(1) in a
		// map[any]any, or two that marshal to one text.
		if bytes.Equal(key, last) {
			return dst, fmt.Errorf("%w (in Go %v)", ErrDuplicate, v.Type())
		}
		last = key
		dst = append(dst, key...)
		if dst, err = e.value(dst, entry.value, depth+1); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// compareKeys orders encoded keys: by kind, strings as Go orders them, the
// others by their encoding.
func compareKeys(a, b []byte) int {
	ka, kb := kindOf(a), kindOf(b)
	if ka == kindString && kb == kindString {
		a, _, _ = ReadString(a)
		b, _, _ = ReadString(b)
	}
	return cmp.Or(cmp.Compare(ka, kb), bytes.Compare(a, b))
}

// key encodes a map key.
func (e *encoder) key(dst []byte, v reflect.Value) ([]byte, error) {
	boxed := v.Kind() == reflect.Interface
	if boxed {
		if v.NumMethod() != 0 {
			return dst, errUnsupported(v.Type(), "an interface with methods cannot be decoded")
		}
		if v.IsNil() {
			return AppendNil(dst), nil
		}
		v = v.Elem()
	}
	info := infoOf(v.Type())
	if info.text {
		text, err := marshalText(v)
		if err != nil {
			return dst, err
		}
		return e.string(dst, text)
	}
	if !isKey(v.Type(), info) {
		return dst, errUnsupported(v.Type(), "cannot be a map key")
	}
	if v.CanFloat() {
		f := v.Float()
		if f != f {
			return dst, fmt.Errorf("%w: NaN", ErrKey)
		}
		if boxed {
			// Both widths decode to float64, so they must not differ here.
			return AppendFloat64(dst, f), nil
		}
	}
	return e.value(dst, v, 0)
}

// isKey reports whether t can be a map key without text methods.
func isKey(t reflect.Type, info *typeInfo) bool {
	if info.form != formKind {
		return info.form == formTime
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}
