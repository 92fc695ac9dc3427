package document

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

type ratio float64

// marshaler expects in its field what was put there.
type marshaler struct{ X any }

func (m marshaler) MarshalJSON() ([]byte, error) { return json.Marshal([]bool{m.X == any(1.0)}) }

type withAny struct {
	A   any               `json:"a,omitempty"`
	M   map[string]any    `json:"m,omitempty"`
	L   []any             `json:"l,omitempty"`
	In  *withAny          `json:"in,omitempty"`
	N   json.Number       `json:"n,omitempty"`
	Arr map[string][1]any `json:",omitempty"`
}

// Numbers in anys survive JSON as what they are.
func TestJSONNumbers(t *testing.T) {
	big70 := new(big.Int).Lsh(big.NewInt(1), 70)
	for _, c := range []struct {
		in   any
		want string
		out  any // what it is read as; nil for in
	}{
		{int64(math.MaxInt64), "9223372036854775807", nil}, {int64(math.MinInt64), "-9223372036854775808", nil},
		{uint64(1 << 63), "9223372036854775808", nil}, {uint64(math.MaxUint64), "18446744073709551615", nil}, {big70, "1180591620717411303424", nil},
		{1.0, "1.0", nil}, {math.Copysign(0, -1), "-0.0", nil}, {1.5, "1.5", nil}, {1e20, "100000000000000000000.0", nil}, {1e21, "1e+21", nil},
		{float64(1 << 53), "9007199254740992.0", nil}, {float32(1), "1.0", 1.0}, {float32(0.1), "0.1", 0.1}, {ratio(2), "2.0", 2.0},
		{1, "1", int64(1)}, {uint8(7), "7", int64(7)}, {"1.0", `"1.0"`, nil}, {nil, "null", nil}, {time.Second, "1000000000", int64(time.Second)},
		{[]any{1.0, int64(1), []any{2.0}, map[string]any{"a": 3.0, "b": nil}}, `[1.0,1,[2.0],{"a":3.0,"b":null}]`, nil},
		{map[string]any{"f": 1.0, "i": int64(1 << 62)}, `{"f":1.0,"i":4611686018427387904}`, nil},
		{[]any(nil), "null", reflect.Zero(reflect.TypeFor[any]())}, {map[string]any(nil), "null", reflect.Zero(reflect.TypeFor[any]())},
	} {
		in := c.in
		b, err := JSON.encode(&in)
		if err != nil || string(b) != c.want {
			t.Errorf("%#v is %s, %v; want %s", c.in, b, err, c.want)
			continue
		}
		want := c.out
		if _, null := want.(reflect.Value); want == nil {
			want = c.in
		} else if null {
			want = nil
		}
		var got any
		if err := JSON.decode(b, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is read as %#v, %v; want %#v", b, got, err, want)
		}
	}
	f := 3.0
	if b, err := JSON.encode(&f); err != nil || string(b) != "3.0" {
		t.Errorf("a float64 is %s, %v", b, err)
	}
}

// An any gets its numbers wherever in a type it is.
func TestJSONNumbersInTypes(t *testing.T) {
	const text = `{"a":[1,{"x":2.0}],"m":{"k":9223372036854775807},"l":[1,1.0],"in":{"a":18446744073709551615},"n":12,"Arr":{"z":[5]}}`
	want := withAny{
		A: []any{int64(1), map[string]any{"x": 2.0}}, M: map[string]any{"k": int64(math.MaxInt64)}, L: []any{int64(1), 1.0},
		In: &withAny{A: uint64(math.MaxUint64)}, N: "12", Arr: map[string][1]any{"z": {int64(5)}},
	}
	var got withAny
	if err := JSON.decode([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	got.In.A, got.Arr["z"] = 1.0, [1]any{2.0}
	spelledText := strings.NewReplacer("18446744073709551615", "1.0", "[5]", "[2.0]").Replace(text)
	for _, v := range []any{got, &got} {
		if b, err := JSON.encode(v); err != nil || string(b) != spelledText {
			t.Errorf("%s, %v; want %s", b, err, spelledText)
		}
	}
	if got.In.A != 1.0 || got.Arr["z"][0] != 2.0 || got.L[1] != 1.0 {
		t.Errorf("the value was changed: %+v", got)
	}
	if b, err := JSON.encode(&map[string]any{"a": marshaler{1.0}, "b": 1.0}); err != nil || string(b) != `{"a":[true],"b":1.0}` {
		t.Errorf("%s, %v", b, err)
	}
	type promoted struct{ B any }
	n := 7
	mixed := struct {
		A      any
		M      marshaler
		hidden any
		to     *int
		promoted
	}{1.0, marshaler{1.0}, 2.0, &n, promoted{3.0}}
	if b, err := JSON.encode(&mixed); err != nil || string(b) != `{"A":1.0,"M":[true],"B":3.0}` {
		t.Errorf("what encoding/json does not look at, or leaves to a method: %s, %v", b, err)
	}
	if mixed.hidden != any(2.0) || mixed.to != &n {
		t.Errorf("the value was changed: %+v", mixed)
	}
	var list map[string][]*any
	if err := JSON.decode([]byte(`{"a":[1,null]}`), &list); err != nil || *list["a"][0] != any(int64(1)) {
		t.Errorf("%v, %v", list, err)
	}
	type chain struct {
		Next *chain
		N    int
	}
	var links chain // a type in itself, without an any
	if err := JSON.decode([]byte(`{"Next":{"N":5}}`), &links); err != nil || links.Next.N != 5 {
		t.Errorf("%+v, %v", links, err)
	}
	deep := &withAny{A: 1.0}
	for range maxDepth - 2 {
		deep = &withAny{In: deep}
	}
	b, err := JSON.encode(deep)
	if err != nil || !strings.Contains(string(b), `{"a":1.0}`) {
		t.Errorf("as deep as may be: %s, %v", b, err)
	}
	var again *withAny
	if err := JSON.decode(b, &again); err != nil || !reflect.DeepEqual(again, deep) {
		t.Errorf("as deep as may be: %v", err)
	}
	if err := JSON.decode([]byte("5"), &n); err != nil || n != 5 {
		t.Errorf("%d, %v", n, err)
	}
}

// What has no exact number, or no end, is an error that quotes nothing.
func TestJSONNumbersRefused(t *testing.T) {
	for _, text := range []string{"1e400", strings.Repeat("7", maxDigits+1), "1 2", "{", "[1,1e999]"} {
		var v any
		if err := JSON.decode([]byte(text), &v); err == nil || strings.Contains(err.Error(), "999") || strings.Contains(err.Error(), "77") {
			t.Errorf("%.20s: %v, %v", text, v, err)
		}
	}
	var in withAny
	if err := JSON.decode([]byte(`{"m":{"k":1e400}}`), &in); err == nil {
		t.Errorf("a map is read as %v", in.M)
	}
	var v any
	long := "-" + strings.Repeat("7", maxDigits-1)
	if err := JSON.decode([]byte(long), &v); err != nil || v.(*big.Int).String() != long {
		t.Errorf("%d digits: %v", maxDigits, err)
	}
	loop := map[string]any{}
	loop["self"] = loop
	if _, err := JSON.encode(&loop); !errors.Is(err, errTooDeep) {
		t.Errorf("a map in itself: %v", err)
	}
	for _, f := range []any{math.NaN(), math.Inf(1), []any{math.NaN()}} {
		if b, err := JSON.encode(&f); err == nil {
			t.Errorf("%v is %s", f, b)
		}
	}
}
