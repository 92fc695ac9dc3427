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
	// how deep values to be written may be nested: Python's own limit is near 1,000
	MaxDepth  = 4096
	MaxDigits = 4300    // of an int: Python's own limit for turning one into text
	MaxValues = 1 << 20 // in one pickle, and in a walk over its values
)

// The errors that callers can act on. Errors wrap one of them and never quote a value.
var (
	// ErrMalformed: the bytes are not a pickle, end too early, or do what no pickle of
	// plain data does.
	ErrMalformed = errors.New("pickle: malformed or truncated")
	// ErrObject: the pickle holds an object that this package cannot read.
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
	// of the pickle that holds this dict and nothing else, in bytes, to bound work by it
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

// Zone is a timezone: a fixed offset of less than a day, and perhaps a name.
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

// Set sets the value of a key. As in Python, a key that is there already keeps its place.
// Set fails if key is unhashable.
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

// Clock returns the time that a datetime's clock shows, as if it were in UTC, and how far
// ahead of UTC it is.
func (t DateTime) Clock() (clock time.Time, ahead time.Duration) {
	s := t.State
	year, month := int(s[0])<<8|int(s[1]), time.Month(s[2]&0x7f)
	clock = time.Date(year, month, int(s[3]), int(s[4]), int(s[5]), int(s[6]),
		micro(s[7:])*1000, time.UTC)
	if t.Zone != nil {
		ahead = t.Zone.Offset.Duration()
	}
	return clock, ahead
}

// UTC returns a time as an aware datetime in UTC. It fails outside of the years 1 to 9999
// and on fractions of a microsecond: Python has no such datetimes.
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
			byte(t.Year() >> 8), byte(t.Year()), byte(t.Month()), byte(t.Day()),
			byte(t.Hour()), byte(t.Minute()), byte(t.Second()),
			byte(us >> 16), byte(us >> 8), byte(us),
		},
		Zone: &Zone{},
	}, nil
}

// Duration returns the offset of a zone as a duration. Other deltas may be too long for one.
func (d Delta) Duration() time.Duration {
	return time.Duration(d.Days)*24*time.Hour + time.Duration(d.Seconds)*time.Second +
		time.Duration(d.Microseconds)*time.Microsecond
}

// Micro returns the microseconds of a time's state.
func (t Time) Micro() int { return micro(t.State[3:]) }

func micro(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// Budget bounds the number of values in a walk over them, since a few bytes of a pickle
// can stand for very many.
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

// fuelFor returns the work that a pickle of that length may cost beyond reading it once.
func fuelFor(length int) fuel { return fuel(64*length + 256<<10) }

func (f *fuel) burn(n int) error {
	if *f -= fuel(n); *f < 0 {
		return fmt.Errorf("%w: far more work than its length allows", ErrTooLarge)
	}
	return nil
}

// toBig returns an int as a big.Int, which must not be changed.
func toBig(v Value) (*big.Int, bool) {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	}
	return nil, false
}
