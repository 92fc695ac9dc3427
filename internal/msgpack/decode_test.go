package msgpack

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
)

// everything has a field of each supported kind.
type everything struct {
	B    bool
	I    int
	I8   int8
	I16  int16
	I32  int32
	I64  int64
	U    uint
	U8   uint8
	U16  uint16
	U32  uint32
	U64  uint64
	F32  float32
	F64  float64
	S    string
	Bin  []byte
	Hash [5]byte
	List []int16
	Strs []string
	Pair [2]string
	M    map[string]int
	MI   map[int32]string
	MB   map[bool]uint8
	P    *int
	PP   **string
	Rec  *everything
	Recs []everything  `json:",omitempty"`
	Any  []map[any]any `json:",omitempty"`
	E    struct{}
	Inner
}

func TestRoundTrip(t *testing.T) {
	check := func(in everything) bool {
		in.Rec, in.Recs, in.Any = nil, nil, nil // deeper than quick can fill exactly
		inner := in
		in.Recs = []everything{inner}
		in.Rec = &in.Recs[0]
		b, err := Append(nil, in, Limits{})
		if err != nil {
			t.Error(err)
			return false
		}
		n, err := Next(b, Limits{})
		if err != nil || n != len(b) {
			t.Errorf("Next: %d of %d, %v", n, len(b), err)
		}
		var out everything
		if err := Unmarshal(b, &out, Limits{}); err != nil {
			t.Error(err)
			return false
		}
		if !reflect.DeepEqual(in, out) {
			t.Errorf("in  %+v\nout %+v", in, out)
			return false
		}
		// By way of any nothing is lost either, but for what the type says.
		var x any
		if err := Unmarshal(b, &x, Limits{}); err != nil {
			t.Error(err)
			return false
		}
		again, err := Append(nil, x, Limits{})
		if err != nil {
			t.Error(err)
			return false
		}
		out = everything{}
		if err := Unmarshal(again, &out, Limits{}); err != nil {
			t.Error(err)
			return false
		}
		return reflect.DeepEqual(in, out)
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
}

// TestScalarsRoundTrip goes through every common type by way of itself, of a
// pointer, of a type made from it, and of any.
func TestScalarsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		bits := r.Uint64() >> r.IntN(64)
		f := math.Float64frombits(r.Uint64())
		raw := []byte(strings.Repeat(string(rune(r.IntN(256))), r.IntN(40)) + "\xff\x00")
		for _, v := range []any{
			bits, int64(bits), -int64(bits), int(bits), uint(bits), int32(bits), uint32(bits), int16(bits), uint16(bits), int8(bits), uint8(bits),
			f, float32(f), string(raw), raw, bits&1 == 0, time.Unix(int64(bits), int64(bits%1e9)).UTC(), time.Unix(-int64(bits), 5).UTC(),
			Ext{int8(bits & 0x7f), raw}, number(bits), label(raw), blob(raw), []label{label(raw)}, map[number]bool{number(bits): true},
			netip.AddrFrom4([4]byte(append(raw, 1, 2, 3, 4)[:4])), *new(big.Int).SetUint64(bits),
		} {
			b, err := Append(nil, v, Limits{})
			if err != nil {
				t.Fatalf("%T: %v", v, err)
			}
			boxed, err := Append(nil, &v, Limits{})
			if err != nil || !bytes.Equal(boxed, b) {
				t.Fatalf("%T by pointer: %x, %v; want %x", v, boxed, err, b)
			}
			got := reflect.New(reflect.TypeOf(v))
			if err := Unmarshal(b, got.Interface(), Limits{}); err != nil || !same(got.Elem().Interface(), v) {
				t.Fatalf("%T: %v came back as %v, %v", v, v, got.Elem(), err)
			}
			var x any
			if err := Unmarshal(b, &x, Limits{}); err != nil {
				t.Fatalf("%T into any: %v", v, err)
			}
		}
	}
}

