package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Append appends v as a pickle of protocol 4, which Python reads from version 3.4 on. It fails on a
// value that is nested too deeply, such as one within itself, and on types that the package
// documentation does not list.
func Append(dst []byte, v Value) ([]byte, error) {
	w := writer{out: append(dst, opProto, 4), begin: len(dst)}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	return append(w.out, opStop), nil
}

type writer struct {
	out    []byte
	begin  int
	budget Budget
}

func (w *writer) value(v Value, depth int) error {
	if err := w.budget.Spend(depth); err != nil {
		return err
	}
	if len(w.out)-w.begin > MaxBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBytes)
	}
	switch v := v.(type) {
	case nil:
		w.op(opNone)
	case bool:
		if v {
			w.op(opNewTrue)
		} else {
			w.op(opNewFalse)
		}
	case int64:
		w.int(v)
	case *big.Int:
		return w.big(v)
	case float64:
		w.out = binary.BigEndian.AppendUint64(append(w.out, opBinFloat), math.Float64bits(v))
	case string:
		return w.str(v)
	case Bytes:
		w.sized(v, opShortBinBytes, opBinBytes, opBinBytes8)
	case ByteArray:
		w.class("builtins", "bytearray")
		w.sized(v, opShortBinBytes, opBinBytes, opBinBytes8)
		w.op(opTuple1, opReduce)
	default:
		return w.compound(v, depth)
	}
	return nil
}

func (w *writer) compound(v Value, depth int) error {
	switch v := v.(type) {
	case Tuple:
		if len(v) == 0 {
			w.op(opEmptyTuple)
			return nil
		}
		w.op(opMark)
		return w.values(v, depth, opTuple)
	case *List:
		w.op(opEmptyList)
		if len(v.Items) == 0 {
			return nil
		}
		w.op(opMark)
		return w.values(v.Items, depth, opAppends)
	case *Set:
		if v.Frozen {
			w.op(opMark)
			return w.values(v.Items, depth, opFrozenSet)
		}
		w.op(opEmptySet)
		if len(v.Items) == 0 {
			return nil
		}
		w.op(opMark)
		return w.values(v.Items, depth, opAddItems)
	case *Dict:
		return w.dict(v, depth)
	}
	return w.object(v)
}

func (w *writer) values(items []Value, depth int, end byte) error {
	for _, item := range items {
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	w.op(end)
	return nil
}

func (w *writer) dict(d *Dict, depth int) error {
	w.op(opEmptyDict)
	if len(d.Keys) == 0 {
		return nil
	}
	w.op(opMark)
	for i := range d.Keys {
		if err := w.value(d.Keys[i], depth+1); err != nil {
			return err
		}
		if err := w.value(d.Values[i], depth+1); err != nil {
			return err
		}
	}
	w.op(opSetItems)
	return nil
}

// object writes a value that is pickled as the call of a class.
func (w *writer) object(v Value) error {
	switch v := v.(type) {
	case DateTime:
		w.calendar("datetime", v.State[:], v.Zone)
	case Date:
		w.calendar("date", v[:], nil)
	case Time:
		w.calendar("time", v.State[:], v.Zone)
	case Delta:
		w.delta(v)
	case Zone:
		w.zone(v)
	case Decimal:
		w.class("decimal", "Decimal")
		if err := w.str(string(v)); err != nil {
			return err
		}
		w.op(opTuple1, opReduce)
	case UUID:
		w.class("uuid", "UUID")
		w.op(opEmptyTuple, opNewObj, opEmptyDict)
		w.text("int")
		if err := w.big(new(big.Int).SetBytes(v[:])); err != nil {
			return err
		}
		w.op(opSetItem, opBuild)
	default:
		return fmt.Errorf("pickle: cannot write a %T", v)
	}
	return nil
}

func (w *writer) op(ops ...byte) { w.out = append(w.out, ops...) }

func (w *writer) int(n int64) {
	switch {
	case n >= 0 && n <= math.MaxUint8:
		w.op(opBinInt1, byte(n))
	case n >= 0 && n <= math.MaxUint16:
		w.out = binary.LittleEndian.AppendUint16(append(w.out, opBinInt2), uint16(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		w.out = binary.LittleEndian.AppendUint32(append(w.out, opBinInt), uint32(n))
	default:
		w.out = binary.LittleEndian.AppendUint64(append(w.out, opLong1, 8), uint64(n))
	}
}

func (w *writer) big(n *big.Int) error {
	if n.IsInt64() {
		w.int(n.Int64())
		return nil
	}
	if n.CmpAbs(tooManyDigits) >= 0 {
		return fmt.Errorf("%w: an int of more than %d digits", ErrTooLarge, MaxDigits)
	}
	width := n.BitLen()/8 + 1 // with room for the sign
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*width)))
	}
	b := n.FillBytes(make([]byte, width))
	slices.Reverse(b)
	if width <= math.MaxUint8 {
		w.op(opLong1, byte(width))
	} else {
		w.out = binary.LittleEndian.AppendUint32(append(w.out, opLong4), uint32(width))
	}
	w.op(b...)
	return nil
}

func (w *writer) str(s string) error {
	if !ValidText(s) {
		return fmt.Errorf("%w: a str is UTF-8", ErrMalformed)
	}
	w.text(s)
	return nil
}

func (w *writer) text(s string) {
	w.sized([]byte(s), opShortBinUnicode, opBinUnicode, opBinUnicode8)
}

func (w *writer) sized(b []byte, short, long, longest byte) {
	switch n := uint64(len(b)); {
	case n <= math.MaxUint8:
		w.op(short, byte(n))
	case n <= math.MaxUint32:
		w.out = binary.LittleEndian.AppendUint32(append(w.out, long), uint32(n))
	default:
		w.out = binary.LittleEndian.AppendUint64(append(w.out, longest), n)
	}
	w.op(b...)
}

func (w *writer) class(module, name string) {
	w.text(module)
	w.text(name)
	w.op(opStackGlobal)
}

func (w *writer) calendar(name string, state []byte, zone *Zone) {
	w.class("datetime", name)
	w.sized(state, opShortBinBytes, opBinBytes, opBinBytes8)
	if zone == nil {
		w.op(opTuple1, opReduce)
		return
	}
	w.zone(*zone)
	w.op(opTuple2, opReduce)
}

func (w *writer) delta(d Delta) {
	w.class("datetime", "timedelta")
	w.int(d.Days)
	w.int(d.Seconds)
	w.int(d.Microseconds)
	w.op(opTuple3, opReduce)
}

func (w *writer) zone(z Zone) {
	w.class("datetime", "timezone")
	w.delta(z.Offset)
	if !z.Named {
		w.op(opTuple1, opReduce)
		return
	}
	w.text(z.Name)
	w.op(opTuple2, opReduce)
}
