package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// Shared values are recognised by identity, as in Python. These stand for the identities
// of values that are no pointers.
type (
	tupleID *Value
	textID  struct {
		at *byte
		n  int
	}
	bytesID struct {
		at    *byte
		n     int
		array bool
	}
	nameID string // names with the same text are one
)

func idOfText(s string) textID { return textID{unsafe.StringData(s), len(s)} }

func idOfBytes(b []byte, array bool) bytesID { return bytesID{unsafe.SliceData(b), len(b), array} }

const (
	shortText = 16      // strs and bytes up to it are written anew each time
	maxAgain  = 1 << 16 // items of values within themselves that may be written again
	batch     = 1000    // items per instruction, as in Python
)

// get writes a reference to a value if it was memorised, and reports whether it was.
func (w *writer) get(id any) bool {
	at, ok := w.memo[id]
	switch {
	case !ok:
		return false
	case at <= math.MaxUint8:
		w.op(opBinGet, byte(at))
	default:
		w.out = binary.LittleEndian.AppendUint32(append(w.out, opLongBinGet), at)
	}
	return true
}

// memorise makes the value that was written last available to get.
func (w *writer) memorise(id any) {
	w.memo[id] = uint32(len(w.memo))
	w.op(opMemoize)
}

func (w *writer) compound(v Value, depth int) error {
	switch v := v.(type) {
	case Tuple:
		return w.tuple(v, depth)
	case *List:
		if w.get(v) {
			return nil
		}
		w.op(opEmptyList)
		w.memorise(v)
		return w.batches(v.Items, 1, opAppends, depth)
	case *Set:
		if w.get(v) {
			return nil
		}
		if v.Frozen {
			return w.frozen(v, depth)
		}
		w.op(opEmptySet)
		w.memorise(v)
		return w.batches(v.Items, 1, opAddItems, depth)
	case *Dict:
		return w.dict(v, depth)
	case *Object:
		return w.object(v, depth)
	case Global:
		w.class(v.Module, v.Name)
		return nil
	}
	return w.known(v)
}

func (w *writer) values(items []Value, depth int) error {
	for _, item := range items {
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// batches writes items for the value that was written last, in lots of a multiple of
// unit.
func (w *writer) batches(items []Value, unit int, end byte, depth int) error {
	for len(items) > 0 {
		n := min(len(items), batch*unit)
		w.op(opMark)
		if err := w.values(items[:n], depth); err != nil {
			return err
		}
		w.op(end)
		items = items[n:]
	}
	return nil
}

// within writes the parts of a value that can be memorised only after them. It reports
// whether they memorised it, as they do if the value is within itself.
func (w *writer) within(id any, size int, write func() error) (done bool, err error) {
	if _, ok := w.open[id]; ok {
		if w.again += size; w.again > maxAgain {
			return false, fmt.Errorf("%w: a value that is within itself too often", ErrTooLarge)
		}
	} else {
		if w.open == nil {
			w.open = map[any]struct{}{}
		}
		w.open[id] = struct{}{}
		defer delete(w.open, id)
	}
	if err := write(); err != nil {
		return false, err
	}
	_, done = w.memo[id]
	return done, nil
}

func (w *writer) tuple(t Tuple, depth int) error {
	if len(t) == 0 {
		w.op(opEmptyTuple)
		return nil
	}
	id := tupleID(&t[0])
	if w.get(id) {
		return nil
	}
	few := len(t) <= 3
	if !few {
		w.op(opMark)
	}
	done, err := w.within(id, len(t), func() error { return w.values(t, depth) })
	switch {
	case err != nil:
		return err
	case done && few:
		for range t {
			w.op(opPop)
		}
		w.get(id)
		return nil
	case done:
		w.op(opPopMark)
		w.get(id)
		return nil
	case few:
		w.op(opTuple1 + byte(len(t)) - 1)
	default:
		w.op(opTuple)
	}
	w.memorise(id)
	return nil
}

func (w *writer) frozen(s *Set, depth int) error {
	w.op(opMark)
	done, err := w.within(s, len(s.Items), func() error { return w.values(s.Items, depth) })
	switch {
	case err != nil:
		return err
	case done:
		w.op(opPopMark)
		w.get(s)
		return nil
	}
	w.op(opFrozenSet)
	w.memorise(s)
	return nil
}

func (w *writer) dict(d *Dict, depth int) error {
	if w.get(d) {
		return nil
	}
	w.op(opEmptyDict)
	w.memorise(d)
	for at := 0; at < len(d.Keys); at += batch {
		w.op(opMark)
		for i := at; i < min(len(d.Keys), at+batch); i++ {
			if err := w.value(d.Keys[i], depth+1); err != nil {
				return err
			}
			if err := w.value(d.Values[i], depth+1); err != nil {
				return err
			}
		}
		w.op(opSetItems)
	}
	return nil
}

// object writes how an object is made and what is then done to it.
func (w *writer) object(o *Object, depth int) error {
	if w.get(o) {
		return nil
	}
	if o.Made == ByInst {
		w.op(opMark)
	}
	done, err := w.within(o, 1+len(o.Args), func() error { return w.operands(o, depth) })
	if err != nil {
		return err
	}
	if done {
		switch o.Made {
		case ByInst:
			w.op(opPopMark)
		case ByNewEx:
			w.op(opPop, opPop, opPop)
		default:
			w.op(opPop, opPop)
		}
		w.get(o)
		return nil
	}
	w.op([]byte{opReduce, opNewObj, opNewObjEx, opObj}[o.Made])
	w.memorise(o)
	for _, step := range o.Steps {
		if err := w.step(step, depth); err != nil {
			return err
		}
	}
	return nil
}

// operands writes what an object is made of.
func (w *writer) operands(o *Object, depth int) error {
	if err := w.value(o.Func, depth+1); err != nil {
		return err
	}
	if o.Made == ByInst {
		return w.values(o.Args, depth)
	}
	if err := w.value(o.Args, depth+1); err != nil {
		return err
	}
	if o.Made == ByNewEx {
		return w.value(o.Kwargs, depth+1)
	}
	return nil
}

func (w *writer) step(s Step, depth int) error {
	switch s.Kind {
	case AppendItems:
		return w.batches(s.Items, 1, opAppends, depth)
	case AddItems:
		return w.batches(s.Items, 1, opAddItems, depth)
	case SetItems:
		return w.batches(s.Items, 2, opSetItems, depth)
	}
	err := w.values(s.Items, depth)
	w.op(opBuild)
	return err
}
