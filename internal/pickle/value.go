package pickle

import (
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Bounds on what is read and written.
const (
	MaxBytes = 64 << 20 // the longest pickle
	// how deep values may be nested when they are written: Python's own end is near
	// 1,000
	MaxDepth  = 4096
	MaxDigits = 4300    // of an int: Python's own limit for turning one into text
	MaxValues = 1 << 20 // in one pickle, and in what is made of one
)

// The errors that callers can act on. What is returned wraps one of them, and never
// quotes a value.
var (
	// ErrMalformed: the bytes are no pickle, end too early, or do what no pickle of plain data
	// does.
	ErrMalformed = errors.New("pickle: malformed or truncated")
	// ErrObject: what a pickle holds is an object that means nothing here.
	ErrObject = errors.New("pickle: holds an object, which is not read")
	// ErrTooLarge: one of the bounds was exceeded.
	ErrTooLarge = errors.New("pickle: too large or nested too deeply")
)

// Value is a value of Python; the package documentation lists the types.
type Value any

// Bytes is a bytes object. It is read-only.
type Bytes []byte

// ByteArray is a bytearray. It is read-only.
type ByteArray []byte

// Tuple is a tuple.
type Tuple []Value

// List is a list.
type List struct{ Items []Value }

// Set is a set, or a frozenset if it is frozen. It keeps the order in which items were added.
type Set struct {
	Items  []Value
	Frozen bool
	index  map[any]int
}

// Dict is a dict.
type Dict struct {
	Keys, Values []Value
	// of the pickle that this dict is all of, in bytes, for what bounds its work by
	// that
	Length int
	index  map[any]int
}

// DateTime is a datetime, in the state that Python pickles: ten bytes, with the fold in
// the high bit of the month.
type DateTime struct {
	State [10]byte
	Zone  *Zone // nil when naive
}

// Date is a date as Python pickles it: the year in two bytes, month, day.
type Date [4]byte

// Time is a time as Python pickles it: hour, with the fold in its high bit, minute,
// second, and three bytes of microseconds.
type Time struct {
	State [6]byte
	Zone  *Zone
}

// Delta is a timedelta, normalised: 0 <= Seconds < 86400 and 0 <= Microseconds < 1000000.
type Delta struct{ Days, Seconds, Microseconds int64 }

// Zone is a timezone: a fixed offset of less than a day, with a name perhaps.
type Zone struct {
	Offset Delta
	Name   string
	Named  bool
}

// Decimal is a Decimal, as its text.
type Decimal string

// UUID is a UUID.
type UUID [16]byte

// Get returns the value under a key of type str.
func (d *Dict) Get(key string) (Value, bool) {
	if i, ok := d.index[key]; ok {
		return d.Values[i], true
	}
	return nil, false
}

// Set sets the value of a key, which keeps its place if it is there already, as in
// Python. It fails on a key that cannot be one.
func (d *Dict) Set(key, value Value) error { return d.set(key, value, newFuel(MaxBytes)) }

func (d *Dict) set(key, value Value, b *fuel) error {
	h, err := keyOf(key, b)
	if err != nil {
		return err
	}
	if i, ok := d.index[h]; ok {
		d.Values[i] = value
		return nil
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	d.index[h] = len(d.Keys)
	d.Keys, d.Values = append(d.Keys, key), append(d.Values, value)
	return nil
}

// add adds an item unless it is there already.
func (s *Set) add(item Value, b *fuel) error {
	h, err := keyOf(item, b)
	if err != nil {
		return err
	}
	if _, ok := s.index[h]; ok {
		return nil
	}
	if s.index == nil {
		s.index = map[any]int{}
	}
	s.index[h] = len(s.Items)
	s.Items = append(s.Items, item)
	return nil
}

// Int returns an int of any size.
func Int(n *big.Int) Value {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

// Clock returns the time that a datetime shows on the clock, as if it were in UTC, and how far
// ahead of UTC it is.
func (t DateTime) Clock() (clock time.Time, ahead time.Duration) {
	s := t.State
	clock = time.Date(int(s[0])<<8|int(s[1]), time.Month(s[2]&0x7f), int(s[3]), int(s[4]), int(s[5]), int(s[6]), micro(s[7:])*1000, time.UTC)
	if t.Zone != nil {
		ahead = t.Zone.Offset.Duration()
	}
	return clock, ahead
}

// UTC returns the datetime of a time, aware and in UTC. It fails outside of the years 1
// to 9999, and on a time that is not whole microseconds: Python has no such datetimes.
func UTC(t time.Time) (DateTime, error) {
	t = t.UTC()
	switch {
	case t.Year() < 1 || t.Year() > 9999:
		return DateTime{}, fmt.Errorf("%w: Python's years are 1 to 9999", ErrTooLarge)
	case t.Nanosecond()%1000 != 0:
		return DateTime{}, fmt.Errorf("%w: Python's times are whole microseconds", ErrTooLarge)
	}
	us := t.Nanosecond() / 1000
	return DateTime{
		State: [10]byte{
			byte(t.Year() >> 8), byte(t.Year()), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()),
			byte(us >> 16), byte(us >> 8), byte(us),
		},
		Zone: &Zone{},
	}, nil
}

// Duration returns the offset of a zone as a duration. Other deltas may be too long for one.
func (d Delta) Duration() time.Duration {
	return time.Duration(d.Days)*24*time.Hour + time.Duration(d.Seconds)*time.Second + time.Duration(d.Microseconds)*time.Microsecond
}

// Micro returns the microseconds of a time's state.
func (t Time) Micro() int { return micro(t.State[3:]) }

func micro(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// Budget counts values while they are walked over, since few bytes of a pickle can
// stand for very many.
type Budget int

// Spend takes one value off.
func (b *Budget) Spend() error {
	if *b++; *b > MaxValues {
		return fmt.Errorf("%w: more than %d values", ErrTooLarge, MaxValues)
	}
	return nil
}

// fuel is how many bytes of work are left.
type fuel int

func newFuel(n int) *fuel {
	f := fuel(n)
	return &f
}

// fuelFor returns what reading a pickle of that length may cost beyond reading it once.
func fuelFor(length int) fuel { return fuel(64*length + 256<<10) }

func (f *fuel) burn(n int) error {
	if *f -= fuel(n); *f < 0 {
		return fmt.Errorf("%w: far more work than its length allows", ErrTooLarge)
	}
	return nil
}

// toBig returns an int as a big.Int, which is the caller's to read.
func toBig(v Value) (*big.Int, bool) {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	}
	return nil, false
}
