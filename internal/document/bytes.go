package document

import (
	"strings"
	"unsafe"
)

// What follows spares copies of large values, on the ground that nobody changes the
// bytes of a string or of a record.

// textOf returns bytes of a record as a string without copying them. Nobody changes
// those, see [Store]: neither a store that was given them, nor one that returned them,
// nor the core, which shares them between sessions.
func textOf(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// bytesOf returns the bytes of a string, which nobody may change, without copying them.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// room returns an empty slice of this capacity, at least 1, that was not cleared first
// as make does.
func room(capacity int) []byte {
	var b strings.Builder
	b.Grow(capacity)
	b.WriteByte(0) // so that there is a string, which has an address
	return unsafe.Slice(unsafe.StringData(b.String()), capacity)[:0]
}
