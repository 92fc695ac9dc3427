package msgpack

import (
	"bytes"
	"fmt"
	"math"
)

// Rough costs of decoding into an interface, in bytes on a 64-bit machine.
const (
	costSlice     = 24
	costElement   = 16 // an interface
	costStringAny = 16 + costElement
	costAnyAny    = costElement + costElement
)

// any decodes the first value of b into the type that its kind stands for.
func (d *decoder) any(b []byte) (x any, rest []byte, err error) {
	switch k := kindOf(b); k {
	case kindArray:
		return d.anySlice(b)
	case kindMap:
		return d.anyMap(b)
	case kindBytes:
		s, rest, err := ReadBytes(b)
		if err != nil {
			return nil, nil, d.at(b, err)
		}
		return bytes.Clone(s), rest, nil
	case kindExt:
		typ, data, rest, err := ReadExt(b)
		if err == nil && typ == extTime {
			x, err = parseTime(data)
		} else {
			x = Ext{typ, bytes.Clone(data)}
		}
		if err != nil {
			return nil, nil, d.at(b, err)
		}
		return x, rest, nil
	}
	return d.anyScalar(b)
}

// anyScalar decodes a value that is no container and no slice in Go.
func (d *decoder) anyScalar(b []byte) (x any, rest []byte, err error) {
	switch kindOf(b) {
	case kindNil:
		return nil, b[1:], nil
	case kindBool:
		x, rest, err = ReadBool(b)
	case kindInt:
		var u uint64
		var neg bool
		u, neg, rest, err = readInteger(b)
		if !neg && u > math.MaxInt64 {
			x = u
		} else {
			x = int64(u)
		}
	case kindFloat:
		x, rest, err = ReadFloat64(b)
	case kindString:
		var s []byte
		s, rest, err = ReadString(b)
		x = string(s)
	default:
		err = ErrCorrupt // not reached: Next accepted the input
	}
	if err != nil {
		return nil, nil, d.at(b, err)
	}
	return x, rest, nil
}

func (d *decoder) anySlice(b []byte) (any, []byte, error) {
	n, rest, err := ReadArrayHeader(b)
	if err != nil {
		return nil, nil, d.at(b, err)
	}
	if err := d.chargeBytes(1, costSlice); err != nil {
		return nil, nil, err
	}
	if err := d.chargeBytes(n, costElement); err != nil {
		return nil, nil, err
	}
	s := make([]any, n)
	for i := range s {
		if s[i], rest, err = d.any(rest); err != nil {
			return nil, nil, err
		}
	}
	return s, rest, nil
}

// anyMap decodes into a map[string]any as long as all keys are strings.
func (d *decoder) anyMap(b []byte) (any, []byte, error) {
	n, rest, err := ReadMapHeader(b)
	if err != nil {
		return nil, nil, d.at(b, err)
	}
	if err := d.chargeMap(n, costStringAny); err != nil {
		return nil, nil, err
	}
	m := make(map[string]any, n)
	for i := range n {
		if kindOf(rest) != kindString {
			return d.anyKeyMap(rest, m, n-i)
		}
		key, after, err := ReadString(rest)
		if err != nil {
			return nil, nil, d.at(rest, err)
		}
		x, after, err := d.any(after)
		if err != nil {
			return nil, nil, err
		}
		m[string(key)] = x
		if len(m) != i+1 {
			return nil, nil, d.at(rest, ErrDuplicate)
		}
		rest = after
	}
	return m, rest, nil
}

// anyKeyMap continues begun with the n entries at the start of rest, the first of which
// has a key that is not a string.
func (d *decoder) anyKeyMap(rest []byte, begun map[string]any, n int) (any, []byte, error) {
	if err := d.chargeMap(n+len(begun), costAnyAny); err != nil {
		return nil, nil, err
	}
	m := make(map[any]any, n+len(begun))
	for k, x := range begun {
		m[k] = x
	}
	for range n {
		key, after, err := d.anyKey(rest)
		if err != nil {
			return nil, nil, err
		}
		x, after, err := d.any(after)
		if err != nil {
			return nil, nil, err
		}
		before := len(m)
		if m[key] = x; len(m) == before {
			return nil, nil, d.at(rest, ErrDuplicate)
		}
		rest = after
	}
	return m, rest, nil
}

// anyKey decodes a key of a map[any]any: hashable, and equal to itself.
func (d *decoder) anyKey(b []byte) (any, []byte, error) {
	switch k := kindOf(b); k {
	case kindArray, kindMap, kindBytes:
		return nil, nil, d.at(b, fmt.Errorf("%w: %v", ErrKey, k))
	case kindExt:
		t, rest, err := ReadTime(b)
		if err != nil {
			return nil, nil, d.at(b, fmt.Errorf("%w: %w", ErrKey, err))
		}
		return t, rest, nil
	}
	x, rest, err := d.anyScalar(b)
	if f, ok := x.(float64); ok && f != f {
		return nil, nil, d.at(b, fmt.Errorf("%w: NaN", ErrKey))
	}
	return x, rest, err
}
