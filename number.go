package cloakroom

import (
	"bytes"
	"encoding"
	"encoding/json"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// JSON has numbers of one kind, and encoding/json makes a float64 of each that it decodes into an any, which rounds
// large integers, and writes the float 1.0 as the integer 1. Here a number is a float if it is spelled as one, as it is
// to Python: with a point or an exponent.

// maxDigits is how long an integer may be that is decoded into an any. Python reads no longer ones either.
const maxDigits = 4300

// decodeJSON is json.Unmarshal, but what goes into an any is an int64, a uint64 above that, a *big.Int beyond,
// or a float64.
func decodeJSON(value []byte, v any) error {
	if !holdsAny(reflect.TypeOf(v)) || !json.Valid(value) {
		return json.Unmarshal(value, v)
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	return exactNumbers(reflect.ValueOf(v))
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

	anyHolders sync.Map // reflect.Type to bool
)

// holdsAny reports whether encoding/json may put something into an any in a t.
func holdsAny(t reflect.Type) bool {
	if known, ok := anyHolders.Load(t); ok {
		return known.(bool)
	}
	holds := findAny(t, map[reflect.Type]bool{})
	anyHolders.Store(t, holds)
	return holds
}

func findAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || decodesItself(t) {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findAny(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if findAny(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// decodesItself reports whether t has a method by which encoding/json decodes it.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler)
}

// exactNumbers makes numbers of what was decoded into anys as json.Number.
func exactNumbers(v reflect.Value) error {
	if !holdsAny(v.Type()) {
		return nil
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() || !v.CanSet() {
			return nil
		}
		x, err := exactNumber(v.Elem().Interface())
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return exactNumbers(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := exactNumbers(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		item := reflect.New(v.Type().Elem()).Elem()
		for _, key := range v.MapKeys() {
			item.Set(v.MapIndex(key))
			if err := exactNumbers(item); err != nil {
				return err
			}
			v.SetMapIndex(key, item)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				if err := exactNumbers(v.Field(i)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// exactNumber is exactNumbers for what encoding/json puts into an any. Maps and slices are changed.
func exactNumber(x any) (any, error) {
	var err error
	switch x := x.(type) {
	case json.Number:
		return number(string(x))
	case []any:
		for i := range x {
			if x[i], err = exactNumber(x[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range x {
			if x[key], err = exactNumber(x[key]); err != nil {
				return nil, err
			}
		}
	}
	return x, nil
}

func number(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, &json.UnmarshalTypeError{Value: "number", Type: reflect.TypeFor[float64]()}
		}
		return f, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n, nil
	}
	if n, ok := new(big.Int).SetString(s[:min(len(s), maxDigits+1)], 10); ok && len(s) <= maxDigits {
		return n, nil
	}
	return nil, &json.UnmarshalTypeError{Value: "number", Type: reflect.TypeFor[*big.Int]()}
}

// spelled returns v, or what it points to, with its floats as such that are spelled as floats: v itself, and what is
// in anys in it.
func spelled(v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case *any:
		return spelled(*v, depth+1)
	case []any:
		return spelledList(v, depth)
	case *[]any:
		return spelledList(*v, depth)
	case map[string]any:
		return spelledMap(v, depth)
	case *map[string]any:
		return spelledMap(*v, depth)
	}
	return spelledFloat(v), nil
}

func spelledFloat(v any) any {
	f := reflect.ValueOf(v)
	if f.Kind() == reflect.Pointer && !f.IsNil() {
		f = f.Elem()
	}
	if !f.CanFloat() {
		return v
	}
	switch f.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler:
		return v
	}
	return spelledNumber{f.Convert(map[reflect.Kind]reflect.Type{
		reflect.Float32: reflect.TypeFor[float32](), reflect.Float64: reflect.TypeFor[float64](),
	}[f.Kind()]).Interface()}
}

func spelledList(list []any, depth int) (any, error) {
	if list == nil {
		return list, nil
	}
	var err error
	out := make([]any, len(list))
	for i := range list {
		if out[i], err = spelled(list[i], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func spelledMap(m map[string]any, depth int) (any, error) {
	if m == nil {
		return m, nil
	}
	var err error
	out := make(map[string]any, len(m))
	for key := range m {
		if out[key], err = spelled(m[key], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// spelledNumber is a float32 or float64.
type spelledNumber struct{ float any }

func (n spelledNumber) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(n.float)
	if err == nil && !bytes.ContainsAny(b, ".e") {
		b = append(b, ".0"...)
	}
	return b, err
}
