package pickle

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

var errKey = fmt.Errorf("%w: an unhashable key or item", ErrMalformed)

// keyOf returns what stands for v in a Go map: equal for values that are equal in Python, such as 1, 1.0
// and True. A Decimal is equal to Decimals of the same text alone, and NaN to nothing. What that costs is
// taken off the budget, since a few bytes can name a long key many times.
func keyOf(v Value, b *Budget) (any, error) {
	switch v := v.(type) {
	case string:
		return v, b.charge(len(v))
	case int64:
		return v, b.charge(0)
	case nil:
		return struct{}{}, b.charge(0)
	case float64:
		if v != v {
			return new(byte), b.charge(0) // unlike any other
		}
	}
	text, err := appendKey(nil, v, 0, b)
	switch {
	case err != nil:
		return nil, err
	case len(text) > 1 && text[0] == 'i':
		if n, err := strconv.ParseInt(string(text[1:]), 10, 64); err == nil {
			return n, nil
		}
	}
	return keyText(text), nil
}

type keyText string // a type of its own, so that none equals a str

// appendKey appends text that is the same for equal values.
func appendKey(out []byte, v Value, depth int, b *Budget) ([]byte, error) {
	if err := b.Spend(depth); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return append(out, 'n'), nil
	case bool:
		if v {
			return append(out, "i1"...), nil
		}
		return append(out, "i0"...), nil
	case int64:
		return strconv.AppendInt(append(out, 'i'), v, 10), nil
	case *big.Int:
		return v.Append(append(out, 'i'), 10), nil
	case float64:
		return appendFloatKey(out, v), nil
	case string:
		return appendTextKey(out, 's', v), b.charge(len(v))
	case Bytes:
		return appendTextKey(out, 'b', string(v)), b.charge(len(v))
	case Decimal:
		return appendTextKey(out, 'd', string(v)), nil
	case UUID:
		return appendTextKey(out, 'u', string(v[:])), nil
	case Date:
		return appendTextKey(out, 'D', string(v[:])), nil
	case DateTime:
		return appendZoneKey(appendTextKey(out, 'T', string(v.State[:])), v.Zone), nil
	case Time:
		return appendZoneKey(appendTextKey(out, 't', string(v.State[:])), v.Zone), nil
	case Delta:
		return fmt.Appendf(out, "e%d,%d,%d", v.Days, v.Seconds, v.Microseconds), nil
	case Zone:
		return appendZoneKey(out, &v), nil
	case Tuple:
		return appendItemKeys(append(out, '('), v, depth, b, false)
	case *Set:
		if v.Frozen {
			return appendItemKeys(append(out, '{'), v.Items, depth, b, true)
		}
	}
	return nil, errKey
}

func appendItemKeys(out []byte, items []Value, depth int, b *Budget, sorted bool) ([]byte, error) {
	keys := make([]string, 0, len(items))
	for _, item := range items {
		key, err := appendKey(nil, item, depth+1, b)
		if err != nil {
			return nil, err
		}
		keys = append(keys, string(key))
	}
	if sorted {
		slices.Sort(keys)
	}
	return append(append(out, strings.Join(keys, ",")...), ')'), nil
}

func appendTextKey(out []byte, kind byte, s string) []byte {
	return append(strconv.AppendInt(append(out, kind), int64(len(s)), 10), ":"+s...)
}

func appendZoneKey(out []byte, z *Zone) []byte {
	if z == nil {
		return append(out, 'z')
	}
	return fmt.Appendf(out, "Z%d", z.Offset.Duration())
}

func appendFloatKey(out []byte, f float64) []byte {
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		n, _ := big.NewFloat(f).Int(nil)
		return n.Append(append(out, 'i'), 10)
	}
	return strconv.AppendFloat(append(out, 'f'), f, 'g', -1, 64)
}
