package msgspec_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/internal/msgspec"
	"github.com/cloakroom-go/cloakroom/internal/pickle"
)

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
