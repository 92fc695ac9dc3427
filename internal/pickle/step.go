package pickle

import (
	"fmt"
	"strconv"
)

// Instructions, named as in Python's pickletools.
const (
	opMark            = '('
	opStop            = '.'
	opPop             = '0'
	opPopMark         = '1'
	opDup             = '2'
	opFloat           = 'F'
	opInt             = 'I'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opLong            = 'L'
	opBinInt2         = 'M'
	opNone            = 'N'
	opPersID          = 'P'
	opBinPersID       = 'Q'
	opReduce          = 'R'
	opString          = 'S'
	opBinString       = 'T'
	opShortBinString  = 'U'
	opUnicode         = 'V'
	opBinUnicode      = 'X'
	opAppend          = 'a'
	opBuild           = 'b'
	opGlobal          = 'c'
	opDict            = 'd'
	opEmptyDict       = '}'
	opAppends         = 'e'
	opGet             = 'g'
	opBinGet          = 'h'
	opInst            = 'i'
	opLongBinGet      = 'j'
	opList            = 'l'
	opEmptyList       = ']'
	opObj             = 'o'
	opPut             = 'p'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opSetItem         = 's'
	opTuple           = 't'
	opEmptyTuple      = ')'
	opSetItems        = 'u'
	opBinFloat        = 'G'
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opProto           = 0x80
	opNewObj          = 0x81
	opExt1            = 0x82
	opExt2            = 0x83
	opExt4            = 0x84
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opEmptySet        = 0x8f
	opAddItems        = 0x90
	opFrozenSet       = 0x91
	opNewObjEx        = 0x92
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
	opByteArray8      = 0x96
	opNextBuffer      = 0x97
	opReadonlyBuffer  = 0x98
)

const maxProtocol = 5

// step executes one instruction.
func (m *machine) step(op byte) error {
	switch op {
	case opMark:
		if len(m.marks) >= MaxValues {
			return fmt.Errorf("%w: more than %d marks", ErrTooLarge, MaxValues)
		}
		m.marks = append(m.marks, len(m.stack))
		return nil
	case opNone:
		return m.push(nil)
	case opNewTrue, opNewFalse:
		return m.push(op == opNewTrue)
	case opEmptyDict:
		return m.push(&Dict{})
	case opEmptyList:
		return m.push(&List{})
	case opEmptySet:
		return m.push(&Set{})
	case opEmptyTuple:
		return m.push(Tuple{})
	case opBinFloat:
		return m.pushFloat()
	case opProto, opFrame, opPop, opPopMark, opDup:
		return m.control(op)
	case opInt, opLong, opFloat, opBinInt, opBinInt1, opBinInt2, opLong1, opLong4:
		return m.scalar(op)
	case opString, opBinString, opShortBinString,
		opUnicode, opBinUnicode, opShortBinUnicode, opBinUnicode8,
		opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		return m.text(op)
	case opPut, opBinPut, opLongBinPut, opMemoize, opGet, opBinGet, opLongBinGet:
		return m.memory(op)
	case opAppend, opAppends, opSetItem, opSetItems, opAddItems:
		return m.fill(op)
	case opList, opDict, opTuple, opTuple1, opTuple2, opTuple3, opFrozenSet:
		return m.compound(op)
	case opGlobal, opStackGlobal, opReduce, opNewObj, opNewObjEx, opInst, opObj, opBuild:
		return m.object(op)
	case opExt1, opExt2, opExt4, opPersID, opBinPersID, opNextBuffer, opReadonlyBuffer:
		return fmt.Errorf("%w (instruction 0x%02x at byte %d)", ErrObject, op, m.op)
	}
	return m.malformed(fmt.Sprintf("unknown instruction 0x%02x", op))
}

func (m *machine) control(op byte) error {
	switch op {
	case opProto:
		version, err := m.number(1)
		if err == nil && version > maxProtocol {
			err = m.malformed("a protocol later than 5")
		}
		m.protocol = byte(version)
		return err
	case opFrame:
		n, err := m.number(8)
		if err == nil && n > uint64(len(m.data)-m.at) {
			err = m.malformed("a frame longer than the pickle")
		}
		return err
	case opPopMark:
		_, err := m.popMark()
		return err
	case opDup:
		v, err := m.top()
		if err != nil {
			return err
		}
		return m.push(v)
	}
	// Python removes the mark if nothing is above it.
	if n := len(m.marks); n > 0 && len(m.stack) == m.marks[n-1] {
		m.marks = m.marks[:n-1]
		return nil
	}
	_, err := m.pop()
	return err
}

func (m *machine) memory(op byte) error {
	switch op {
	case opMemoize:
		return m.put(uint32(len(m.memo)))
	case opPut, opGet:
		line, err := m.line()
		if err != nil {
			return err
		}
		index, err := strconv.ParseUint(string(line), 10, 32)
		if err != nil {
			return m.malformed("a memo index that is no number")
		}
		if op == opPut {
			return m.put(uint32(index))
		}
		return m.get(uint32(index))
	}
	width := 1
	if op == opLongBinPut || op == opLongBinGet {
		width = 4
	}
	index, err := m.number(width)
	if err != nil {
		return err
	}
	if op == opBinPut || op == opLongBinPut {
		return m.put(uint32(index))
	}
	return m.get(uint32(index))
}

// fill adds the values on the stack to the container below them.
func (m *machine) fill(op byte) error {
	var items []Value
	var err error
	switch op {
	case opAppend:
		items, err = m.popN(1)
	case opSetItem:
		items, err = m.popN(2)
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	container, err := m.top()
	if err != nil {
		return err
	}
	switch c := container.(type) {
	case *List:
		if op == opAppend || op == opAppends {
			c.Items = append(c.Items, items...)
			return nil
		}
	case *Dict:
		if op == opSetItem || op == opSetItems {
			return m.setItems(c, items)
		}
	case *Set:
		if op == opAddItems && !c.Frozen {
			return m.addItems(c, items)
		}
	case *Object:
		return m.change(c, op, items)
	}
	return m.malformed("items for what takes none")
}

// change records a change to an object.
func (m *machine) change(o *Object, op byte, items []Value) error {
	switch op {
	case opAppend, opAppends:
		o.do(AppendItems, items)
	case opAddItems:
		o.do(AddItems, items)
	default:
		if len(items)%2 != 0 {
			return m.malformed("a key without a value")
		}
		o.do(SetItems, items)
	}
	return nil
}

func (m *machine) setItems(d *Dict, items []Value) error {
	if len(items)%2 != 0 {
		return m.malformed("a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		if err := d.set(items[i], items[i+1], &m.work); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) addItems(s *Set, items []Value) error {
	for _, item := range items {
		if err := s.add(item, &m.work); err != nil {
			return err
		}
	}
	return nil
}

// compound makes a container of the values on the stack.
func (m *machine) compound(op byte) error {
	var items []Value
	var err error
	if op >= opTuple1 && op <= opTuple3 {
		items, err = m.popN(int(op-opTuple1) + 1)
	} else {
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	switch op {
	case opList:
		return m.push(&List{Items: append([]Value(nil), items...)})
	case opDict:
		d := &Dict{}
		err = m.setItems(d, items)
		return m.pushIf(d, err)
	case opFrozenSet:
		s := &Set{Frozen: true}
		err = m.addItems(s, items)
		return m.pushIf(s, err)
	}
	return m.push(append(Tuple{}, items...))
}

func (m *machine) pushIf(v Value, err error) error {
	if err != nil {
		return err
	}
	return m.push(v)
}
