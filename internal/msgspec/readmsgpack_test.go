package msgspec_test

import (
	"errors"
	"fmt"
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

// Every form that MessagePack has is read as what it stands for, at the first and the last of
// its first bytes.
func TestForms(t *testing.T) {
	list := func(n int) pickle.Value {
		l := &pickle.List{}
		for range n {
			l.Items = append(l.Items, int64(1))
		}
		return l
	}
	dict := func(n int) pickle.Value {
		d := &pickle.Dict{}
		for i := range n {
			if err := d.Set(int64(i), nil); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	entries := func(n int) (s string) {
		for i := range n {
			s += string([]byte{byte(i), 0xc0})
		}
		return s
	}
	ones, text := strings.Repeat("\x01", 15), strings.Repeat("x", 31)
	for in, want := range map[string]pickle.Value{
		"\x00":                                 int64(0),
		"\x7f":                                 int64(127),
		"\xe0":                                 int64(-32),
		"\xff":                                 int64(-1),
		"\xcc\xff":                             int64(255),
		"\xcd\x01\x00":                         int64(256),
		"\xce\x00\x01\x00\x00":                 int64(1 << 16),
		"\xcf\x00\x00\x00\x01\x00\x00\x00\x00": int64(1 << 32),
		"\xd0\x80":                             int64(-128),
		"\xd1\xff\x00":                         int64(-256),
		"\xd2\xff\xff\x00\x00":                 int64(-1 << 16),
		"\xd3\xff\xff\xff\xff\x00\x00\x00\x00": int64(-1 << 32),
		"\x80":                                 dict(0),
		"\x8f" + entries(15):                   dict(15),
		"\xde\x00\x01" + entries(1):            dict(1),
		"\xdf\x00\x00\x00\x01" + entries(1):    dict(1),
		"\x90":                                 list(0),
		"\x9f" + ones:                          list(15),
		"\xdc\x00\x01\x01":                     list(1),
		"\xdd\x00\x00\x00\x01\x01":             list(1),
		"\xa0":                                 "",
		"\xbf" + text:                          text,
		"\xd9\x01x":                            "x",
		"\xda\x00\x01x":                        "x",
		"\xdb\x00\x00\x00\x01x":                "x",
		"\xc0":                                 nil,
		"\xc2":                                 false,
		"\xc3":                                 true,
		"\xc4\x01x":                            pickle.Bytes("x"),
		"\xc5\x00\x01x":                        pickle.Bytes("x"),
		"\xc6\x00\x00\x00\x01x":                pickle.Bytes("x"),
		"\xca\x3f\x80\x00\x00":                 1.0,
		"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00": 1.0,
	} {
		t.Run(fmt.Sprintf("%x", in), func(t *testing.T) {
			v, err := msgspec.ReadMessagePack([]byte(in))
			if err != nil || canonical(t, v) != canonical(t, want) {
				t.Errorf("%#v, %v, want %#v", v, err, want)
			}
		})
	}
}
