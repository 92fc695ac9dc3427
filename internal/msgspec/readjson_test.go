package msgspec_test

import (
	"testing"
)

func FuzzReadJSON(f *testing.F) {
	for _, line := range lines(f, "msgspec.txt") {
		if line[4] != "!" && len(line[4]) < 1000 {
			f.Add(unhex(f, line[4]))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, formats[1], b) })
}
