package msgspec_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
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

// wrappers put a value one level deeper, or two: an object is a level, and so is what it holds.
var wrappers = []struct {
	name   string
	levels int
	wrap   func(t *testing.T, v pickle.Value) pickle.Value
}{
	{"a list", 1, func(_ *testing.T, v pickle.Value) pickle.Value {
		return &pickle.List{Items: []pickle.Value{v}}
	}},
	{"a tuple", 1, func(_ *testing.T, v pickle.Value) pickle.Value { return pickle.Tuple{v} }},
	{"a set", 1, func(_ *testing.T, v pickle.Value) pickle.Value {
		return &pickle.Set{Items: []pickle.Value{v}}
	}},
	{"a dict", 1, func(t *testing.T, v pickle.Value) pickle.Value { return dictOf(t, "k", v) }},
	{"a namedtuple", 2, func(_ *testing.T, v pickle.Value) pickle.Value {
		return &pickle.Object{
			Func: pickle.Global{Module: "m", Name: "C"}, Made: pickle.ByNew,
			Args: pickle.Tuple{int64(1), v},
		}
	}},
}

func dictOf(t *testing.T, key, value pickle.Value) *pickle.Dict {
	t.Helper()
	d := &pickle.Dict{}
	if err := d.Set(key, value); err != nil {
		t.Fatal(err)
	}
	return d
}

// Exactly MaxDepth levels are written, of any kind, and what was written is read.
func TestDepth(t *testing.T) {
	for _, w := range wrappers {
		var v pickle.Value = int64(7)
		for range msgspec.MaxDepth / w.levels {
			v = w.wrap(t, v)
		}
		for _, f := range formats {
			out, err := f.write(nil, v)
			if err != nil {
				t.Errorf("%s, %s: %v", f.name, w.name, err)
			} else if _, err := f.read(out); err != nil {
				t.Errorf("%s, %s: reading it: %v", f.name, w.name, err)
			}
			if _, err := f.write(nil, w.wrap(t, v)); !errors.Is(err, pickle.ErrTooLarge) {
				t.Errorf("%s, %s more: error %v, want ErrTooLarge", f.name, w.name, err)
			}
		}
	}
}

// A key of a map is a level deeper than the map, as its value is.
func TestDepthOfKeys(t *testing.T) {
	key := pickle.Value(int64(7))
	for range msgspec.MaxDepth - 1 {
		key = pickle.Tuple{key}
	}
	if _, err := msgspec.AppendMessagePack(nil, dictOf(t, key, nil)); err != nil {
		t.Error(err)
	}
	deeper := dictOf(t, pickle.Tuple{key}, nil)
	if _, err := msgspec.AppendMessagePack(nil, deeper); !errors.Is(err, pickle.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

// One level more than MaxDepth is not read, whichever kind it is of.
func TestDepthOfReading(t *testing.T) {
	for _, c := range []struct {
		format      format
		name        string
		open, close string
	}{
		{formats[0], "arrays", "\x91", ""},
		{formats[0], "maps", "\x81\xa1k", ""},
		{formats[1], "arrays", "[", "]"},
		{formats[1], "objects", `{"k":`, "}"},
	} {
		for _, more := range []int{0, 1} {
			n := msgspec.MaxDepth + more
			b := make([]byte, 0, 8*n)
			for range n {
				b = append(b, c.open...)
			}
			b = append(b, '1') // a number in both formats
			for range n {
				b = append(b, c.close...)
			}
			if _, err := c.format.read(b); (err == nil) != (more == 0) {
				t.Errorf("%s: %d levels of %s: %v", c.format.name, n, c.name, err)
			}
		}
	}
}

// What stands before in the buffer does not count.
func TestLengthOfAppended(t *testing.T) {
	before := make([]byte, pickle.MaxBytes+1, pickle.MaxBytes+64)
	for _, f := range formats {
		if _, err := f.write(before, &pickle.List{Items: []pickle.Value{"a", "b"}}); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// A key is read like any value, but that an array in it is a tuple at any depth and that there
// is no map in it.
func TestReadMessagePackKey(t *testing.T) {
	v, err := msgspec.ReadMessagePackKey([]byte("\x92\x01\x91\xa1a"))
	want := pickle.Tuple{int64(1), pickle.Tuple{"a"}}
	if err != nil || canonical(t, v) != canonical(t, want) {
		t.Errorf("%#v, %v, want %#v", v, err, want)
	}
	for _, bad := range []string{"", "\x80", "\x91\x80", "\x01\x01", "\xc1", "\x92\x01"} {
		v, err := msgspec.ReadMessagePackKey([]byte(bad))
		if !errors.Is(err, msgspec.ErrMalformed) {
			t.Errorf("%x: %#v, error %v, want ErrMalformed", bad, v, err)
		}
	}
}

// An error names the format and the type that it cannot hold, and no value.
func TestErrors(t *testing.T) {
	type other struct{ secret string }
	for _, f := range formats {
		_, err := f.write(nil, other{"hush"})
		want := fmt.Sprintf("msgspec: a msgspec_test.other cannot be held in %s", f.name)
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
