package msgpack

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type (
	number  int16
	label   string
	blob    []byte
	hash    [4]byte
	loop    *loop
	sealed  struct{ _, _ int }
	halfway struct{ _ int }
	stamp   time.Time
)

func (halfway) MarshalText() ([]byte, error) { return []byte("lost"), nil }

// TestDecodeInto: what goes where, exactly, and what does not.
func TestDecodeInto(t *testing.T) {
	for _, c := range []struct {
		in   any
		into any // a pointer
		want any // what it points to, or the error
	}{
		{300, new(int8), ErrOverflow}, {127, new(int8), int8(127)}, {-128, new(int8), int8(-128)}, {-129, new(int8), ErrOverflow},
		{300, new(uint8), ErrOverflow}, {255, new(uint8), uint8(255)}, {-1, new(uint8), ErrOverflow}, {-1, new(uint64), ErrOverflow},
		{-1, new(uint), ErrOverflow}, {65536, new(uint16), ErrOverflow}, {1 << 32, new(uint32), ErrOverflow}, {1 << 31, new(int32), ErrOverflow},
		{uint64(math.MaxUint64), new(int64), ErrOverflow}, {uint64(math.MaxUint64), new(int), ErrOverflow}, {uint64(math.MaxUint64), new(uint64), uint64(math.MaxUint64)},
		{uint64(1 << 63), new(int64), ErrOverflow}, {math.MinInt64, new(int64), int64(math.MinInt64)},
		{-300, new(number), number(-300)}, {40_000, new(number), ErrOverflow},
		{1.0, new(int), ErrType}, {1.0, new(uint8), ErrType}, {float32(1), new(int64), ErrType},
		{1 << 53, new(float64), float64(1 << 53)}, {1<<53 + 1, new(float64), ErrOverflow}, {-(1<<53 + 1), new(float64), ErrOverflow},
		{math.MinInt64, new(float64), float64(math.MinInt64)}, {math.MaxInt64, new(float64), ErrOverflow},
		{uint64(math.MaxUint64), new(float64), ErrOverflow}, {uint64(1 << 63), new(float64), float64(1 << 63)},
		{1 << 24, new(float32), float32(1 << 24)}, {1<<24 + 1, new(float32), ErrOverflow}, {0, new(float32), float32(0)},
		{0.5, new(float32), float32(0.5)}, {0.1, new(float32), ErrOverflow}, {1e300, new(float32), ErrOverflow}, {float32(0.1), new(float64), float64(float32(0.1))},
		{math.Inf(-1), new(float32), float32(math.Inf(-1))},
		{"a", new([]byte), ErrType}, {[]byte("a"), new(string), ErrType}, {"a", new(int), ErrType}, {1, new(string), ErrType}, {"1", new(int), ErrType},
		{"a\xff\x00", new(label), label("a\xff\x00")}, {[]byte{1}, new(blob), blob{1}}, {[]byte{}, new(blob), blob{}}, {nil, new(blob), blob(nil)},
		{true, new(int), ErrType}, {1, new(bool), ErrType}, {[]int{1}, new([]byte), ErrType}, {[]byte{1}, new([]int), ErrType},
		{[]byte{1, 2, 3, 4}, new(hash), hash{1, 2, 3, 4}}, {[]byte{1, 2, 3}, new(hash), ErrOverflow}, {[]byte{1, 2, 3, 4, 5}, new(hash), ErrOverflow},
		{[]int{1, 2}, new([2]int), [2]int{1, 2}}, {[]int{1}, new([2]int), ErrOverflow}, {[]int{1, 2, 3}, new([2]int), ErrOverflow}, {[]int{}, new([0]int), [0]int{}},
		{nil, new(int), ErrType}, {nil, new(string), ErrType}, {nil, new(struct{}), ErrType}, {nil, new([1]int), ErrType}, {nil, new(time.Time), ErrType}, {nil, new(big.Int), ErrType}, {nil, new(bool), ErrType}, {nil, new(float64), ErrType},
		{nil, &[]int{1}, []int(nil)}, {nil, &map[string]int{"a": 1}, map[string]int(nil)}, {nil, func() *any { x := any(1); return &x }(), nil},
		{nil, func() **int { p := new(int); return &p }(), (*int)(nil)},
		{map[string]int{"a": 1}, &map[string]int{"b": 2}, map[string]int{"a": 1}}, {[]int{1}, &[]int{7, 8}, []int{1}},
		{map[int]int{1: 2}, new(map[string]any), ErrType}, {map[any]any{"a": 1, 2: 3}, new(map[string]any), ErrType}, {map[string]int{"1": 2}, new(map[int]int), ErrType},
		{map[int]int{300: 1}, new(map[int8]int), ErrOverflow},
		{map[string]any{"a": 1}, new([]int), ErrType}, {[]int{1}, new(map[int]int), ErrType}, {[]int{1}, new(struct{ A int }), ErrType},
		{1, new(loop), ErrUnsupported}, {nil, new(loop), loop(nil)},
		{1, new(chan int), ErrUnsupported}, {1, new(func()), ErrUnsupported}, {1, new(complex128), ErrUnsupported}, {1, new(uintptr), ErrUnsupported},
		{1, new(error), ErrUnsupported}, {nil, new(error), ErrUnsupported}, {map[string]int{}, new(sealed), ErrUnsupported}, {map[string]int{}, new(halfway), ErrUnsupported},
		{map[string]int{"a": 1}, new(map[struct{ A int }]int), ErrUnsupported}, {map[string]int{"a": 1}, new(map[fmt.Stringer]int), ErrUnsupported},
		{1, nil, ErrUnsupported}, {1, 5, ErrUnsupported}, {1, (*int)(nil), ErrUnsupported}, {1, (*any)(nil), ErrUnsupported}, {1, (*struct{})(nil), ErrUnsupported},
		{"x", new(netip.Addr), ErrMarshaler}, {1, new(netip.Addr), ErrType}, {[]byte{1}, new(netip.Addr), ErrMarshaler}, {"x", new(big.Int), ErrMarshaler}, {1.5, new(big.Int), ErrType}, {[]byte{1}, new(big.Int), ErrType},
		{Ext{5, []byte{1}}, new(Ext), Ext{5, []byte{1}}}, {"", new(Ext), ErrType}, {Ext{5, nil}, new(time.Time), ErrType},
	} {
		b, err := Append(nil, c.in, Limits{})
		if err != nil {
			t.Errorf("Append(%#v): %v", c.in, err)
			continue
		}
		err = Unmarshal(b, c.into, Limits{})
		if want, ok := c.want.(error); ok {
			if !errors.Is(err, want) {
				t.Errorf("%#v into %T: %v, want %v", c.in, c.into, err, want)
			}
			continue
		}
		if got := reflect.ValueOf(c.into).Elem().Interface(); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v into %T = %#v, %v; want %#v", c.in, c.into, got, err, c.want)
		}
	}
}

