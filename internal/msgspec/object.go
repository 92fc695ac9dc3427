package msgspec

import (
	"math/big"
	"strings"

	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// Plain returns the plain value that the library would encode an object as, if its pickle
// tells. Where a pickle does not tell two kinds apart, Plain assumes the one that the
// library knows: a dataclass for an object with attributes, and an enum for the call of a
// class with one number or text. It also reads the base of subclasses of str, bytes, int
// and float, which the library refuses.
func Plain(o *pickle.Object) (pickle.Value, bool) {
	class := o.Class()
	switch {
	case len(o.Steps) > maxSteps:
		return nil, false
	case class.Module == "datetime" && o.Made == pickle.ByReduce:
		return calendar(class.Name, o.Args)
	case class == reconstructor && o.Made == pickle.ByReduce:
		return reconstructed(o)
	case class.Module == "collections" && o.Made == pickle.ByReduce:
		return collection(class.Name, o)
	case isWerkzeug(class):
		return datastructure(class.Name, o)
	case o.Made == pickle.ByNew:
		return made(o)
	case o.Made == pickle.ByReduce && len(o.Args) == 1 && len(o.Steps) == 0 && mayBeEnum(class):
		return o.Args[0], isScalar(o.Args[0])
	}
	return nil, false
}

// maxSteps is how many steps of an object are looked at. Python writes items, keys and a
// state, once each. An object may be named very often, and each time its steps are looked
// at again.
const maxSteps = 8

var reconstructor = pickle.Global{Module: "copyreg", Name: "_reconstructor"}

// isWerkzeug reports whether a class is one of Werkzeug's dicts.
func isWerkzeug(class pickle.Global) bool {
	const module = "werkzeug.datastructures"
	return class.Module == module || strings.HasPrefix(class.Module, module+".")
}

// isScalar reports whether v can be the value of an enum, or what a subclass is based on.
func isScalar(v pickle.Value) bool {
	switch v.(type) {
	case string, int64, *big.Int, float64:
		return true
	}
	return false
}

// noEnums are modules whose classes are called with one number or text and are no enums.
var noEnums = map[string]bool{
	"_io": true, "array": true, "builtins": true, "ctypes": true, "decimal": true,
	"fractions": true, "functools": true, "io": true, "ipaddress": true, "itertools": true,
	"msgspec": true, "numpy": true, "operator": true, "pathlib": true, "pytz": true,
	"random": true, "re": true, "subprocess": true, "threading": true, "types": true,
	"urllib": true, "weakref": true, "xml": true,
}

// mayBeEnum reports whether a name looks like that of a class.
func mayBeEnum(class pickle.Global) bool {
	name := class.Name[strings.LastIndexByte(class.Name, '.')+1:]
	module, _, _ := strings.Cut(class.Module, ".")
	return name != "" && name[0] >= 'A' && name[0] <= 'Z' && !noEnums[module]
}

// reconstructed reads an instance as protocols 0 and 1 pickle it: class, base, and the
// value of the base.
func reconstructed(o *pickle.Object) (pickle.Value, bool) {
	if len(o.Args) != 3 {
		return nil, false
	}
	base, _ := o.Args[1].(pickle.Global)
	if base.Module != "builtins" {
		return nil, false
	}
	if class, ok := o.Args[0].(pickle.Global); ok && isWerkzeug(class) {
		return datastructure(class.Name, o)
	}
	v := o.Args[2]
	var ok bool
	switch base.Name {
	case "object":
		return attributes(o)
	case "str":
		_, ok = v.(string)
	case "bytes":
		_, ok = v.(pickle.Bytes)
	case "int", "float":
		_, text := v.(string)
		ok = isScalar(v) && !text
	case "tuple":
		_, ok = v.(pickle.Tuple)
	case "list":
		_, ok = v.(*pickle.List)
	case "dict":
		_, ok = v.(*pickle.Dict)
	}
	return v, ok
}

// made reads an instance as protocol 2 and later pickle it.
func made(o *pickle.Object) (pickle.Value, bool) {
	if class := o.Class(); class.Module == "uuid" && class.Name == "UUID" {
		return uuid(o)
	}
	switch len(o.Args) {
	case 0:
		return filled(o)
	case 1:
		switch v := o.Args[0].(type) {
		case pickle.Bytes:
			return v, true
		case pickle.Tuple:
			return v, true // a subclass of tuple
		}
		if isScalar(o.Args[0]) {
			return o.Args[0], true
		}
	}
	return o.Args, true // a namedtuple
}

// filled reads an instance that was made without arguments.
func filled(o *pickle.Object) (pickle.Value, bool) {
	for _, step := range o.Steps {
		switch step.Kind {
		case pickle.SetItems:
			return dictOf(step.Items)
		case pickle.AppendItems:
			return &pickle.List{Items: step.Items}, true
		}
	}
	return attributes(o)
}

// state returns the state of an instance, if it was set once and nothing else was done.
func state(o *pickle.Object) pickle.Value {
	if len(o.Steps) != 1 || o.Steps[0].Kind != pickle.SetState {
		return nil
	}
	return o.Steps[0].Items[0]
}

// attributes reads the attributes of a dataclass, with or without slots.
func attributes(o *pickle.Object) (pickle.Value, bool) {
	s := state(o)
	if pair, ok := s.(pickle.Tuple); ok && len(pair) == 2 && pair[0] == nil {
		s = pair[1]
	}
	d, ok := s.(*pickle.Dict)
	if !ok {
		return nil, false
	}
	for _, key := range d.Keys {
		if _, ok := key.(string); !ok {
			return nil, false
		}
	}
	return d, true
}

func uuid(o *pickle.Object) (pickle.Value, bool) {
	d, ok := state(o).(*pickle.Dict)
	if !ok {
		return nil, false
	}
	v, _ := d.Get("int")
	return pickle.NewUUID(v)
}

// collection reads classes of module collections other than namedtuple.
func collection(name string, o *pickle.Object) (pickle.Value, bool) {
	if name != "OrderedDict" && name != "defaultdict" && name != "Counter" {
		return nil, false
	}
	for _, step := range o.Steps {
		if step.Kind == pickle.SetItems {
			return dictOf(step.Items)
		}
	}
	if len(o.Args) == 1 && name == "Counter" {
		d, ok := o.Args[0].(*pickle.Dict)
		return d, ok
	}
	return &pickle.Dict{}, len(o.Args) == 0 || name == "defaultdict"
}

// datastructure reads Werkzeug's dicts, which keep a list for each key.
func datastructure(name string, o *pickle.Object) (pickle.Value, bool) {
	switch name {
	case "MultiDict":
		for _, step := range o.Steps {
			if d, ok := step.Items[0].(*pickle.Dict); ok && step.Kind == pickle.SetState {
				return d, true
			}
		}
	case "ImmutableDict", "ImmutableTypeConversionDict":
		if len(o.Args) == 1 {
			d, ok := o.Args[0].(*pickle.Dict)
			return d, ok
		}
	case "ImmutableMultiDict", "CombinedMultiDict":
		if len(o.Args) == 1 && name == "ImmutableMultiDict" {
			return grouped(o.Args[0])
		}
	case "TypeConversionDict", "CallbackDict":
		return filled(o)
	}
	return nil, false
}

// maxAgain is how long a repeated key may be, in bytes. A pickle names it again in two
// bytes, but each time it is looked at as a whole.
const maxAgain = 256

// grouped returns a dict of lists for a list of pairs of key and value.
func grouped(v pickle.Value) (pickle.Value, bool) {
	pairs, ok := v.(*pickle.List)
	if !ok {
		return nil, false
	}
	d := &pickle.Dict{}
	for _, item := range pairs.Items {
		pair, ok := item.(pickle.Tuple)
		if !ok || len(pair) != 2 {
			return nil, false
		}
		key, ok := pair[0].(string)
		if !ok {
			return nil, false
		}
		if l, ok := d.Get(key); ok {
			if len(key) > maxAgain {
				return nil, false
			}
			list := l.(*pickle.List)
			list.Items = append(list.Items, pair[1])
		} else if err := d.Set(key, &pickle.List{Items: []pickle.Value{pair[1]}}); err != nil {
			return nil, false
		}
	}
	return d, true
}

// dictOf returns the dict of keys and values in turn. It refuses keys that cost much to
// look at, and a key twice, which Python never writes: a long one could be there very
// often.
func dictOf(items []pickle.Value) (pickle.Value, bool) {
	d := &pickle.Dict{}
	for i := 0; i+1 < len(items); i += 2 {
		switch key := items[i].(type) {
		case *big.Int, pickle.Tuple, *pickle.Set:
			return nil, false
		case *pickle.Object:
			if !isScalarObject(key) {
				return nil, false
			}
		}
		if err := d.Set(items[i], items[i+1]); err != nil || len(d.Keys) != i/2+1 {
			return nil, false
		}
	}
	return d, true
}

// isScalarObject reports whether an object stands for a number or a text. It looks at a
// bounded part of the object, and not into objects within it.
func isScalarObject(o *pickle.Object) bool {
	if len(o.Args) == 0 || len(o.Steps) > maxSteps || !isScalar(o.Args[len(o.Args)-1]) {
		return false // an enum or a subclass names its value last
	}
	for _, step := range o.Steps {
		if step.Kind != pickle.SetState {
			return false
		}
	}
	v, ok := Plain(o)
	return ok && isScalar(v)
}
