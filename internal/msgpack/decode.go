package msgpack

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"reflect"
	"time"
)

// Unmarshal decodes the one value in b into what v points to. The result shares no memory
// with b. Slices, maps and pointers are made new, so that nothing that v held before is
// changed, except for structs that v embeds by pointer. On an error *v may be set in
// part.
//
// A byte of input can stand for a Go value of any size, so the memory for containers and
// pointers is bounded: 64 MiB, and 64 bytes for each byte of b. Beyond that the error is
// ErrTooLarge. Sensible types come nowhere near it.
func Unmarshal(b []byte, v any, lim Limits) error {
	n, err := Next(b, lim)
	if err != nil {
		return err
	}
	if n != len(b) {
		return fmt.Errorf("%w (after byte %d)", ErrTrailing, n)
	}
	if done, err := unmarshalScalar(b, v); done {
		return err
	}
	d := decoder{size: len(b), budget: 64<<20 + 64*uint64(len(b)), lim: lim}
	if p, ok := v.(*any); ok && p != nil {
		x, _, err := d.any(b)
		if err == nil {
			*p = x
		}
		return err
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return fmt.Errorf("%w %T: Unmarshal needs a pointer that is not nil", ErrUnsupported, v)
	}
	_, err = d.value(b, rv.Elem())
	return err
}

// unmarshalScalar decodes into common types without reflection. It is not done if v has
// another type or b does not fit it, which leaves the exact error to the general case.
func unmarshalScalar(b []byte, v any) (done bool, err error) {
	switch p := v.(type) {
	case *string:
		if s, _, err := ReadString(b); err == nil && p != nil {
			*p = string(s)
			return true, nil
		}
	case *[]byte:
		if s, _, err := ReadBytes(b); err == nil && p != nil {
			*p = bytes.Clone(s)
			return true, nil
		}
	case *bool:
		if x, _, err := ReadBool(b); err == nil && p != nil {
			*p = x
			return true, nil
		}
	case *int:
		if i, _, err := ReadInt(b); err == nil && p != nil && int64(int(i)) == i {
			*p = int(i)
			return true, nil
		}
	case *int64:
		if i, _, err := ReadInt(b); err == nil && p != nil {
			*p = i
			return true, nil
		}
	case *uint64:
		if u, _, err := ReadUint(b); err == nil && p != nil {
			*p = u
			return true, nil
		}
	case *float64:
		if f, _, err := ReadFloat64(b); err == nil && p != nil {
			*p = f
			return true, nil
		}
	case *time.Time:
		if t, _, err := ReadTime(b); err == nil && p != nil {
			*p = t
			return true, nil
		}
	}
	return false, nil
}

// decoder decodes bytes that Next has accepted, so nesting is bounded and all counted
// values are there.
type decoder struct {
	size   int    // of the whole input, for offsets
	budget uint64 // bytes that may still be allocated
	lim    Limits
}

