package pickle

import (
	"fmt"
	"strings"
	"time"
)

// class executes an instruction that is about what a pickle names.
func (m *machine) class(op byte) error {
	switch op {
	case opGlobal:
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		return m.pushGlobal(string(module), string(name))
	case opStackGlobal:
		names, err := m.popN(2)
		if err != nil {
			return err
		}
		module, ok := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok || !ok2 {
			return m.malformed("a name that is no str")
		}
		return m.pushGlobal(module, name)
	case opBuild:
		return m.build()
	}
	operands, err := m.popN(2)
	if err != nil {
		return err
	}
	class, ok := operands[0].(global)
	if !ok {
		return m.malformed("a call of what has no name")
	}
	var v Value
	if op == opNewObj {
		v, err = m.newObject(class, operands[1])
	} else {
		v, err = m.construct(class, operands[1])
	}
	return m.pushIf(v, err)
}

// objectError names the class of an object, if its name looks like one.
func objectError(g global) error {
	name := g.module + "." + g.name
	if len(name) > 100 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._") != "" {
		return ErrObject
	}
	return fmt.Errorf("%w: %s", ErrObject, name)
}

// plainClasses are the names that stand for plain data; those of Python 2 on the right.
var plainClasses = map[global]global{
	{"__builtin__", "bytes"}:       {"builtins", "bytes"},
	{"__builtin__", "bytearray"}:   {"builtins", "bytearray"},
	{"__builtin__", "frozenset"}:   {"builtins", "frozenset"},
	{"__builtin__", "object"}:      {"builtins", "object"},
	{"__builtin__", "set"}:         {"builtins", "set"},
	{"_codecs", "encode"}:          {"_codecs", "encode"},
	{"builtins", "bytes"}:          {"builtins", "bytes"},
	{"builtins", "bytearray"}:      {"builtins", "bytearray"},
	{"builtins", "frozenset"}:      {"builtins", "frozenset"},
	{"builtins", "object"}:         {"builtins", "object"},
	{"builtins", "set"}:            {"builtins", "set"},
	{"copy_reg", "_reconstructor"}: {"copyreg", "_reconstructor"},
	{"copyreg", "_reconstructor"}:  {"copyreg", "_reconstructor"},
	{"datetime", "date"}:           {"datetime", "date"},
	{"datetime", "datetime"}:       {"datetime", "datetime"},
	{"datetime", "time"}:           {"datetime", "time"},
	{"datetime", "timedelta"}:      {"datetime", "timedelta"},
	{"datetime", "timezone"}:       {"datetime", "timezone"},
	{"decimal", "Decimal"}:         {"decimal", "Decimal"},
	{"uuid", "UUID"}:               {"uuid", "UUID"},
}

func (m *machine) pushGlobal(module, name string) error {
	g, ok := plainClasses[global{module, name}]
	if !ok {
		return objectError(global{module, name})
	}
	return m.push(g)
}

// operands returns what a class is called with: a tuple, which may have classes in it.
func (m *machine) operands(v Value) ([]Value, error) {
	switch v := v.(type) {
	case Tuple:
		return v, nil
	case args:
		return v, nil
	}
	return nil, m.malformed("arguments that are no tuple")
}

func (m *machine) newObject(class global, arguments Value) (Value, error) {
	operands, err := m.operands(arguments)
	if err != nil {
		return nil, err
	}
	if class == (global{"uuid", "UUID"}) && len(operands) == 0 {
		return &pending{}, nil
	}
	return nil, objectError(class)
}

// build tells a UUID its number. Nothing else here has a state.
func (m *machine) build() error {
	state, err := m.pop()
	if err != nil {
		return err
	}
	object, err := m.top()
	if err != nil {
		return err
	}
	p, ok := object.(*pending)
	d, ok2 := state.(*Dict)
	if !ok || !ok2 {
		return fmt.Errorf("%w (one with a state)", ErrObject)
	}
	number, _ := d.Get("int")
	n, ok := toBig(number)
	if !ok || n.Sign() < 0 || n.BitLen() > 128 {
		return m.malformed("a UUID without a number of 128 bits")
	}
	p.uuid = new(UUID)
	n.FillBytes(p.uuid[:])
	return nil
}

// construct returns the value that a call of a class stands for.
func (m *machine) construct(class global, arguments Value) (Value, error) {
	operands, err := m.operands(arguments)
	if err != nil {
		return nil, err
	}
	switch class.name {
	case "_reconstructor":
		if len(operands) == 3 && operands[0] == Value(global{"uuid", "UUID"}) && operands[1] == Value(global{"builtins", "object"}) && operands[2] == nil {
			return &pending{}, nil
		}
		return nil, fmt.Errorf("%w (one without arguments)", ErrObject)
	case "encode":
		return m.latin1(operands)
	case "bytes":
		if len(operands) == 0 {
			return Bytes{}, nil
		}
	case "bytearray":
		return m.byteArray(operands)
	case "set", "frozenset":
		return m.setOf(class.name == "frozenset", operands)
	case "date", "datetime", "time":
		return m.calendar(class.name, operands)
	case "timedelta":
		return m.delta(operands)
	case "timezone":
		return m.zone(operands)
	case "Decimal":
		if len(operands) == 1 {
			if text, ok := operands[0].(string); ok && isDecimal(text) {
				return Decimal(text), nil
			}
		}
	}
	return nil, m.malformed("unknown arguments for " + class.name)
}

