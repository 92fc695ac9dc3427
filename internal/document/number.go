package document

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

// JSON has numbers of one kind, and encoding/json makes a float64 of each that it
// decodes into an any, which rounds large integers, and writes the float 1.0 as the
// integer 1. Here a number is a float if it is spelled as one, as it is to Python: with
// a point or an exponent.

// maxDigits is how long an integer may be that is decoded into an any. Python reads no
// longer ones either.
const maxDigits = 4300

// decodeJSON is json.Unmarshal, but what goes into an any is an int64, a uint64 above
// that, a *big.Int beyond, or a float64.
func decodeJSON(value []byte, v any) error {
	if !whenDecoding.find(reflect.TypeOf(v)) || !json.Valid(value) {
		return json.Unmarshal(value, v)
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return err
	}
	return whenDecoding.each(reflect.ValueOf(v).Elem(), 0, exactNumber)
}

// finder finds out whether there may be an any in values of a type, without looking
// into types that have one of some methods.
type finder struct {
	methods []reflect.Type
	known   sync.Map // reflect.Type to bool
}

var (
	whenDecoding = &finder{methods: []reflect.Type{
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}}
	whenEncoding = &finder{methods: []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler](),
	}}
)

func (f *finder) find(t reflect.Type) bool {
	if known, ok := f.known.Load(t); ok {
		return known.(bool)
	}
	found := f.search(t, map[reflect.Type]bool{})
	f.known.Store(t, found)
	return found
}

func (f *finder) search(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	for _, m := range f.methods {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return false
		}
	}
	switch t.Kind() {
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return f.search(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f.search(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// replacer returns what takes the place of x.
type replacer func(x any, depth int) (any, error)

// each replaces what is in each any in v, which can be set, by what f makes of it. What
// v points to is copied.
func (within *finder) each(v reflect.Value, depth int, f replacer) error {
	// more than a document can have, with a struct and a pointer for each level
	if depth > 2*maxDepth {
		return errTooDeep
	}
	if !within.find(v.Type()) || !v.CanSet() && v.Kind() != reflect.Struct {
		return nil
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		x, err := f(v.Elem().Interface(), depth)
		if err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(v.Elem())
		v.Set(p)
		return within.each(p.Elem(), depth+1, f)
	case reflect.Slice:
		if !v.IsNil() {
			v.Set(reflect.AppendSlice(reflect.MakeSlice(v.Type(), 0, v.Len()), v))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			if err := within.each(v.Index(i), depth+1, f); err != nil {
				return err
			}
		}
	case reflect.Map:
		return within.eachInMap(v, depth, f)
	case reflect.Struct:
		for i := range v.NumField() {
			if err := within.each(v.Field(i), depth+1, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (within *finder) eachInMap(v reflect.Value, depth int, f replacer) error {
	if v.IsNil() {
		return nil
	}
	m := reflect.MakeMapWithSize(v.Type(), v.Len())
	item := reflect.New(v.Type().Elem()).Elem()
	for entry := v.MapRange(); entry.Next(); {
		item.Set(entry.Value())
		if err := within.each(item, depth+1, f); err != nil {
			return err
		}
		m.SetMapIndex(entry.Key(), item)
	}
	v.Set(m)
	return nil
}

// exactNumber makes numbers of those that encoding/json put into an any. Maps and
// slices are changed.
func exactNumber(x any, depth int) (any, error) {
	var err error
	switch x := x.(type) {
	case json.Number:
		return number(string(x))
	case []any:
		for i := range x {
			if x[i], err = exactNumber(x[i], depth); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range x {
			if x[key], err = exactNumber(x[key], depth); err != nil {
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
	n, ok := new(big.Int).SetString(s[:min(len(s), maxDigits+1)], 10)
	if ok && len(s) <= maxDigits {
		return n, nil
	}
	return nil, &json.UnmarshalTypeError{Value: "number", Type: reflect.TypeFor[*big.Int]()}
}

// spelled returns v with its floats as such that are spelled as floats: v itself, or
// what it points to, and what is in anys in it. A float of its own type, such as a
// struct's field, is decoded into that type, and stays as it is.
func spelled(v any, depth int) (any, error) {
	if depth > 2*maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case []any:
		return spelledList(v, depth)
	case map[string]any:
		return spelledMap(v, depth)
	}
	t := reflect.TypeOf(v)
	if t == nil || !whenEncoding.find(t) {
		return spelledFloat(v), nil
	}
	copied := reflect.New(t).Elem()
	copied.Set(reflect.ValueOf(v))
	err := whenEncoding.each(copied, depth+1, spelled)
	return copied.Interface(), err
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
