package document

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
)

// readables remembers what checkReadable found: nil, or an error, by type.
var readables sync.Map

// checkReadable returns an error for a type whose values can be stored and not be read
// back: one with an interface that has methods in it, since nothing stored says which
// type is to be made.
func checkReadable(t reflect.Type) error {
	if known, ok := readables.Load(t); ok {
		err, _ := known.(error)
		return err
	}
	var err error
	if found := unreadableIn(t, map[reflect.Type]bool{}); found != nil {
		err = fmt.Errorf("%v holds an interface, %v, so it could not be read back", t, found)
	}
	readables.Store(t, err)
	return err
}

var unmarshalers = []reflect.Type{
	reflect.TypeFor[encoding.TextUnmarshaler](), reflect.TypeFor[encoding.BinaryUnmarshaler](),
	reflect.TypeFor[json.Unmarshaler](),
}

// unreadableIn returns an interface with methods that a type consists of, or nil.
func unreadableIn(t reflect.Type, seen map[reflect.Type]bool) reflect.Type {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if t.Kind() != reflect.Interface {
		for _, u := range unmarshalers {
			if reflect.PointerTo(t).Implements(u) {
				return nil
			}
		}
	}
	switch t.Kind() {
	case reflect.Interface:
		if t.NumMethod() > 0 {
			return t
		}
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return unreadableIn(t.Elem(), seen)
	case reflect.Map:
		if found := unreadableIn(t.Key(), seen); found != nil {
			return found
		}
		return unreadableIn(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			skipped := f.Tag.Get("json") == "-" || f.Tag.Get("msgpack") == "-"
			if skipped || !f.IsExported() && !f.Anonymous {
				continue
			}
			if found := unreadableIn(f.Type, seen); found != nil {
				return found
			}
		}
	}
	return nil
}
