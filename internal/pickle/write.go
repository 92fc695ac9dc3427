package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Append appends v as a pickle of protocol 4, which Python reads from version 3.4 on.
// Values that are shared, or within themselves, are so for Python too. It fails with
// [ErrTooLarge] on a value that is nested more than [MaxDepth] deep, and on types that
// the package documentation does not list.
func Append(dst []byte, v Value) ([]byte, error) {
	w := writer{out: append(dst, opProto, 4), begin: len(dst), memo: map[any]uint32{}}
	if err := w.value(v, 0); err != nil {
		return nil, err
	}
	if w.op(opStop); len(w.out)-len(dst) > MaxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBytes)
	}
	return w.out, nil
}

type writer struct {
	out    []byte
	begin  int
	budget Budget           // values, counted as when reading
	memo   map[any]uint32   // values written so far, by identity
	open   map[any]struct{} // values being written that are memorised only afterwards
	again  int              // items of values within themselves that were written again
}

func (w *writer) value(v Value, depth int) error {
	if err := w.spend(depth); err != nil {
		return err
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
		w.bytes(v)
	case ByteArray:
		w.byteArray(v)
	default:
		return w.compound(v, depth)
	}
	return nil
}

func (w *writer) spend(depth int) error {
	switch {
	case depth > MaxDepth:
		return fmt.Errorf("%w: more than %d levels", ErrTooLarge, MaxDepth)
	case len(w.out)-w.begin > MaxBytes:
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBytes)
	}
	return w.budget.Spend()
}

// known writes a value as the call of a class that this package knows.
func (w *writer) known(v Value) error {
	switch v := v.(type) {
	case DateTime:
		return w.calendar("datetime", v.State[:], v.Zone)
	case Date:
		return w.calendar("date", v[:], nil)
	case Time:
		return w.calendar("time", v.State[:], v.Zone)
	case Delta:
		w.delta(v)
	case Zone:
		return w.zone(v)
	case Decimal:
		w.class("decimal", "Decimal")
		if err := w.str(string(v)); err != nil {
			return err
		}
		w.op(opTuple1, opReduce)
	case UUID:
		w.budget += 5
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
	if w.get(n) {
		return nil
	}
	if n.CmpAbs(tooManyDigits) >= 0 {
		return fmt.Errorf("%w: an int of more than %d digits", ErrTooLarge, MaxDigits)
	}
	id := n
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
	w.memorise(id) // unlike Python: a few bytes may name a long int very often
	return nil
}

func (w *writer) str(s string) error {
	if len(s) > shortText {
		if w.get(idOfText(s)) {
			return nil
		}
	}
	if !ValidText(s) {
		return fmt.Errorf("%w: a str is UTF-8", ErrMalformed)
	}
	w.text(s)
	if len(s) > shortText {
		w.memorise(idOfText(s))
	}
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
	w.budget += 3
	g := Global{module, name}
	if w.get(g) {
		return
	}
	for _, s := range []string{module, name} {
		if w.get(nameID(s)) {
			continue
		}
		w.text(s)
		w.memorise(nameID(s))
	}
	w.op(opStackGlobal)
	w.memorise(g)
}

func (w *writer) bytes(b Bytes) {
	if len(b) > shortText && w.get(idOfBytes(b, false)) {
		return
	}
	w.sized(b, opShortBinBytes, opBinBytes, opBinBytes8)
	if len(b) > shortText {
		w.memorise(idOfBytes(b, false))
	}
}

func (w *writer) byteArray(b ByteArray) {
	id := idOfBytes(b, true)
	if cap(b) > 0 && w.get(id) {
		return
	}
	w.budget += 3
	w.class("builtins", "bytearray")
	w.bytes(Bytes(b))
	w.op(opTuple1, opReduce)
	if cap(b) > 0 {
		w.memorise(id)
	}
}

func (w *writer) calendar(name string, state []byte, zone *Zone) error {
	w.budget += 3
	w.class("datetime", name)
	w.sized(state, opShortBinBytes, opBinBytes, opBinBytes8)
	if zone == nil {
		w.op(opTuple1, opReduce)
		return nil
	}
	err := w.zone(*zone)
	w.op(opTuple2, opReduce)
	return err
}

func (w *writer) delta(d Delta) {
	w.budget += 5
	w.class("datetime", "timedelta")
	w.int(d.Days)
	w.int(d.Seconds)
	w.int(d.Microseconds)
	w.op(opTuple3, opReduce)
}

func (w *writer) zone(z Zone) error {
	w.budget += 3
	w.class("datetime", "timezone")
	w.delta(z.Offset)
	if !z.Named {
		w.op(opTuple1, opReduce)
		return nil
	}
	err := w.str(z.Name)
	w.op(opTuple2, opReduce)
	return err
}
