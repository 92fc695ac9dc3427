package cachelibstore

import (
	"math"
	"testing"
)

// A file's beginning is split without a panic, whatever it is, and what is written is
// split as it was meant.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\x00\x00\x00", "\x00\x00\x00\x00\x80\x04}.", "\x00\x00\x00\x00{\"a\":1}", "\x00\x00\x00\x0017", "K\x00.\x80\x05K\x07.",
		"J\xff\xff\xff\x7f.\x80\x05}.", "L4000000000L\n.\x80\x05}.", "\x80\x05\x95\x06\x00\x00\x00\x00\x00\x00\x00J\xff\xff\xff\x7f.\x80\x05}.",
		"\x80\x05\x8a\x05\x00(k\xee\x00.\x80\x05}.", "\x80\x05\x8a\xff.", "\x80\x04\x95", "L\n",
	} {
		f.Add([]byte(seed), uint32(len(seed)))
	}
	f.Fuzz(func(t *testing.T, b []byte, expires uint32) {
		_, when, at, err := split(b)
		if err == nil && (at > len(b) || when < 0) {
			t.Errorf("%q: the value begins at %d, it expires at %d", b, at, when)
		}
		for _, want := range []form{formPickle, formJSON, formOld} {
			value := "\x80\x04}."
			if want == formJSON {
				value = "{}"
			}
			// An expiry in the first hours of 1970 can look like another form.
			when := max(expires, 1<<16)
			head := want.appendHead(nil, when)
			got, expires, at, err := split(append(head, value...))
			if err != nil || got != want || expires != int64(when) || at != len(head) || len(head)+len(value) > maxHead || expires > math.MaxUint32 {
				t.Errorf("form %d that expires at %d is split as form %d, %d: %v", want, when, got, expires, err)
			}
		}
	})
}
