package pickle

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
)

var errKey = fmt.Errorf("%w: an unhashable key or item", ErrMalformed)

// keyCost is the work that a key costs besides its length.
const keyCost = 16

// keyOf returns a key for v in a Go map: the same for values that are equal in Python,
// such as 1, 1.0 and True. A Decimal equals Decimals of the same text, an object equals
// only itself, and NaN nothing. The cost is taken off work, since a few bytes can name a
// long key many times.
func keyOf(v Value, work *fuel) (any, error) {
	switch v := v.(type) {
	case string:
		return v, work.burn(keyCost + len(v))
	case int64:
		return v, work.burn(keyCost)
	case nil:
		return struct{}{}, work.burn(keyCost)
	case *Object:
		return v, work.burn(keyCost)
	case float64:
		if v != v {
			return new(byte), work.burn(keyCost) // unlike any other
		}
	}
	k := keyer{work: work}
	if err := k.value(v, 0); err != nil {
		return nil, err
	}
	if len(k.out) > 1 && k.out[0] == 'i' {
		if n, err := strconv.ParseInt(string(k.out[1:]), 16, 64); err == nil {
			return n, nil
		}
	}
	return keyText(k.out), nil
}

type keyText string // never equal to a str

// keyer makes a text that is the same for equal values. It pays for text before it makes
// it.
type keyer struct {
	out  []byte
	work *fuel
}

func (k *keyer) value(v Value, depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: more than %d levels", ErrTooLarge, MaxDepth)
	}
	if err := k.work.burn(keyCost + lengthOf(v)); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		k.out = append(k.out, 'n')
	case bool:
		k.out = append(k.out, "i0"...)
		if v {
			k.out[len(k.out)-1] = '1'
		}
	case int64:
		k.out = strconv.AppendInt(append(k.out, 'i'), v, 16)
	case *big.Int:
		k.out = v.Append(append(k.out, 'i'), 16)
	case float64:
		k.float(v)
	case string:
		k.text('s', v)
	case Bytes:
		k.text('b', string(v))
	case Decimal:
		k.text('d', string(v))
	case Global:
		k.text('g', v.Module)
		k.text('g', v.Name)
	case *Object:
		k.out = fmt.Appendf(k.out, "o%p", v)
	case Tuple:
		return k.tuple(v, depth)
	case *Set:
		if !v.Frozen {
			return errKey
		}
		return k.frozen(v, depth)
	default:
		return k.state(v)
	}
	return nil
}

// lengthOf estimates how many bytes a value adds to a key. It is right for long values.
func lengthOf(v Value) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case Bytes:
		return len(v)
	case Decimal:
		return len(v)
	case *big.Int:
		return v.BitLen() / 4
	case float64:
		return 256 // as an int
	case Global:
		return len(v.Module) + len(v.Name)
	}
	return 0
}

// state adds the contents of a date, time or UUID.
func (k *keyer) state(v Value) error {
	switch v := v.(type) {
	case UUID:
		k.text('u', string(v[:]))
	case Date:
		k.text('D', string(v[:]))
	case DateTime:
		k.text('T', string(v.State[:]))
		k.zone(v.Zone)
	case Time:
		k.text('t', string(v.State[:]))
		k.zone(v.Zone)
	case Delta:
		k.out = fmt.Appendf(k.out, "e%d,%d,%d", v.Days, v.Seconds, v.Microseconds)
	case Zone:
		k.zone(&v)
	default:
		return errKey
	}
	return nil
}

func (k *keyer) tuple(t Tuple, depth int) error {
	k.out = append(k.out, '(')
	for _, item := range t {
		if err := k.value(item, depth+1); err != nil {
			return err
		}
		k.out = append(k.out, ',')
	}
	k.out = append(k.out, ')')
	return nil
}

// frozen adds the items of a set in an order that does not depend on that of the set.
func (k *keyer) frozen(s *Set, depth int) error {
	keys := make([]string, 0, min(len(s.Items), 1<<10))
	for _, item := range s.Items {
		each := keyer{work: k.work}
		if err := each.value(item, depth+1); err != nil {
			return err
		}
		if err := k.work.burn(2 * len(each.out)); err != nil {
			return err
		}
		keys = append(keys, string(each.out))
	}
	slices.Sort(keys)
	k.out = append(k.out, '{')
	for _, key := range keys {
		k.out = append(append(k.out, key...), ',')
	}
	k.out = append(k.out, '}')
	return nil
}

func (k *keyer) text(kind byte, s string) {
	k.out = append(strconv.AppendInt(append(k.out, kind), int64(len(s)), 10), ':')
	k.out = append(k.out, s...)
}

func (k *keyer) zone(z *Zone) {
	if z == nil {
		k.out = append(k.out, 'z')
		return
	}
	k.out = fmt.Appendf(k.out, "Z%d", z.Offset.Duration())
}

func (k *keyer) float(f float64) {
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		n, _ := big.NewFloat(f).Int(nil)
		k.out = n.Append(append(k.out, 'i'), 16)
		return
	}
	k.out = strconv.AppendFloat(append(k.out, 'f'), f, 'g', -1, 64)
}
