package msgspec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// Bytes are read as the library reads them, and refused when it refuses them.
func TestReadsLikePython(t *testing.T) {
	for _, line := range lines(t, "reads.txt") {
		t.Run(line[0]+"/"+line[1], func(t *testing.T) {
			f := formats[0]
			if line[0] == "json" {
				f = formats[1]
			}
			v, err := f.read(unhex(t, line[2]))
			if line[3] == "!" || notRead[line[0]+"/"+line[1]] != "" {
				if err == nil {
					t.Errorf("read as %#v, want an error", v)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if canonical(t, v) != canonical(t, unpickle(t, line[3])) {
				t.Errorf("read as %#v\nwant    %#v", v, unpickle(t, line[3]))
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	for _, f := range formats {
		opening, closing := "\x91", "\xc0"
		if f.name == "JSON" {
			opening, closing = "[", "0"+strings.Repeat("]", 100_000)
		}
		if _, err := f.read([]byte(strings.Repeat(opening, 100_000) + closing)); err == nil {
			t.Errorf("%s: 100,000 levels were read", f.name)
		}
	}
}

// fuzz checks that what is read can be pickled and written, and stays the same.
func fuzz(t *testing.T, f format, b []byte) {
	v, err := f.read(b)
	if err != nil {
		return
	}
	out, err := f.write(nil, v)
	// keys such as 1 and "1"
	if errors.Is(err, msgspec.ErrHold) || errors.Is(err, pickle.ErrTooLarge) {
		return
	}
	if err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	again, err := f.read(out)
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	if canonical(t, v) != canonical(t, again) {
		t.Errorf("read %#v, reread %#v", v, again)
	}
}

func FuzzReadMessagePack(f *testing.F) {
	for _, line := range lines(f, "msgspec.txt") {
		if line[2] != "!" && len(line[2]) < 1000 {
			f.Add(unhex(f, line[2]))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { fuzz(t, formats[0], b) })
}
