package msgspec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

// lines returns the lines of a file of testdata, split at tabs.
func lines(t testing.TB, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "#") {
			all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// canonical returns one pickle for equal values.
func canonical(t testing.TB, v pickle.Value) string {
	t.Helper()
	b, err := pickle.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func unpickle(t testing.TB, s string) pickle.Value {
	t.Helper()
	v, err := pickle.Decode(unhex(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refused are the values that the library encodes, and this package does not: by format
// and name.
var refused = map[string]bool{
	"MessagePack/keys made equal by text": true, // a duplicate key, of which one is lost when read
	"JSON/keys made equal":                true,
	"JSON/keys made equal by text":        true,
}

type format struct {
	name   string
	column int
	write  func([]byte, pickle.Value) ([]byte, error)
	read   func([]byte) (pickle.Value, error)
}

var formats = []format{
	{"MessagePack", 2, msgspec.AppendMessagePack, msgspec.ReadMessagePack},
	{"JSON", 4, msgspec.AppendJSON, msgspec.ReadJSON},
}

// Values are encoded to the same bytes as by the library, and read back as the library
// reads them.
func TestEncodesLikePython(t *testing.T) {
	for _, line := range lines(t, "msgspec.txt") {
		v := unpickle(t, line[1])
		for _, f := range formats {
			t.Run(f.name+"/"+line[0], func(t *testing.T) {
				got, err := f.write([]byte("before"), v)
				if line[f.column] == "!" || refused[f.name+"/"+line[0]] {
					if !errors.Is(err, msgspec.ErrHold) {
						t.Fatalf("error %v, want ErrHold", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				got = bytes.TrimPrefix(got, []byte("before"))
				want := unhex(t, line[f.column])
				if !bytes.Equal(got, want) {
					t.Errorf("%x (%q)\nwant %x (%q)", got, got, want, want)
				}
				back, err := f.read(want)
				if err != nil {
					t.Fatal(err)
				}
				if canonical(t, back) != canonical(t, unpickle(t, line[f.column+1])) {
					t.Errorf("read as %#v\nwant    %#v", back, unpickle(t, line[f.column+1]))
				}
			})
		}
	}
}

// notRead are the bytes that the library reads and this package does not, with the reason.
var notRead = map[string]string{
	"msgpack/one nanosecond":            "the library rounds to microseconds",
	"msgpack/nanoseconds that round up": "the library rounds to microseconds",
	"msgpack/extension":                 "the library makes an object of its own",
}

// A few bytes of a pickle may stand for very much.
func TestBombs(t *testing.T) {
	wide := "]q\x000" + strings.Repeat("]h\x00ah\x00aq\x000", 50) + "h\x00."
	long := "]X\x00\x00\x10\x00" + strings.Repeat("x", 1<<20) + "q\x00a" + strings.Repeat("h\x00a", 100) + "."
	self := "]q\x00h\x00a."
	for _, p := range []string{wide, long, self} {
		v, err := pickle.Decode([]byte(p))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range formats {
			if _, err := f.write(nil, v); !errors.Is(err, pickle.ErrTooLarge) {
				t.Errorf("%s: error %v, want ErrTooLarge", f.name, err)
			}
		}
	}
}
