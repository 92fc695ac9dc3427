package msgpack

import (
	"bytes"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

type Inner struct {
	A int
	B string `json:"b"`
}

type Self struct {
	*Self
	N int
}

type hidden struct{ C int }

type Deep struct {
	*Inner
	D int
}

// Left and Right both have X, which cancels out, and Y, which a tag decides.
type (
	Left  struct{ X, Y int }
	Right struct {
		X int
		Z int `msgpack:"Y"`
	}
)

// TestStructForm: the form of a struct, as the map it is decoded from.
func TestStructForm(t *testing.T) {
	one, empty := 1, ""
	for _, c := range []struct {
		in   any
		want string // in the form of describe
	}{
		{struct{}{}, "{}"},
		{struct {
			A int `msgpack:"x" json:"y"`
			B int `json:"z"`
			C int
			d int
		}{1, 2, 3, 4}, `{x:1 z:2 C:3}`},
		{struct {
			A int `msgpack:"-"`
			B int `json:"-"`
			C int `json:"-,"` //nolint:staticcheck // the odd spelling of a field named "-" is what is tested
			D int `msgpack:",omitempty" json:"-"`
		}{1, 2, 3, 4}, `{-:3 D:4}`},
		{struct {
			A int    `json:"a,string"`
			B string `json:",string"`
		}{1, "b"}, `{a:1 B:"b"}`},
		{struct {
			A int            `msgpack:",omitempty"`
			B string         `json:",omitempty"`
			C []int          `json:",omitempty"`
			D map[string]int `json:",omitempty"`
			E *int           `json:",omitempty"`
			F any            `json:",omitempty"`
			G time.Time      `json:",omitempty"`
			H bool           `json:",omitempty"`
			I [0]int         `json:",omitempty"`
		}{C: []int{}, D: map[string]int{}}, `{G:time}`},
		{struct {
			A *int    `json:",omitempty"`
			B *string `json:",omitempty"`
			C any     `json:",omitempty"`
		}{&one, &empty, 0}, `{A:1 B:"" C:0}`},
		{struct {
			A time.Time  `json:",omitzero"`
			B netip.Addr `json:",omitzero"`
			C []int      `json:",omitzero"`
			D []int      `json:",omitzero"`
			E *time.Time `json:",omitzero"`
			F everZero   `json:",omitzero"`
			G *everZero  `json:",omitzero"`
			H any        `json:",omitzero"`
		}{D: []int{}, F: 5}, `{D:[]}`},
		{struct {
			Inner
			A string
		}{Inner{1, "b"}, "outer"}, `{b:"b" A:"outer"}`},
		{struct{ hidden }{hidden{3}}, `{C:3}`},
		{Self{nil, 1}, `{N:1}`},
		{struct{ Deep }{Deep{nil, 4}}, `{D:4}`},
		{struct{ Deep }{Deep{&Inner{1, "b"}, 4}}, `{A:1 b:"b" D:4}`},
		{struct {
			Inner `json:"in"`
		}{Inner{1, "b"}}, `{in:{A:1 b:"b"}}`},
		{struct {
			Left
			Right
		}{Left{1, 2}, Right{3, 4}}, `{Y:4}`},
		{struct {
			Left
			Right
			X int
		}{X: 9}, `{Y:0 X:9}`},
		// Promoted methods are methods: documented, as in encoding/json.
		{struct {
			time.Time
			N int
		}{N: 1}, `"0001-01-01T00:00:00Z"`},
		// Two embedded types cancel out each other's methods.
		{struct {
			netip.Addr
			When
			N int
		}{N: 1}, `{Addr:"" When:time N:1}`},
		{struct {
			Ext
			N int
		}{Ext{4, []byte{1}}, 2}, `{Ext:ext N:2}`},
	} {
		b, err := Append(nil, c.in, Limits{})
		if err != nil {
			t.Errorf("%T: %v", c.in, err)
			continue
		}
		got, rest := describe(b)
		if got != c.want || len(rest) != 0 {
			t.Errorf("%T is %s, want %s", c.in, got, c.want)
		}
	}
}

type everZero int

func (everZero) IsZero() bool { return true }

// When gives an embedded time.Time another name.
type When = time.Time

// describe shows an encoded value, map entries in their order.
func describe(b []byte) (string, []byte) {
	var s []string
	switch kindOf(b) {
	case kindMap:
		n, rest, _ := ReadMapHeader(b)
		for range n {
			k, after, _ := ReadString(rest)
			var v string
			v, rest = describe(after)
			s = append(s, string(k)+":"+v)
		}
		return "{" + strings.Join(s, " ") + "}", rest
	case kindArray:
		n, rest, _ := ReadArrayHeader(b)
		for range n {
			var v string
			v, rest = describe(rest)
			s = append(s, v)
		}
		return "[" + strings.Join(s, " ") + "]", rest
	case kindInt:
		i, rest, _ := ReadInt(b)
		return big.NewInt(i).String(), rest
	case kindString:
		x, rest, _ := ReadString(b)
		return `"` + string(x) + `"`, rest
	case kindExt:
		typ, _, rest, _ := ReadExt(b)
		if typ == extTime {
			return "time", rest
		}
		return "ext", rest
	}
	n, _ := Next(b, Limits{})
	return kindOf(b).String(), b[n:]
}

// TestManyFields: the header is right on both sides of where it grows, with
// and without fields left out.
func TestManyFields(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, 70, 200} {
		var fields []reflect.StructField
		for i := range n {
			fields = append(fields, reflect.StructField{
				Name: "F" + big.NewInt(int64(i)).String(), Type: reflect.TypeFor[int](), Tag: `json:",omitempty"`,
			})
		}
		v := reflect.New(reflect.StructOf(fields))
		for set := 0; set <= n; set++ {
			if set > 0 {
				v.Elem().Field(set - 1).SetInt(int64(set))
			}
			b, err := Append([]byte{0xc1}, v.Interface(), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got := reflect.New(v.Elem().Type())
			count, _, _ := ReadMapHeader(b[1:])
			if err := Unmarshal(b[1:], got.Interface(), Limits{}); err != nil || count != set || got.Elem().Interface() != v.Elem().Interface() {
				t.Errorf("%d of %d fields: %d, %v", set, n, count, err)
			}
			if want := AppendMapHeader(nil, set); !bytes.HasPrefix(b[1:], want) {
				t.Errorf("%d of %d fields: header % x, want % x", set, n, b[1:4], want)
			}
		}
	}
}

func TestDecodeStruct(t *testing.T) {
	b, err := Append(nil, map[string]any{
		"A": 1, "a": 2, "b": "x", "D": 4,
		"unknown": map[string]any{"A": []any{1, "deep", nil}}, "more": Ext{3, []byte("abc")},
	}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got := struct {
		Deep
		Kept string
	}{Kept: "default"}
	if err := Unmarshal(b, &got, Limits{}); err != nil {
		t.Fatal(err)
	}
	if got.Inner == nil || *got.Inner != (Inner{1, "x"}) || got.D != 4 || got.Kept != "default" {
		t.Errorf("got %+v", got)
	}
	err = Unmarshal(unhex("81 a144 a178"), &got, Limits{})
	if !errors.Is(err, ErrType) || !strings.Contains(err.Error(), "field D") {
		t.Errorf("a wrong field: %v", err)
	}
}

// ptrText has its methods on the pointer, valText one of them on the value.
type (
	ptrText struct{ s string }
	valText struct{ s string }
	both    struct{ n byte }
	textKey struct{ v any }
)

func (p *ptrText) MarshalText() ([]byte, error) { return []byte("p" + p.s), nil }
func (p *ptrText) UnmarshalText(text []byte) error {
	p.s = strings.TrimPrefix(string(text), "p")
	return nil
}
func (v valText) MarshalText() ([]byte, error) { return []byte("v" + v.s), nil }
func (v *valText) UnmarshalText(text []byte) error {
	v.s = strings.TrimPrefix(string(text), "v")
	return nil
}
func (b both) MarshalText() ([]byte, error)        { return []byte{'t', b.n}, nil }
func (b *both) UnmarshalText(text []byte) error    { return b.second(text) }
func (b both) MarshalBinary() ([]byte, error)      { return []byte{'b', b.n}, nil }
func (b *both) UnmarshalBinary(data []byte) error  { return b.second(data) }
func (k textKey) MarshalText() ([]byte, error)     { return []byte("k"), nil }
func (k *textKey) UnmarshalText(text []byte) error { k.v = []int{1}; return nil }

func (b *both) second(data []byte) error {
	if len(data) != 2 {
		return errors.New("two bytes are needed")
	}
	b.n = data[1]
	return nil
}

func TestMarshalers(t *testing.T) {
	big1, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	addr := netip.MustParseAddr("fe80::1%eth0")
	u, _ := url.Parse("https://example.org/a?b=c")
	for _, c := range []struct {
		in   any
		want string // a prefix of the encoding, in hex
	}{
		{ptrText{"a"}, "a27061"}, {&ptrText{"a"}, "a27061"}, {[]ptrText{{"a"}}, "91a27061"}, {[1]ptrText{{"a"}}, "91a27061"},
		{map[string]ptrText{"k": {"a"}}, "81a16ba27061"}, {struct{ P ptrText }{ptrText{"a"}}, "81a150a27061"},
		{map[ptrText]int{{"a"}: 1}, "81a2706101"}, {map[valText]int{{"b"}: 1, {"a"}: 2}, "82a2766102a2766201"},
		{valText{"a"}, "a27661"}, {&valText{"a"}, "a27661"},
		{both{'x'}, "a27478"}, {map[both]both{{'x'}: {'y'}}, "81a27478a27479"},
		{*big1, "be3132333435"}, {big1, "be3132333435"}, {[]*big.Int{big1, nil}, "92be31"}, {struct{ N big.Int }{*big1}, "81a14ebe"},
		{addr, "ac666538303a"}, {netip.Addr{}, "a0"}, {map[netip.Addr]int{addr: 1}, "81ac666538303a3a312565746830"}, {netip.MustParseAddrPort("1.2.3.4:5"), "a9312e"},
		{u, "b968747470"}, {map[time.Time]int{time.Unix(1, 0).UTC(): 2}, "81d6ff0000000102"},
	} {
		b, err := Append(nil, c.in, Limits{})
		if err != nil || !bytes.HasPrefix(b, unhex(c.want)) {
			t.Errorf("Append(%#v) = %x, %v; want %s", c.in, b, err, c.want)
			continue
		}
		got := reflect.New(reflect.TypeOf(c.in))
		if err := Unmarshal(b, got.Interface(), Limits{}); err != nil {
			t.Errorf("Unmarshal(%x) into %T: %v", b, c.in, err)
			continue
		}
		again, err := Append(nil, got.Interface(), Limits{})
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%T came back as %x, %v; was %x", c.in, again, err, b)
		}
	}
	if err := Unmarshal(unhex("81a16b01"), new(map[textKey]int), Limits{}); !errors.Is(err, ErrKey) {
		t.Errorf("a key without a hash: %v, want ErrKey", err)
	}
	if err := Unmarshal(unhex("82a27661 01 a161 02"), new(map[valText]int), Limits{}); !errors.Is(err, ErrDuplicate) {
		t.Errorf("two texts of one key: %v, want ErrDuplicate", err)
	}
}