// same is reflect.DeepEqual, but NaN equals NaN.
func same(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
	case float32:
		b, ok := b.(float32)
		return ok && (a == b || a != a && b != b)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && sameMap(a, b)
	case map[any]any:
		b, ok := b.(map[any]any)
		return ok && sameMap(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func sameMap[K comparable](a, b map[K]any) bool {
	for k, v := range a {
		if w, ok := b[k]; !ok || !same(v, w) {
			return false
		}
	}
	return len(a) == len(b)
}

// fuzzTargets are new pointers to types that decode in different ways.
func fuzzTargets() []any {
	return []any{
		new(everything), new(map[string]everything), new([]map[int8]string), new(map[any]any), new(map[netip.Addr]*big.Int),
		new([3]any), new(struct {
			Deep
			T time.Time    `json:",omitzero"`
			X Ext          `msgpack:"x"`
			N *big.Int     `json:"n,omitempty"`
			A []netip.Addr `json:"a"`
			B both
		}), new(map[time.Time][]byte), new(map[float32]float32), new([]*[]**[2]uint8), new(loop), new(map[textKey]sealed), new(error), new([][1 << 12]int),
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, b := range append(corpus(), hostile()...) {
		if len(b) < 1000 {
			f.Add(b)
		}
	}
	one := 1
	full, err := Append(nil, everything{B: true, S: "s", M: map[string]int{"a": 1}, P: &one, MI: map[int32]string{-1: "x"}, Recs: []everything{{}}}, Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add(record())
	f.Add(unhex("81 82a16101 02 c0"))
	f.Add(unhex("82 01 ca7fc00000 cb7ff8000000000001 d6ff00000000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range fuzzTargets() {
			if Unmarshal(b, p, Limits{}) != nil {
				continue
			}
			// What was decoded can be encoded, and comes back as itself.
			again, err := Append(nil, p, Limits{})
			if err != nil {
				t.Fatalf("%T from % x does not encode: %v", p, b, err)
			}
			q := reflect.New(reflect.TypeOf(p).Elem()).Interface()
			if err := Unmarshal(again, q, Limits{}); err != nil {
				t.Fatalf("%T from % x does not decode from % x: %v", p, b, again, err)
			}
			third, err := Append(nil, q, Limits{})
			if err != nil || !bytes.Equal(third, again) {
				t.Fatalf("%T from % x is % x, then % x, %v", p, b, again, third, err)
			}
		}
		var x, y any
		if Unmarshal(b, &x, Limits{}) != nil {
			return
		}
		again, err := Append(nil, x, Limits{})
		if err != nil {
			t.Fatalf("% x does not encode: %v", b, err)
		}
		if err := Unmarshal(again, &y, Limits{}); err != nil {
			t.Fatalf("% x does not decode from % x: %v", b, again, err)
		}
		if !same(x, y) {
			t.Fatalf("% x was %#v, came back as %#v", b, x, y)
		}
	})
}

// How much does a common value cost to write and to read, by the fast path?
func BenchmarkInt(b *testing.B) {
	var dst []byte
	var n int
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = Append(dst[:0], 12345, Limits{})
		if err := Unmarshal(dst, &n, Limits{}); err != nil || n != 12345 {
			b.Fatal(n, err)
		}
	}
}

type account struct {
	ID    int64     `json:"id"`
	Name  string    `json:"name"`
	Roles []string  `json:"roles"`
	Since time.Time `json:"since"`
	Note  string    `json:"note,omitempty"`
}

// What does a typical struct cost to encode by reflection?
func BenchmarkEncodeStruct(b *testing.B) {
	in := account{12345, "Ada Lovelace", []string{"admin", "author"}, time.Unix(1_700_000_000, 0), ""}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = Append(dst[:0], &in, Limits{}); err != nil || len(dst) == 0 {
			b.Fatal(err)
		}
	}
}

// What does it cost to decode it, and what to decode it into any?
func BenchmarkDecodeStruct(b *testing.B) {
	in := account{12345, "Ada Lovelace", []string{"admin", "author"}, time.Unix(1_700_000_000, 0), ""}
	enc, err := Append(nil, in, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var out account
			if err := Unmarshal(enc, &out, Limits{}); err != nil || out.ID != in.ID {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var out any
			if err := Unmarshal(enc, &out, Limits{}); err != nil || len(out.(map[string]any)) != 4 {
				b.Fatal(err)
			}
		}
	})
}

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
