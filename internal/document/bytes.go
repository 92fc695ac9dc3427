package document

import (
	"strings"
	"unsafe"
)

// What follows spares copies of large values. It relies on this: the bytes of a string
// and of a record are never changed.

// textOf returns bytes of a record as a string without copying them. Neither a store
// that was given them or returned them may change them, see package store, nor
// sessions, which share them.
func textOf(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// bytesOf returns the bytes of a string, which must not be changed, without copying them.
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
