package msgpack

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestDeterministic: equal maps have equal encodings, in the order promised.
func TestDeterministic(t *testing.T) {
	m := map[any]any{"b": 1, "a": 2, strings.Repeat("a", 40): 3, -1: 4, 200: 5, true: 6, nil: 7, 1.5: 8, time.Unix(0, 0).UTC(): 9}
	first, err := Append(nil, m, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		again := map[any]any{}
		for k, v := range m {
			again[k] = v
		}
		if b, _ := Append(nil, again, Limits{}); !bytes.Equal(b, first) {
			t.Fatalf("%x and %x", first, b)
		}
	}
	typed, _ := Append(nil, map[label]int{"b": 1, "a": 2, label(strings.Repeat("a", 40)): 3}, Limits{})
	fast, _ := Append(nil, map[string]any{"b": 1, "a": 2, strings.Repeat("a", 40): 3}, Limits{})
	anyKeys, _ := Append(nil, map[any]any{"b": 1, "a": 2, strings.Repeat("a", 40): 3}, Limits{})
	if !bytes.Equal(typed, fast) || !bytes.Equal(fast, anyKeys) || !bytes.HasPrefix(fast, unhex("83a16102d928")) {
		t.Errorf("%x, %x, %x", typed, fast, anyKeys)
	}
}