// TestDecodeRaw: what no encoder of ours writes.
func TestDecodeRaw(t *testing.T) {
	for _, c := range []struct {
		hex  string
		into any
		want error
	}{
		{"", new(any), ErrCorrupt}, {"c1", new(any), ErrCorrupt}, {"91c1", new([]int), ErrCorrupt},
		{"0000", new(int), ErrTrailing}, {"80c0", new(any), ErrTrailing}, {"8080", new(map[string]any), ErrTrailing},
		{"82 a161 01 a161 02", new(any), ErrDuplicate}, {"82 a161 01 d90161 02", new(any), ErrDuplicate},
		{"82 a161 01 a161 02", new(map[string]any), ErrDuplicate}, {"82 a161 01 a161 02", new(map[string]int), ErrDuplicate},
		{"82 01 01 cc01 02", new(any), ErrDuplicate}, {"82 01 01 d001 02", new(map[int8]int), ErrDuplicate},
		{"82 ca3f800000 01 cb3ff0000000000000 02", new(any), ErrDuplicate},
		{"82 a141 01 a141 02", new(struct{ A int }), ErrDuplicate}, {"82 a142 01 a142 02", new(struct{ A int }), ErrDuplicate},
		{"83 a161 01 01 02 01 03", new(any), ErrDuplicate}, {"82 c0 01 c0 02", new(any), ErrDuplicate},
		{"81 90 01", new(any), ErrKey}, {"81 80 01", new(any), ErrKey}, {"81 c400 01", new(any), ErrKey}, {"81 d40500 01", new(any), ErrKey},
		{"81 cb7ff8000000000000 01", new(any), ErrKey}, {"81 cb7ff8000000000000 01", new(map[float64]int), ErrKey}, {"81 90 01", new(map[any]int), ErrKey},
		{"81 01 01", new(struct{ A int }), ErrType}, {"81 c0 01", new(map[string]int), ErrType}, {"81 01 01", new(map[string]any), ErrType},
		{"d4ff00", new(any), ErrCorrupt}, {"81 d4ff00 01", new(any), ErrKey},
	} {
		if err := Unmarshal(unhex(c.hex), c.into, Limits{}); !errors.Is(err, c.want) {
			t.Errorf("%s into %T: %v, want %v", c.hex, c.into, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	cyclic := []any{nil}
	cyclic[0] = cyclic
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	var self any
	self = &self
	var p loop
	p = &p
	m := map[string]any{}
	m["m"] = m
	for _, c := range []struct {
		v    any
		want error
	}{
		{cyclic, ErrDepth}, {ring, ErrDepth}, {self, ErrDepth}, {p, ErrDepth}, {m, ErrDepth},
		{make(chan int), ErrUnsupported}, {func() {}, ErrUnsupported}, {1i, ErrUnsupported}, {uintptr(1), ErrUnsupported},
		{[]any{struct{ F func() }{}}, ErrUnsupported}, {struct{ E error }{}, ErrUnsupported}, {struct{ E error }{errors.New("x")}, ErrUnsupported},
		{sealed{}, ErrUnsupported}, {halfway{}, ErrUnsupported}, {stamp{}, ErrUnsupported}, {struct{ sealed }{}, ErrUnsupported}, {struct{ *sealed }{}, ErrUnsupported},
		{map[sealed]int{{}: 1}, ErrUnsupported}, {map[[1]int]int{{}: 1}, ErrUnsupported}, {map[*int]int{nil: 1}, ErrUnsupported}, {map[error]int{nil: 1}, ErrUnsupported},
		{map[float64]int{math.NaN(): 1}, ErrKey}, {map[any]any{math.NaN(): 1}, ErrKey},
		{map[any]any{int8(1): 1, int64(1): 2}, ErrDuplicate}, {map[any]any{float32(1): 1, float64(1): 2}, ErrDuplicate}, {map[any]any{"a": 1, label("a"): 2}, ErrDuplicate},
		{Ext{-1, []byte{1}}, ErrCorrupt},
		{new([1 << 33]struct{}), ErrTooLarge},
	} {
		got, err := Append([]byte("kept"), c.v, Limits{})
		if !errors.Is(err, c.want) || string(got) != "kept" {
			t.Errorf("Append of a %T = %q, %v; want %v", c.v, got, err, c.want)
		}
	}
	_, err := Append(nil, struct{ Inner struct{ C chan int } }{}, Limits{})
	if err == nil || !strings.Contains(err.Error(), "chan int") || strings.Count(err.Error(), "in field") != 1 {
		t.Errorf("the error does not name the type and the field: %v", err)
	}
}

type grumpy struct{ N int }

func (g grumpy) MarshalText() ([]byte, error) { return nil, fmt.Errorf("secret %d", g.N) }
func (g *grumpy) UnmarshalText(text []byte) error {
	return fmt.Errorf("secret %s: %w", text, errSecret)
}

var errSecret = errors.New("secret")

// TestErrorsHoldNoData: a value never gets into a message, not even by way of
// a type's own methods.
func TestErrorsHoldNoData(t *testing.T) {
	b := AppendString(nil, "hunter2")
	for _, v := range []any{new(int), new([]byte), new(grumpy), new(big.Int), new(map[string]int), new(time.Time)} {
		err := Unmarshal(b, v, Limits{})
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
			t.Errorf("into %T: %v", v, err)
		}
	}
	if err := Unmarshal(b, new(grumpy), Limits{}); !errors.Is(err, errSecret) || !errors.Is(err, ErrMarshaler) {
		t.Errorf("the cause is lost: %v", err)
	}
	if _, err := Append(nil, grumpy{7}, Limits{}); !errors.Is(err, ErrMarshaler) || strings.Contains(err.Error(), "7") {
		t.Errorf("Append: %v", err)
	}
}

// TestNoAliasing: overwriting the input changes nothing that was decoded.
func TestNoAliasing(t *testing.T) {
	type all struct {
		S string
		B []byte
		H hash
		X Ext
		A any
		M map[string][]byte
		L []blob
		P *blob
	}
	p := blob("pppp")
	in := all{"ssss", []byte("bbbb"), hash{1, 2, 3, 4}, Ext{9, []byte("eeee")}, []any{[]byte("aaaa"), Ext{8, []byte("xx")}}, map[string][]byte{"kkkk": []byte("mmmm")}, []blob{blob("llll")}, &p}
	b, err := Append(nil, in, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	orig := bytes.Clone(b)
	var out all
	var bin []byte
	var anything any
	if err := errors.Join(Unmarshal(b, &out, Limits{}), Unmarshal(b, &anything, Limits{})); err != nil {
		t.Fatal(err)
	}
	one := AppendBytes(nil, []byte("zz"))
	if err := Unmarshal(one, &bin, Limits{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, orig) {
		t.Error("Unmarshal wrote to its input")
	}
	clear(b)
	clear(one)
	again, err := Append(nil, anything, Limits{})
	if err != nil || len(again) != len(orig) || !reflect.DeepEqual(in, out) || string(bin) != "zz" {
		t.Errorf("decoded values share memory with the input: %+v, %q, %v", out, bin, err)
	}
	var back all
	if err := Unmarshal(again, &back, Limits{}); err != nil || !reflect.DeepEqual(in, back) {
		t.Errorf("a decoded any shares memory with the input: %+v, %v", back, err)
	}
	// What the target held before is not written through either.
	held := []int{1, 2, 3}
	target := held[:2]
	if err := Unmarshal(unhex("9107"), &target, Limits{}); err != nil || held[0] != 1 {
		t.Errorf("the old slice was written to: %v, %v", held, err)
	}
}

// A pointer that is nil is refused, whatever it would point to.
func TestNilPointers(t *testing.T) {
	for in, into := range map[string]any{
		"a0": (*string)(nil), "c400": (*[]byte)(nil), "c2": (*bool)(nil), "01": (*int)(nil),
		"02": (*int64)(nil), "03": (*uint64)(nil), "cb3ff0000000000000": (*float64)(nil),
		"d6ff00000001": (*time.Time)(nil), "c0": (*any)(nil), "90": (*[]int)(nil),
	} {
		if err := Unmarshal(unhex(in), into, Limits{}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s into %T: %v, want ErrUnsupported", in, into, err)
		}
	}
}

// Of values of the wrong type, the error names both types, and where it is.
func TestMismatchesAreNamed(t *testing.T) {
	for _, c := range []struct {
		hex   string
		into  any
		wrong string
	}{
		{"9101", new([]byte), "array into Go []uint8 (at byte 0)"},
		{"9101", new([1]byte), "array into Go [1]uint8 (at byte 0)"},
		{"c40101", new([]int), "bin into Go []int (at byte 0)"},
		{"c40101", new([1]int), "bin into Go [1]int (at byte 0)"},
		{"9191c40101", new([][][]int), "bin into Go []int (at byte 2)"},
		{"80", new([]int), "map into Go []int (at byte 0)"},
		{"90", new(map[string]int), "array into Go map[string]int (at byte 0)"},
		{"90", new(struct{ A int }), "array into Go struct { A int } (at byte 0)"},
		{"c3", new(string), "bool into Go string (at byte 0)"},
		{"a0", new(bool), "str into Go bool (at byte 0)"},
		{"a0", new(int), "str into Go int (at byte 0)"},
		{"cb3ff0000000000000", new(int), "float into Go int (at byte 0)"},
		{"c0", new(int), "nil into Go int (at byte 0)"},
	} {
		err := Unmarshal(unhex(c.hex), c.into, Limits{})
		if !errors.Is(err, ErrType) || !strings.HasSuffix(err.Error(), c.wrong) {
			t.Errorf("%s into %T: %v, want %s", c.hex, c.into, err, c.wrong)
		}
	}
}

// A map whose keys are strings at first and others later keeps all of them.
func TestMixedKeys(t *testing.T) {
	var got any
	if err := Unmarshal(unhex("84 a161 01 a162 02 03 04 a163 05"), &got, Limits{}); err != nil {
		t.Fatal(err)
	}
	want := map[any]any{"a": int64(1), "b": int64(2), int64(3): int64(4), "c": int64(5)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
