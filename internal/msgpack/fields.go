package msgpack

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// structInfo is how a struct is encoded as a map.
type structInfo struct {
	fields []field        // in order of declaration
	byName map[string]int // into fields
	// plain: no field is ever left out or in an embedded struct.
	plain bool
}

// field is one entry of the map that a struct becomes.
type field struct {
	name      string
	encoded   []byte // name as a str
	index     []int  // as in reflect.StructField, through embedded structs
	typ       reflect.Type
	tagged    bool
	omitEmpty bool
	omitZero  bool
	// isZero is set when omitZero and the type has an IsZero method.
	isZero func(reflect.Value) bool
}

// collectFields finds the fields of the struct type t. Of several with one name, the
// rules of encoding/json choose: the least nested wins, then the tagged one; if more than
// one is left, none does.
func collectFields(t reflect.Type) (*structInfo, error) {
	var all []field
	exported := false
	type level struct {
		typ   reflect.Type
		index []int
	}
	next := []level{{typ: t}}
	visited := map[reflect.Type]bool{}
	for len(next) > 0 {
		current := next
		next = nil
		// A type embedded twice at one depth cancels itself out: its fields are collected
		// twice, which is enough. A lesser depth hides it.
		count := map[reflect.Type]int{}
		for _, l := range current {
			if count[l.typ]++; visited[l.typ] || count[l.typ] > 2 {
				continue
			}
			if l.typ.NumField() == 0 {
				exported = true // nothing is lost
			}
			for i := range l.typ.NumField() {
				sf := l.typ.Field(i)
				name, opts, skip := parseTag(sf)
				base := sf.Type
				if base.Kind() == reflect.Pointer {
					base = base.Elem()
				}
				flatten := sf.Anonymous && name == "" &&
					base.Kind() == reflect.Struct && infoOf(base).form == formKind
				if !sf.IsExported() && !flatten {
					continue
				}
				if skip {
					exported = exported || sf.IsExported()
					continue
				}
				index := append(slices.Clone(l.index), i)
				if flatten {
					if !sf.IsExported() && sf.Type.Kind() == reflect.Pointer {
						return nil, errUnsupported(t,
							"embeds a pointer to an unexported struct, which cannot be set")
					}
					next = append(next, level{base, index})
					continue
				}
				exported = true
				f := field{name: name, index: index, typ: sf.Type, tagged: name != ""}
				if name == "" {
					f.name = sf.Name
				}
				if !fits(len(f.name)) {
					return nil, errUnsupported(t, "has a field with too long a name")
				}
				f.encoded = AppendString(nil, f.name)
				f.omitEmpty = hasOption(opts, "omitempty")
				if f.omitZero = hasOption(opts, "omitzero"); f.omitZero {
					f.isZero = zeroMethod(sf.Type)
				}
				all = append(all, f)
			}
		}
		for _, l := range current {
			visited[l.typ] = true
		}
	}
	if !exported {
		return nil, errUnsupported(t,
			"has no exported field and no pair of marshal and unmarshal methods")
	}
	return resolve(all), nil
}

// resolve applies the conflict rules and puts fields in order.
func resolve(all []field) *structInfo {
	byName := map[string][]field{}
	for _, f := range all {
		byName[f.name] = append(byName[f.name], f)
	}
	info := &structInfo{byName: make(map[string]int, len(byName)), plain: true}
	for _, fs := range byName {
		rank := func(f field) int {
			if f.tagged {
				return 2 * len(f.index)
			}
			return 2*len(f.index) + 1
		}
		slices.SortFunc(fs, func(a, b field) int { return cmp.Compare(rank(a), rank(b)) })
		if len(fs) == 1 || rank(fs[0]) < rank(fs[1]) {
			info.fields = append(info.fields, fs[0])
		}
	}
	slices.SortFunc(info.fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	for i, f := range info.fields {
		info.byName[f.name] = i
		info.plain = info.plain && !f.omitEmpty && !f.omitZero && len(f.index) == 1
	}
	return info
}

// parseTag returns the name and the options of a field's msgpack tag or, if it has none,
// of its json tag.
func parseTag(sf reflect.StructField) (name, opts string, skip bool) {
	tag, ok := sf.Tag.Lookup("msgpack")
	if !ok {
		tag = sf.Tag.Get("json")
	}
	if tag == "-" {
		return "", "", true
	}
	name, opts, _ = strings.Cut(tag, ",")
	return name, opts, false
}

func hasOption(opts, want string) bool {
	for opt := range strings.SplitSeq(opts, ",") {
		if opt == want {
			return true
		}
	}
	return false
}

// omit reports whether a field with value v is left out.
func (f *field) omit(v reflect.Value) bool {
	if f.omitEmpty && isEmpty(v) {
		return true
	}
	if !f.omitZero {
		return false
	}
	if f.isZero != nil {
		return f.isZero(v)
	}
	return v.IsZero()
}

// isEmpty is what encoding/json calls empty.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// zeroer is what omitzero asks before it looks at the value itself.
type zeroer interface{ IsZero() bool }

// zeroMethod returns a function that calls the IsZero method of t or *t, or nil if there
// is none.
func zeroMethod(t reflect.Type) func(reflect.Value) bool {
	zt := reflect.TypeFor[zeroer]()
	switch {
	case t.Kind() == reflect.Interface:
		return nil // only any is encoded, and it promises no methods
	case t.Implements(zt):
		return func(v reflect.Value) bool {
			// A nil pointer is zero, whatever its method would do.
			return v.Kind() == reflect.Pointer && v.IsNil() || v.Interface().(zeroer).IsZero()
		}
	case reflect.PointerTo(t).Implements(zt):
		return func(v reflect.Value) bool {
			return addressable(v).Addr().Interface().(zeroer).IsZero()
		}
	}
	return nil
}

// addressable returns v, or a copy of it that has an address.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	p := reflect.New(v.Type()).Elem()
	p.Set(v)
	return p
}

// get returns the field of the struct v. It is not ok if the field is in an embedded
// struct whose pointer is nil.
func (f *field) get(v reflect.Value) (_ reflect.Value, ok bool) {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}, false
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, true
}