// isDecimal checks the characters of what the text of a Decimal can be.
func isDecimal(s string) bool {
	return s != "" && len(s) <= MaxDigits+20 && strings.Trim(s, "0123456789+-.EeINafinsty") == ""
}

// latin1 returns bytes from a str of the same code points, which is how protocols before 3 hold them.
func (m *machine) latin1(operands []Value) (Value, error) {
	if len(operands) == 2 {
		text, ok := operands[0].(string)
		if encoding, _ := operands[1].(string); ok && (encoding == "latin1" || encoding == "latin-1") {
			out := make(Bytes, 0, len(text))
			for _, r := range text {
				if r > 0xff {
					return nil, m.malformed("bytes beyond 255")
				}
				out = append(out, byte(r))
			}
			return out, nil
		}
	}
	return nil, m.malformed("unknown arguments for encode")
}

func (m *machine) byteArray(operands []Value) (Value, error) {
	switch len(operands) {
	case 0:
		return ByteArray{}, nil
	case 1:
		if b, ok := operands[0].(Bytes); ok {
			return ByteArray(b), nil
		}
	case 2:
		b, err := m.latin1(operands)
		if err != nil {
			return nil, err
		}
		return ByteArray(b.(Bytes)), nil
	}
	return nil, m.malformed("unknown arguments for bytearray")
}

func (m *machine) setOf(frozen bool, operands []Value) (Value, error) {
	s := &Set{Frozen: frozen}
	switch len(operands) {
	case 0:
		return s, nil
	case 1:
		if l, ok := operands[0].(*List); ok {
			return s, m.addItems(s, l.Items)
		}
	}
	return nil, m.malformed("unknown arguments for set")
}

// calendar returns a date, time or datetime from the state that it pickles as, and its zone.
func (m *machine) calendar(name string, operands []Value) (Value, error) {
	if len(operands) == 0 || len(operands) > 2 || name == "date" && len(operands) > 1 {
		return nil, m.malformed("unknown arguments for " + name)
	}
	state, ok := operands[0].(Bytes)
	var zone *Zone
	if len(operands) == 2 {
		z, ok := operands[1].(Zone)
		if !ok {
			return nil, m.malformed("a time zone that is none")
		}
		zone = &z
	}
	switch {
	case !ok:
	case name == "date" && len(state) == 4 && validDate(state):
		return Date(state), nil
	case name == "time" && len(state) == 6 && validTime(state, 0x7f):
		return Time{[6]byte(state), zone}, nil
	case name == "datetime" && len(state) == 10 && state[3] != 0 && validDate([]byte{state[0], state[1], state[2] & 0x7f, state[3]}) && validTime(state[4:], 0xff):
		return DateTime{[10]byte(state), zone}, nil
	}
	return nil, m.malformed("no " + name)
}

func validDate(b []byte) bool {
	year, month, day := int(b[0])<<8|int(b[1]), time.Month(b[2]), int(b[3])
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	return year >= 1 && year <= 9999 && t.Month() == month && t.Day() == day
}

func validTime(b []byte, hours byte) bool {
	return b[0]&hours < 24 && b[1] < 60 && b[2] < 60 && micro(b[3:]) < 1e6
}

func (m *machine) delta(operands []Value) (Value, error) {
	if len(operands) == 3 {
		days, ok1 := operands[0].(int64)
		seconds, ok2 := operands[1].(int64)
		micros, ok3 := operands[2].(int64)
		if ok1 && ok2 && ok3 && days >= -999_999_999 && days <= 999_999_999 && seconds >= 0 && seconds < 86_400 && micros >= 0 && micros < 1e6 {
			return Delta{days, seconds, micros}, nil
		}
	}
	return nil, m.malformed("unknown arguments for timedelta")
}

func (m *machine) zone(operands []Value) (Value, error) {
	if len(operands) == 1 || len(operands) == 2 {
		z := Zone{}
		var ok bool
		if z.Offset, ok = operands[0].(Delta); ok && z.Offset.Days >= -1 && z.Offset.Days <= 0 && z.Offset.Duration() > -24*time.Hour {
			if len(operands) == 1 {
				return z, nil
			}
			if z.Name, z.Named = operands[1].(string); z.Named {
				return z, nil
			}
		}
	}
	return nil, m.malformed("unknown arguments for timezone")
}