// value decodes the first value of b into v, which is addressable.
func (d *decoder) value(b []byte, v reflect.Value) (rest []byte, err error) {
	k := kindOf(b)
	if k == kindNil {
		switch v.Kind() {
		case reflect.Interface:
			if v.NumMethod() != 0 {
				return nil, errUnsupported(v.Type(), "an interface with methods cannot be decoded")
			}
			fallthrough
		case reflect.Pointer, reflect.Slice, reflect.Map:
			v.SetZero()
			return b[1:], nil
		}
		return nil, d.mismatch(b, v.Type())
	}
	for hops := 0; v.Kind() == reflect.Pointer; hops++ {
		if hops > maxHops {
			return nil, errUnsupported(v.Type(), "points to itself")
		}
		if err := d.charge(1, v.Type().Elem()); err != nil {
			return nil, err
		}
		p := reflect.New(v.Type().Elem())
		v.Set(p)
		v = p.Elem()
	}
	t := v.Type()
	info := infoOf(t)
	switch info.form {
	case formTime:
		return d.time(b, v.Addr().Interface().(*time.Time))
	case formExt:
		typ, data, rest, err := ReadExt(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		if typ == extTime {
			// as for a target of type any, and as when encoding
			if _, err := parseTime(data); err != nil {
				return nil, d.at(b, err)
			}
		}
		*v.Addr().Interface().(*Ext) = Ext{typ, bytes.Clone(data)}
		return rest, nil
	case formBigInt:
		if k == kindInt {
			return d.bigInt(b, v.Addr().Interface().(*big.Int))
		}
		return d.text(b, v)
	case formURL, formBinary:
		return d.binary(b, v, info.form == formURL)
	case formText:
		if k == kindBytes && info.binary { // a type with both pairs
			return d.binary(b, v, false)
		}
		return d.text(b, v)
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.NumMethod() != 0 {
			return nil, errUnsupported(t, "an interface with methods cannot be decoded")
		}
		x, rest, err := d.any(b)
		if err != nil {
			return nil, err
		}
		v.Set(reflect.ValueOf(x)) // x is not nil: that was handled above
		return rest, nil
	case reflect.Slice:
		if isBytes(t) && k == kindBytes {
			s, rest, err := ReadBytes(b)
			if err != nil {
				return nil, d.at(b, err)
			}
			v.SetBytes(bytes.Clone(s))
			return rest, nil
		}
		if !isBytes(t) && k == kindArray {
			return d.slice(b, v)
		}
	case reflect.Array:
		if isBytes(t) && k == kindBytes || !isBytes(t) && k == kindArray {
			return d.array(b, v)
		}
	case reflect.Map:
		if k == kindMap && t == stringMapType {
			x, rest, err := d.anyMap(b)
			if err != nil {
				return nil, err
			}
			if _, ok := x.(map[string]any); !ok {
				err := fmt.Errorf("%w: a key that is not a str into Go %v", ErrType, t)
				return nil, d.at(b, err)
			}
			v.Set(reflect.ValueOf(x))
			return rest, nil
		}
		if k == kindMap {
			return d.mapping(b, v)
		}
	case reflect.Struct:
		s, err := info.fields()
		if err != nil {
			return nil, err
		}
		if k == kindMap {
			return d.structure(b, v, s)
		}
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128,
		reflect.UnsafePointer, reflect.Uintptr:
		return nil, errUnsupported(t, "its kind has no encoding")
	default:
		return d.scalar(b, v)
	}
	return nil, d.mismatch(b, t)
}

// scalar decodes into a bool, a number or a string.
func (d *decoder) scalar(b []byte, v reflect.Value) (rest []byte, err error) {
	k := kindOf(b)
	switch {
	case v.Kind() == reflect.Bool && k == kindBool:
		x, rest, err := ReadBool(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		v.SetBool(x)
		return rest, nil
	case v.Kind() == reflect.String && k == kindString:
		s, rest, err := ReadString(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		v.SetString(string(s))
		return rest, nil
	case v.Type() == durationType && k == kindString:
		return d.duration(b, v)
	case k == kindInt && (v.CanInt() || v.CanUint() || v.CanFloat()):
		u, neg, rest, err := readInteger(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		if !setInteger(v, u, neg) {
			return nil, d.overflow(b, v.Type())
		}
		return rest, nil
	case k == kindFloat && v.CanFloat():
		f, rest, err := ReadFloat64(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		if v.Kind() == reflect.Float32 && f == f && float64(float32(f)) != f {
			return nil, d.overflow(b, v.Type())
		}
		v.SetFloat(f)
		return rest, nil
	}
	return nil, d.mismatch(b, v.Type())
}

// setInteger stores an integer as readInteger returns it, and reports whether
// it fits exactly.
func setInteger(v reflect.Value, u uint64, neg bool) bool {
	switch {
	case v.CanInt():
		if !neg && u > math.MaxInt64 || v.OverflowInt(int64(u)) {
			return false
		}
		v.SetInt(int64(u))
	case v.CanUint():
		if neg || v.OverflowUint(u) {
			return false
		}
		v.SetUint(u)
	default:
		mantissa := 53
		if v.Kind() == reflect.Float32 {
			mantissa = 24
		}
		magnitude, sign := u, 1.0
		if neg {
			magnitude, sign = -u, -1
		}
		if u != 0 && bits.Len64(magnitude)-bits.TrailingZeros64(magnitude) > mantissa {
			return false
		}
		v.SetFloat(sign * float64(magnitude))
	}
	return true
}

// charge takes the memory of n values of type t off the budget.
func (d *decoder) charge(n int, t reflect.Type) error {
	return d.chargeBytes(n, uint64(t.Size()))
}

func (d *decoder) chargeBytes(n int, each uint64) error {
	hi, lo := bits.Mul64(uint64(n), each)
	if hi != 0 || lo > d.budget {
		return fmt.Errorf("%w (to decode)", ErrTooLarge)
	}
	d.budget -= lo
	return nil
}

// chargeMap takes the memory of a map off the budget: its header, one entry to decode
// into, and its slots, which come in groups of eight and are up to half empty. The
// runtime keeps values above 128 bytes outside of the slots; counting them inside errs on
// the safe side.
func (d *decoder) chargeMap(n int, entry uint64) error {
	const header = 48
	if err := d.chargeBytes(1, header); err != nil || n == 0 {
		return err
	}
	slots := 2 * n
	if entry <= 256 {
		slots = max(slots, 8)
	}
	return d.chargeBytes(slots+1, entry)
}

// at adds the offset of b to an error.
func (d *decoder) at(b []byte, err error) error {
	return fmt.Errorf("%w (at byte %d)", err, d.size-len(b))
}

func (d *decoder) mismatch(b []byte, t reflect.Type) error {
	return fmt.Errorf("%w: %v into Go %v (at byte %d)", ErrType, kindOf(b), t, d.size-len(b))
}

func (d *decoder) overflow(b []byte, t reflect.Type) error {
	return fmt.Errorf("%w: %v into Go %v (at byte %d)", ErrOverflow, kindOf(b), t, d.size-len(b))
}
