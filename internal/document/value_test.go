package document

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// roundTrip encodes and decodes a value in a format.
func roundTrip[T any](t *testing.T, f Format, v T) {
	t.Helper()
	value, err := Encode(f, "k", v)
	if err != nil {
		t.Fatalf("%v: %T: %v", f, v, err)
	}
	got, err := Decode[T](Value{bytes: value, format: f}, "k")
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("%v: %#v, %v, want %#v", f, got, err, v)
	}
	twice := append(value[:len(value):len(value)], value...)
	if _, err := Decode[T](Value{bytes: twice, format: f}, "k"); err == nil {
		t.Errorf("%v: %T: what follows a value is passed over", f, v)
	}
}

// TestValues: a value comes back as it was set, in either format, of a type with a short way and
// without one, and nothing may stand behind it.
func TestValues(t *testing.T) {
	for _, f := range []Format{MessagePack, JSON} {
		roundTrip(t, f, "")
		roundTrip(t, f, "text")
		roundTrip(t, f, strings.Repeat("long", 100))
		roundTrip(t, f, -7)
		roundTrip(t, f, int64(math.MinInt64))
		roundTrip(t, f, true)
		roundTrip(t, f, false)
		roundTrip(t, f, []byte{0, 255})
		roundTrip(t, f, []byte(nil))
		roundTrip(t, f, []string{"a", "b"})
		roundTrip(t, f, map[string]int{"a": 1})
		roundTrip(t, f, 1.5)
		roundTrip(t, f, struct{ A, B int }{1, 2})
	}
}

// TestOtherTypes: a value of one type is not read as another one.
func TestOtherTypes(t *testing.T) {
	for _, f := range []Format{MessagePack, JSON} {
		text, _ := Encode(f, "k", "1")
		if n, err := Decode[int](Value{bytes: text, format: f}, "k"); err == nil {
			t.Errorf("%v: a text is read as %d", f, n)
		}
		if b, err := Decode[bool](Value{bytes: text, format: f}, "k"); err == nil {
			t.Errorf("%v: a text is read as %v", f, b)
		}
		number, _ := Encode(f, "k", 1)
		if s, err := Decode[string](Value{bytes: number, format: f}, "k"); err == nil {
			t.Errorf("%v: a number is read as %q", f, s)
		}
	}
}

// TestShared: a string is a part of the record only where that keeps little more alive, and a copy
// where it was not asked for.
func TestShared(t *testing.T) {
	const long = 3 * smallRecord
	for name, test := range map[string]struct {
		length, other int
		want          bool
	}{
		"a small record": {1, 1, true}, "most of the record": {long, long / 2, true},
		"a little of the record": {1, long, false},
	} {
		base := New(MessagePack, "", false, time.Unix(1, 0), time.Unix(2, 0))
		encoded := perform(t, &base, SetText("k", strings.Repeat("v", test.length)),
			SetText("other", strings.Repeat("o", test.other)))
		data := encoded.Encode()
		var d Document
		if err := (Bounds{}).Decode(data, &d); err != nil {
			t.Fatal(err)
		}
		within := func(at Value) bool {
			s, err := Decode[string](at, "k")
			if err != nil || len(s) != test.length {
				t.Fatalf("%q, %v", s, err)
			}
			begin := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
			p := uintptr(unsafe.Pointer(unsafe.StringData(s)))
			return p >= begin && p < begin+uintptr(len(data))
		}
		if got := within(d.Shared("k")); got != test.want || within(d.At("k")) {
			t.Errorf("%s: a part of the record: %v", name, got)
		}
	}
}

type (
	tree struct {
		Left, Right *tree
		Value       any
		When        time.Time
	}
	shape  struct{ Of fmt.Stringer }
	hidden struct {
		of    fmt.Stringer
		JSON  fmt.Stringer `json:"-"`
		Other fmt.Stringer `msgpack:"-"`
	}
	embeds struct{ shape }
	keyed  struct{ All map[shape]int }
	nested struct{ All map[string][]*[2]shape }
)

// TestReadable: a type is refused that holds an interface with methods, which nothing stored says
// how to make, wherever it stands, and the error says which.
func TestReadable(t *testing.T) {
	_ = hidden{}.of
	for _, typ := range []reflect.Type{
		reflect.TypeFor[tree](), reflect.TypeFor[hidden](), reflect.TypeFor[any](),
		reflect.TypeFor[map[string][]any](), reflect.TypeFor[int](),
	} {
		for range 2 { // the second time from memory
			if err := checkReadable(typ); err != nil {
				t.Errorf("%v: %v", typ, err)
			}
		}
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[fmt.Stringer](), reflect.TypeFor[shape](), reflect.TypeFor[embeds](),
		reflect.TypeFor[keyed](), reflect.TypeFor[nested](),
	} {
		for range 2 {
			want := fmt.Sprintf("%v holds an interface, fmt.Stringer", typ)
			if err := checkReadable(typ); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", typ, err)
			}
		}
	}
	if _, err := Encode(JSON, "k", []float64{math.NaN()}); err == nil ||
		!strings.Contains(err.Error(), `"k" cannot be encoded`) {
		t.Errorf("%v", err)
	}
	if _, err := Encode(MessagePack, "k", shape{}); err == nil ||
		!strings.Contains(err.Error(), `"k" cannot be set`) {
		t.Errorf("%v", err)
	}
}
