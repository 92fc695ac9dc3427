package msgpack

import (
	"fmt"
	"reflect"
)

// start returns for how many of n elements to make room before any is decoded: in
// proportion to the bytes left, so that input of the wrong type fails before it costs
// much.
func start(n int, size uintptr, left int) int {
	room := (uint64(left)*4 + 4096) / max(uint64(size), 1)
	return int(min(uint64(n), max(room, 1)))
}

func (d *decoder) slice(b []byte, v reflect.Value) (rest []byte, err error) {
	n, rest, err := ReadArrayHeader(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	t := v.Type()
	if err := d.charge(n, t.Elem()); err != nil {
		return nil, err
	}
	if n == 0 {
		v.Set(reflect.MakeSlice(t, 0, 0))
		return rest, nil
	}
	v.SetZero()
	v.Grow(start(n, t.Elem().Size(), len(rest)))
	for i := range n {
		if i == v.Cap() {
			v.Grow(min(n-i, max(i, 1)))
		}
		v.SetLen(i + 1)
		if rest, err = d.value(rest, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// array decodes a bin or an array into an array of exactly that length.
func (d *decoder) array(b []byte, v reflect.Value) (rest []byte, err error) {
	if isBytes(v.Type()) {
		s, rest, err := ReadBytes(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		if len(s) != v.Len() {
			return nil, d.overflow(b, v.Type())
		}
		copy(v.Bytes(), s)
		return rest, nil
	}
	n, rest, err := ReadArrayHeader(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	if n != v.Len() {
		return nil, d.overflow(b, v.Type())
	}
	for i := range n {
		if rest, err = d.value(rest, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (d *decoder) mapping(b []byte, v reflect.Value) (rest []byte, err error) {
	n, rest, err := ReadMapHeader(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	t := v.Type()
	size := t.Key().Size() + t.Elem().Size()
	if err := d.chargeMap(n, uint64(size)); err != nil {
		return nil, err
	}
	m := reflect.MakeMapWithSize(t, start(n, 2*size, len(rest)))
	if n == 0 {
		v.Set(m)
		return rest, nil
	}
	key := reflect.New(t.Key()).Elem()
	elem := reflect.New(t.Elem()).Elem()
	for i := range n {
		key.SetZero()
		elem.SetZero()
		after, err := d.key(rest, key)
		if err != nil {
			return nil, err
		}
		if after, err = d.value(after, elem); err != nil {
			return nil, err
		}
		m.SetMapIndex(key, elem)
		if m.Len() != i+1 {
			return nil, d.at(rest, ErrDuplicate)
		}
		rest = after
	}
	v.Set(m)
	return rest, nil
}

// key decodes a map key into v.
func (d *decoder) key(b []byte, v reflect.Value) (rest []byte, err error) {
	t := v.Type()
	if v.Kind() == reflect.Interface {
		if v.NumMethod() != 0 {
			return nil, errUnsupported(t, "an interface with methods cannot be decoded")
		}
		x, rest, err := d.anyKey(b)
		if err == nil && x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return rest, err
	}
	switch info := infoOf(t); {
	case info.text:
		rest, err = d.text(b, v)
	case isKey(t, info):
		rest, err = d.value(b, v)
	default:
		return nil, errUnsupported(t, "cannot be a map key")
	}
	if err != nil {
		return nil, err
	}
	// A text method may have put an unhashable value into an interface.
	if !v.Comparable() || v.CanFloat() && v.Float() != v.Float() {
		return nil, d.at(b, fmt.Errorf("%w, in Go %v", ErrKey, t))
	}
	return rest, nil
}

func (d *decoder) structure(b []byte, v reflect.Value, s *structInfo) (rest []byte, err error) {
	n, rest, err := ReadMapHeader(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	var few [2]uint64
	seen := few[:] // a bit for each field
	if len(s.fields) > 64*len(few) {
		seen = make([]uint64, (len(s.fields)+63)/64)
	}
	var unknown map[string]struct{}
	for range n {
		name, after, err := ReadString(rest)
		if err != nil {
			return nil, d.at(rest, err)
		}
		i, known := s.byName[string(name)]
		if !known {
			if _, dup := unknown[string(name)]; dup {
				return nil, d.at(rest, ErrDuplicate)
			}
			if unknown == nil {
				if err := d.chargeMap(1, costStringAny); err != nil {
					return nil, err
				}
				unknown = make(map[string]struct{})
			}
			if err := d.chargeBytes(2, costStringAny); err != nil {
				return nil, err
			}
			unknown[string(name)] = struct{}{}
			skip, err := Next(after, d.lim)
			if err != nil {
				return nil, d.at(after, err)
			}
			rest = after[skip:]
			continue
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return nil, d.at(rest, ErrDuplicate)
		}
		seen[i/64] |= 1 << (i % 64)
		f := &s.fields[i]
		fv, err := d.fieldOf(f, v)
		if err != nil {
			return nil, err
		}
		if rest, err = d.value(after, fv); err != nil {
			return nil, inField(v.Type(), f, err)
		}
	}
	return rest, nil
}

// fieldOf returns the field of the struct v, and allocates embedded structs on the way.
func (d *decoder) fieldOf(f *field, v reflect.Value) (reflect.Value, error) {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if err := d.charge(1, v.Type().Elem()); err != nil {
					return reflect.Value{}, err
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, nil
}
