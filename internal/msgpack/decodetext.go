package msgpack

import (
	"bytes"
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"
)

// text decodes a str by v's UnmarshalText.
func (d *decoder) text(b []byte, v reflect.Value) (rest []byte, err error) {
	if kindOf(b) != kindString {
		return nil, d.mismatch(b, v.Type())
	}
	s, rest, err := ReadString(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	u := v.Addr().Interface().(encoding.TextUnmarshaler)
	if err := u.UnmarshalText(bytes.Clone(s)); err != nil {
		return nil, &marshalerError{v.Type(), "UnmarshalText", err}
	}
	return rest, nil
}

// binary decodes a bin, and a str if text is set, by v's UnmarshalBinary.
func (d *decoder) binary(b []byte, v reflect.Value, text bool) (rest []byte, err error) {
	var data []byte
	switch k := kindOf(b); {
	case k == kindBytes:
		data, rest, err = ReadBytes(b)
	case k == kindString && text:
		data, rest, err = ReadString(b)
	default:
		return nil, d.mismatch(b, v.Type())
	}
	if err != nil {
		return nil, d.at(b, err)
	}
	u := v.Addr().Interface().(encoding.BinaryUnmarshaler)
	if err := u.UnmarshalBinary(bytes.Clone(data)); err != nil {
		return nil, &marshalerError{v.Type(), "UnmarshalBinary", err}
	}
	return rest, nil
}

// bigInt decodes an int.
func (d *decoder) bigInt(b []byte, into *big.Int) (rest []byte, err error) {
	u, neg, rest, err := readInteger(b)
	switch {
	case err != nil:
		return nil, d.at(b, err)
	case neg:
		into.SetInt64(int64(u))
	default:
		into.SetUint64(u)
	}
	return rest, nil
}

// layouts are the texts of times: RFC 3339, and Python's for a date and for a datetime
// without a zone, which are taken for UTC.
var layouts = []string{
	time.RFC3339Nano,
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly,
}

// time decodes a timestamp, or the text of one.
func (d *decoder) time(b []byte, into *time.Time) (rest []byte, err error) {
	if kindOf(b) != kindString {
		when, rest, err := ReadTime(b)
		if err != nil {
			return nil, d.at(b, err)
		}
		*into = when
		return rest, nil
	}
	s, rest, err := ReadString(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	for _, layout := range layouts {
		if len(s) > 2*len(layout) {
			continue
		}
		if when, err := time.Parse(layout, string(s)); err == nil {
			*into = when.UTC()
			return rest, nil
		}
	}
	return nil, d.at(b, fmt.Errorf("%w: a str that is no time, into Go %v", ErrType, timeType))
}

// duration decodes the text of a duration.
func (d *decoder) duration(b []byte, v reflect.Value) (rest []byte, err error) {
	s, rest, err := ReadString(b)
	if err != nil {
		return nil, d.at(b, err)
	}
	n, ok := parseDuration(string(s))
	if !ok {
		err := fmt.Errorf("%w: a str that is no duration of 292 years at most, into Go %v",
			ErrType, durationType)
		return nil, d.at(b, err)
	}
	v.SetInt(int64(n))
	return rest, nil
}

// parseDuration reads a duration of ISO 8601, such as Python's P3DT4.000005S. It refuses
// years and months, whose length varies.
func parseDuration(s string) (time.Duration, bool) {
	rest, negative := strings.CutPrefix(s, "-")
	rest, ok := strings.CutPrefix(rest, "P")
	if !ok || len(s) > 64 {
		return 0, false
	}
	date, clock, timed := strings.Cut(rest, "T")
	if rest == "" || timed && clock == "" {
		return 0, false
	}
	var sum time.Duration
	if !addUnits(&sum, date, "WD", 7*24*time.Hour, 24*time.Hour) ||
		!addUnits(&sum, clock, "HMS", time.Hour, time.Minute, time.Second) {
		return 0, false
	}
	if negative {
		sum = -sum
	}
	return sum, true
}

// addUnits adds numbers, each followed by a unit, in the order of names.
func addUnits(sum *time.Duration, s, names string, units ...time.Duration) bool {
	for s != "" {
		end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if end <= 0 {
			return false
		}
		whole, fraction := s[:end], ""
		if s[end] == '.' {
			after := s[end+1:]
			digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
			if digits == 0 || digits > 9 || after[digits:] != "S" {
				return false
			}
			fraction, end = after[:digits], end+1+digits
		}
		at := strings.IndexByte(names, s[end])
		if at < 0 {
			return false
		}
		nanos := new(big.Int)
		nanos.SetString(whole+fraction, 10)
		nanos.Mul(nanos, big.NewInt(int64(units[at])/int64(math.Pow10(len(fraction)))))
		nanos.Add(nanos, big.NewInt(int64(*sum)))
		if !nanos.IsInt64() {
			return false
		}
		*sum = time.Duration(nanos.Int64())
		names, units, s = names[at+1:], units[at+1:], s[end+1:]
	}
	return true
}
