package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Decode reads the one pickle that data holds; nothing may follow it. The value may point
// into data.
func Decode(data []byte) (Value, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	m := machine{data: data, memo: map[uint32]Value{}, work: fuelFor(len(data))}
	v, err := m.run()
	if err != nil {
		return nil, err
	}
	if d, ok := v.(*Dict); ok {
		d.Length = len(data)
	}
	return v, nil
}

// machine executes a pickle. Each instruction takes at least one byte and makes at most
// one value, so the length of the pickle bounds the work. What a memorised value costs
// beyond that, each time that it is named, is taken off work.
type machine struct {
	data     []byte
	at       int
	op       int // offset of the instruction
	protocol byte
	stack    []Value
	marks    []int // heights of the stack
	memo     map[uint32]Value
	alias    map[*Object]Value // the plain values that objects in the memo became
	made     Budget            // values
	work     fuel              // for keys, items of sets, and copies
}

func (m *machine) malformed(why string) error {
	return fmt.Errorf("%w: %s (at byte %d)", ErrMalformed, why, m.op)
}

func (m *machine) run() (Value, error) {
	for {
		m.op = m.at
		if m.at >= len(m.data) {
			return nil, m.malformed("no end")
		}
		op := m.data[m.at]
		m.at++
		if op == opStop {
			return m.result()
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
	}
}

func (m *machine) result() (Value, error) {
	v, err := m.pop()
	switch {
	case err != nil:
		return nil, err
	case len(m.stack) != 0:
		return nil, m.malformed("more than one value")
	case m.at != len(m.data):
		return nil, m.malformed("bytes after the end")
	}
	return v, nil
}

func (m *machine) push(v Value) error {
	m.stack = append(m.stack, v)
	return m.made.Spend()
}

// floor returns the height of the stack that the innermost mark protects.
func (m *machine) floor() int {
	if n := len(m.marks); n > 0 {
		return m.marks[n-1]
	}
	return 0
}

func (m *machine) pop() (Value, error) {
	v, err := m.top()
	if err == nil {
		m.stack = m.stack[:len(m.stack)-1]
	}
	return v, err
}

func (m *machine) top() (Value, error) {
	if len(m.stack) <= m.floor() {
		return nil, m.malformed("the stack is empty")
	}
	return m.stack[len(m.stack)-1], nil
}

// popMark pops the values above the innermost mark. They are valid until the next push.
func (m *machine) popMark() ([]Value, error) {
	if len(m.marks) == 0 {
		return nil, m.malformed("no mark")
	}
	items := m.stack[m.floor():]
	m.stack = m.stack[:m.floor()]
	m.marks = m.marks[:len(m.marks)-1]
	return items, nil
}

// popN pops the topmost n values. They are valid until the next push.
func (m *machine) popN(n int) ([]Value, error) {
	if len(m.stack)-m.floor() < n {
		return nil, m.malformed("the stack is empty")
	}
	items := m.stack[len(m.stack)-n:]
	m.stack = m.stack[:len(m.stack)-n]
	return items, nil
}

// take returns the next n bytes, if there are so many.
func (m *machine) take(n uint64) ([]byte, error) {
	if n > uint64(len(m.data)-m.at) {
		return nil, m.malformed("ends early")
	}
	b := m.data[m.at : m.at+int(n) : m.at+int(n)]
	m.at += int(n)
	return b, nil
}

// number returns a little-endian number of 1 to 8 bytes.
func (m *machine) number(width int) (uint64, error) {
	b, err := m.take(uint64(width))
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// sized returns the bytes whose number, of the given width, stands before them.
func (m *machine) sized(width int) ([]byte, error) {
	n, err := m.number(width)
	if err != nil {
		return nil, err
	}
	return m.take(n)
}

// line returns the bytes up to the next line feed.
func (m *machine) line() ([]byte, error) {
	if i := bytes.IndexByte(m.data[m.at:], '\n'); i >= 0 {
		b := m.data[m.at : m.at+i]
		m.at += i + 1
		return b, nil
	}
	return nil, m.malformed("ends early")
}

func (m *machine) pushFloat() error {
	b, err := m.take(8)
	if err != nil {
		return err
	}
	return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
}

func (m *machine) put(index uint32) error {
	v, err := m.top()
	if err != nil {
		return err
	}
	if len(m.memo) >= MaxValues {
		return fmt.Errorf("%w: more than %d values are memorised", ErrTooLarge, MaxValues)
	}
	m.memo[index] = v
	return nil
}

func (m *machine) get(index uint32) error {
	v, ok := m.memo[index]
	if !ok {
		return m.malformed("nothing was memorised there")
	}
	if o, isObject := v.(*Object); isObject {
		if plain, ok := m.alias[o]; ok {
			v = plain
		}
	}
	return m.push(v)
}
