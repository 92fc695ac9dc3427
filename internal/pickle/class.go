package pickle

import (
	"strings"
	"time"
)

// construct returns the plain value that a call makes. It is not ok if the call makes
// none that this package knows.
func (m *machine) construct(class Global, args Tuple) (v Value, ok bool, err error) {
	switch class {
	case Global{"_codecs", "encode"}:
		return m.latin1(args)
	case Global{"builtins", "bytes"}:
		return Bytes{}, len(args) == 0, nil
	case Global{"builtins", "bytearray"}:
		return m.byteArray(args)
	case Global{"builtins", "set"}, Global{"builtins", "frozenset"}:
		return m.setOf(class.Name == "frozenset", args)
	case Global{"datetime", "date"}, Global{"datetime", "datetime"}, Global{"datetime", "time"}:
		v, ok := Calendar(class.Name, args)
		return v, ok, nil
	case Global{"datetime", "timedelta"}:
		v, ok := delta(args)
		return v, ok, nil
	case Global{"datetime", "timezone"}:
		v, ok := zone(args)
		return v, ok, nil
	case Global{"decimal", "Decimal"}:
		if len(args) == 1 {
			text, ok := args[0].(string)
			return Decimal(text), ok && isDecimal(text), nil
		}
	}
	return nil, false, nil
}

// isDecimal reports whether s has only characters that the text of a Decimal may have.
func isDecimal(s string) bool {
	return s != "" && len(s) <= MaxDigits+20 && strings.Trim(s, "0123456789+-.EeINafinsty") == ""
}

// latin1 returns bytes from a str of the same code points, as protocols before 3 hold
// them.
func (m *machine) latin1(args Tuple) (Value, bool, error) {
	if len(args) != 2 {
		return nil, false, nil
	}
	text, ok := args[0].(string)
	if encoding, _ := args[1].(string); !ok || encoding != "latin1" && encoding != "latin-1" {
		return nil, false, nil
	}
	if err := m.work.burn(len(text)); err != nil { // one memorised text may be encoded very often
		return nil, false, err
	}
	out := make(Bytes, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil, false, nil
		}
		out = append(out, byte(r))
	}
	return out, true, nil
}

// smallBytes is the length up to which Python keeps one object for equal bytes.
const smallBytes = 16

func (m *machine) byteArray(args Tuple) (Value, bool, error) {
	switch len(args) {
	case 0:
		return make(ByteArray, 0, smallBytes), true, nil // not shared
	case 1:
		b, ok := args[0].(Bytes)
		if len(b) <= smallBytes {
			// a value that two arrays are made of stays one
			b = append(make(Bytes, 0, smallBytes), b...)
		}
		return ByteArray(b), ok, nil
	}
	b, ok, err := m.latin1(args)
	if !ok {
		return nil, false, err
	}
	return ByteArray(b.(Bytes)), true, nil
}

func (m *machine) setOf(frozen bool, args Tuple) (Value, bool, error) {
	s := &Set{Frozen: frozen}
	if len(args) == 0 {
		return s, true, nil
	}
	l, ok := args[0].(*List)
	if !ok || len(args) != 1 {
		return nil, false, nil
	}
	return s, true, m.addItems(s, l.Items)
}

// Calendar returns the date, time or datetime that a class of that name makes of the
// state that it is pickled as and its zone: a [Zone] or none.
func Calendar(name string, args Tuple) (Value, bool) {
	if len(args) == 0 || len(args) > 2 || name == "date" && len(args) > 1 {
		return nil, false
	}
	state, ok := args[0].(Bytes)
	var zone *Zone
	if len(args) == 2 {
		z, ok := args[1].(Zone)
		if !ok {
			return nil, false
		}
		zone = &z
	}
	switch {
	case !ok:
	case name == "date" && len(state) == 4 && validDate(state):
		return Date(state), true
	case name == "time" && len(state) == 6 && validTime(state, 0x7f):
		return Time{[6]byte(state), zone}, true
	case name == "datetime" && len(state) == 10 && state[3] != 0 && validTime(state[4:], 0xff) &&
		validDate([]byte{state[0], state[1], state[2] & 0x7f, state[3]}):
		return DateTime{[10]byte(state), zone}, true
	}
	return nil, false
}

func validDate(b []byte) bool {
	year, month, day := int(b[0])<<8|int(b[1]), time.Month(b[2]), int(b[3])
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	return year >= 1 && year <= 9999 && t.Month() == month && t.Day() == day
}

func validTime(b []byte, hours byte) bool {
	return b[0]&hours < 24 && b[1] < 60 && b[2] < 60 && micro(b[3:]) < 1e6
}

func delta(args Tuple) (Value, bool) {
	if len(args) != 3 {
		return nil, false
	}
	days, ok1 := args[0].(int64)
	seconds, ok2 := args[1].(int64)
	micros, ok3 := args[2].(int64)
	inRange := days >= -999_999_999 && days <= 999_999_999 &&
		seconds >= 0 && seconds < 86_400 && micros >= 0 && micros < 1e6
	return Delta{days, seconds, micros}, ok1 && ok2 && ok3 && inRange
}

func zone(args Tuple) (Value, bool) {
	if len(args) != 1 && len(args) != 2 {
		return nil, false
	}
	z := Zone{}
	var ok bool
	if z.Offset, ok = args[0].(Delta); !ok || !z.Offset.isOffset() {
		return nil, false
	}
	if len(args) == 2 {
		z.Name, z.Named = args[1].(string)
		ok = z.Named
	}
	return z, ok
}

// isOffset reports whether a zone may be that far ahead of UTC: less than a day.
func (d Delta) isOffset() bool {
	return d.Days >= -1 && d.Days <= 0 && d.Duration() > -24*time.Hour
}
