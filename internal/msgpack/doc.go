// Package msgpack is the part of MessagePack that a session record needs: finding where
// values end without decoding them ([Next]), headers and scalars by hand, and an exact
// reflective codec for everything else ([Append], [Unmarshal]).
//
// The input need not be trusted, and values do not change on the way:
//
//   - Nothing recurses over input that [Next] has not bounded, and no length is allocated
//     before its bytes are there.
//   - What does not fit exactly is an error: an overflow, a lost fraction, a missing
//     array element, a duplicate key, a type that would be encoded as nothing.
//   - One Go value has one encoding: integers in their shortest form, struct fields in
//     order of declaration, maps with their keys sorted.
//
// # Types
//
// A str is decoded into strings only, a bin into byte slices and byte arrays only.
// Strings may hold any bytes. An integer is decoded into a float only if exact, a float
// into an integer never. nil is decoded into pointers, slices, maps and interfaces only,
// and these are encoded as nil if they are nil. Arrays need the exact number of elements.
// time.Time is the timestamp extension, in UTC when read. Other extensions are [Ext].
//
// A struct is a map. Its keys are the names in the msgpack tags, else in the json tags,
// else of the fields; omitempty, omitzero, "-" and embedding mean what they mean to
// encoding/json. Names match exactly. Unknown fields are skipped, and fields that are not
// in the input keep their value. A struct with fields of which none is exported is an
// error; struct{} is not.
//
// A type with both MarshalText and UnmarshalText is a str, else one with both
// MarshalBinary and UnmarshalBinary is a bin, with value or pointer receivers. Half a
// pair is ignored, so that nothing is written that cannot be read. A type with both pairs
// is decoded from a bin too. As map keys such types are a str, by their text methods. So
// a UUID, a decimal number or an address is stored as Python's msgspec stores its own.
// url.URL is a str. big.Int is an int of up to 64 bits, else a str of its digits.
//
// What Python writes as text is decoded: time.Time from RFC 3339, and from a date, or a
// date and time without a zone, in UTC; time.Duration, which is encoded as an int of
// nanoseconds, from weeks, days, hours, minutes and seconds of ISO 8601.
//
// A struct that embeds such a type has its methods too, and so is encoded as that alone,
// as in encoding/json: give the embedded value a field name.
//
// Decoding into an empty interface gives nil, bool, int64 (uint64 above math.MaxInt64),
// float64, string, []byte, []any, map[string]any (map[any]any if a key is not a str),
// time.Time or Ext. Interfaces with methods, channels, functions, complex numbers and
// pointers that are not Go pointers are errors.
package msgpack
