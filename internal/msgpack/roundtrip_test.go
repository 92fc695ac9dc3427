package msgpack

import (
	"bytes"
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
