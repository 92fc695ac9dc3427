package msgpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestGolden compares with what other implementations write: each value is
// decoded as meant, and encoded to the same bytes. The generators stand beside
// the files.
func TestGolden(t *testing.T) {
	for _, file := range []string{"testdata/msgspec.txt", "testdata/vmihailenco.txt"} {
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "#") {
					continue
				}
				name, enc, ok := strings.Cut(strings.TrimSpace(line), "\t")
				if !ok {
					t.Fatalf("no tab in %q", line)
				}
				checkGolden(t, name, enc)
				n++
			}
			if n < 100 {
				t.Errorf("only %d lines", n)
			}
		})
	}
}

func checkGolden(t *testing.T, name, enc string) {
	t.Helper()
	name, loose := strings.CutPrefix(name, "loose ")
	want, err := golden(name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	ours, err := Append(nil, want, Limits{})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	b := ours
	if sum, ok := strings.CutPrefix(enc, "sha256:"); ok {
		if got := fmt.Sprintf("%x", sha256.Sum256(ours)); got != sum {
			t.Errorf("%s: encoded otherwise, beginning with % x", name, head(ours))
		}
	} else {
		if b, err = hex.DecodeString(enc); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		// NaN has many encodings, and Go's is not Python's.
		if !loose && name != "float NaN" && !bytes.Equal(ours, b) {
			t.Errorf("%s: encoded as %x, want %x", name, head(ours), head(b))
		}
	}
	if n, err := Next(b, Limits{}); n != len(b) || err != nil {
		t.Errorf("%s: Next = %d, %v; want %d", name, n, err, len(b))
	}
	var got any
	if want == nil {
		got = 1
		err = Unmarshal(b, &got, Limits{})
	} else {
		p := reflect.New(reflect.TypeOf(want))
		err = Unmarshal(b, p.Interface(), Limits{})
		got = p.Elem().Interface()
	}
	if err != nil || !same(got, want) {
		t.Errorf("%s: decoded as %v, %v; want %v", name, got, err, want)
	}
	// Into any: the types differ, so compare by encoding.
	var x any
	if err := Unmarshal(b, &x, Limits{}); err != nil {
		t.Errorf("%s into any: %v", name, err)
	} else if again, err := Append(nil, x, Limits{}); err != nil || len(again) != len(ours) && !strings.HasPrefix(name, "float32") {
		t.Errorf("%s by way of any: %x, %v", name, head(again), err)
	}
}

// golden returns the value that a name in the golden files means.
func golden(name string) (any, error) {
	switch name {
	case "nil":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "unicode":
		return "h\u00e9llo \u4e16\u754c \U0001f9e5", nil
	case "nested":
		return map[string]any{
			"a": []any{int64(1), map[string]any{"b": nil, "c": []any{true, []byte{0}}}},
			"d": map[string]any{"e": map[string]any{"f": []any{}}},
		}, nil
	case "int keys":
		return map[int]string{1: "a", 2: "b"}, nil
	case "struct":
		return struct {
			X     int       `json:"x"`
			Y     float64   `json:"y"`
			Label string    `json:"label"`
			Tags  []string  `json:"tags"`
			Raw   []byte    `json:"raw"`
			At    time.Time `json:"at"`
			None  *int      `json:"none"`
		}{3, 0.5, "p", []string{"a", "b"}, []byte{1, 2}, time.Unix(20000*86400, 7000).UTC(), nil}, nil
	}
	kind, arg, _ := strings.Cut(name, " ")
	if kind == "float" || kind == "float32" {
		f, err := strconv.ParseFloat(arg, 64)
		if kind == "float32" {
			return float32(f), err
		}
		return f, err
	}
	if kind == "int" && arg == "18446744073709551615" {
		return uint64(math.MaxUint64), nil
	}
	if u, err := strconv.ParseUint(arg, 10, 64); kind == "int" && err == nil && u > math.MaxInt64 {
		return u, nil
	}
	i, err := strconv.ParseInt(arg, 10, 64)
	if err != nil {
		return nil, err
	}
	n := int(i)
	switch kind {
	case "int":
		return i, nil
	case "str":
		return strings.Repeat("x", n), nil
	case "bin":
		return bytes.Repeat([]byte("x"), n), nil
	case "array":
		a := make([]int, n)
		for i := range a {
			a[i] = 7
		}
		return a, nil
	case "map":
		m := map[string]int{}
		for i := range n {
			m[fmt.Sprintf("k%05d", i)] = i
		}
		return m, nil
	case "ext":
		return Ext{42, bytes.Repeat([]byte("x"), n)}, nil
	case "time":
		return time.UnixMicro(i).UTC(), nil
	}
	return nil, fmt.Errorf("unknown kind of value %q", kind)
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
