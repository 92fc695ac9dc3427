package cloakroom

import "github.com/cloakroom-go/cloakroom/internal/document"

// Format is how documents are encoded. A record of either format is recognised when it is loaded, and
// keeps its format for as long as it lives, so the format can be changed at any time.
type Format = document.Format

const (
	// MessagePack is the default. Integers, times, bytes and strings that are not UTF-8
	// stay exact. Structs are maps from the name in the tag `msgpack`, or else `json`;
	// times are the timestamp extension; types that marshal themselves to text do so,
	// such as UUIDs, or else to binary; a url.URL is text, and a big.Int is a number of
	// at most 64 bits or text. A number that does not fit the type that it is decoded
	// into is an error. Text that Python writes is read into a time.Time, in UTC if it
	// has no zone, and into a time.Duration.
	MessagePack = document.MessagePack

	// JSON is for people who read their store by hand. Values are what [encoding/json]
	// makes of them: bytes become base64, and within structs, strings that are not
	// UTF-8 lose what is not. But a number in an any is a float64 if it is spelled with
	// a point or an exponent, as floats in an any are, and else an int64, a uint64
	// above that, or a *big.Int of at most 4,300 digits.
	JSON = document.JSON
)

// A DecodeError says that a stored value, or a whole record, could not be read as what was asked for.
// Its field Name is the name of the value, empty for a whole record, and Err says what is wrong. It
// holds no stored data.
type DecodeError = document.DecodeError
