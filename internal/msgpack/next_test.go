package msgpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

// corpus is one value of every form that the specification has.
func corpus() [][]byte {
	long := strings.Repeat("x", 70_000)
	c := [][]byte{
		{0x00}, {0x7f}, {0xe0}, {0xff}, {0xc0}, {0xc2}, {0xc3},
		{0xcc, 0xff}, {0xcd, 1, 2}, {0xce, 1, 2, 3, 4}, {0xcf, 1, 2, 3, 4, 5, 6, 7, 8},
		{0xd0, 0x80}, {0xd1, 0x80, 2}, {0xd2, 0x80, 2, 3, 4}, {0xd3, 0x80, 2, 3, 4, 5, 6, 7, 8},
		{0xca, 1, 2, 3, 4}, {0xcb, 1, 2, 3, 4, 5, 6, 7, 8},
		{0xa0}, {0xa3, 'a', 'b', 'c'}, {0xd9, 1, 'a'}, {0xda, 0, 1, 'a'}, {0xdb, 0, 0, 0, 1, 'a'},
		{0xc4, 1, 'a'}, {0xc5, 0, 1, 'a'}, {0xc6, 0, 0, 0, 1, 'a'},
		{0xd4, 5, 1}, {0xd5, 5, 1, 2}, {0xd6, 5, 1, 2, 3, 4}, {0xd7, 5, 1, 2, 3, 4, 5, 6, 7, 8},
		append([]byte{0xd8, 5}, make([]byte, 16)...),
		{0xc7, 3, 5, 1, 2, 3}, {0xc8, 0, 3, 5, 1, 2, 3}, {0xc9, 0, 0, 0, 3, 5, 1, 2, 3},
		{0x80}, {0x81, 0xa1, 'k', 0xc0}, {0xde, 0, 1, 1, 2}, {0xdf, 0, 0, 0, 1, 1, 2},
		{0x90}, {0x92, 1, 2}, {0xdc, 0, 2, 1, 2}, {0xdd, 0, 0, 0, 2, 1, 2},
		{0x93, 0x91, 0x90, 0x82, 1, 0x91, 2, 3, 0x80, 0xc0},
		AppendString(nil, long[:300]), AppendString(nil, long), AppendBytes(nil, []byte(long)),
	}
	for _, t := range []time.Time{time.Unix(1, 0), time.Unix(1, 1), time.Unix(-1, 1)} {
		c = append(c, AppendTime(nil, t))
	}
	return c
}

func TestNext(t *testing.T) {
	for _, b := range corpus() {
		for _, tail := range []string{"", "\xc1", "\x00\x00"} {
			n, err := Next(append(bytes.Clone(b), tail...), Limits{})
			if n != len(b) || err != nil {
				t.Errorf("Next(% x + %q) = %d, %v; want %d", head(b), tail, n, err, len(b))
			}
		}
	}
}

// TestTruncated: no prefix of a value is a value.
func TestTruncated(t *testing.T) {
	for _, b := range corpus() {
		for i := range b {
			if i > 400 && i < len(b)-10 {
				continue
			}
			if n, err := Next(b[:i], Limits{}); !errors.Is(err, ErrCorrupt) || n != 0 {
				t.Errorf("Next(% x) of the first %d bytes = %d, %v; want ErrCorrupt", head(b), i, n, err)
			}
			var x any
			if err := Unmarshal(b[:i], &x, Limits{}); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Unmarshal(% x) of the first %d bytes: %v; want ErrCorrupt", head(b), i, err)
			}
		}
	}
}

func head(b []byte) []byte { return b[:min(len(b), 12)] }

// hostile is headers that promise what is not there, alone and inside others.
func hostile() [][]byte {
	h := [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0x80, 0, 0, 0}, {0xdc, 0xff, 0xff}, {0xde, 0xff, 0xff},
		{0xdb, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0xff, 0xff, 0xff, 0xff}, {0xc9, 0xff, 0xff, 0xff, 0xff, 1},
		{0xda, 0xff, 0xff}, {0xc5, 0xff, 0xff}, {0xc8, 0xff, 0xff, 1}, {0xd9, 0xff}, {0xc4, 0xff}, {0xc7, 0xff, 1},
		{0x9f}, {0x8f}, {0xbf}, {0xd8, 1},
		// Each count alone would fit in what remains, together they do not.
		{0x94, 0x93, 0x92, 1, 1},
	}
	for _, b := range h {
		h = append(h, append([]byte{0x81, 0xa1, 'a'}, b...), append([]byte{0x92}, append(b, 0xc0)...))
	}
	return append(h, bytes.Repeat([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, 1000))
}

func TestHostileLengths(t *testing.T) {
	for _, b := range hostile() {
		if n, err := Next(b, Limits{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Next(% x) = %d, %v; want ErrCorrupt", head(b), n, err)
		}
		for _, v := range []any{new(any), new([]any), new(map[string]any), new([]byte), new(string), new([][1 << 20]int), new(map[int][1 << 16]byte), new(Ext)} {
			if grew := allocated(func() {
				if err := Unmarshal(b, v, Limits{}); err == nil {
					t.Errorf("Unmarshal(% x) into %T succeeded", head(b), v)
				}
			}); grew > 64<<10 {
				t.Errorf("Unmarshal(% x) into %T allocated %d bytes", head(b), v, grew)
			}
		}
		ReadMapHeader(b)
		ReadArrayHeader(b)
		ReadString(b)
		ReadBytes(b)
		ReadExt(b)
	}
}

// TestHostileElements: what is there, but costs out of proportion once decoded.
func TestHostileElements(t *testing.T) {
	type big struct {
		Pad [1024]byte
		N   int
	}
	b := AppendArrayHeader(nil, 200_000)
	b = append(b, bytes.Repeat([]byte{fixMap}, 200_000)...)
	for _, v := range []any{new([]big), new([]*big), new([]map[string]big), new([][]big), new([]any)} {
		var err error
		if grew := allocated(func() { err = Unmarshal(b, v, Limits{}) }); grew > 300<<20 {
			t.Errorf("into %T allocated %d MB", v, grew>>20)
		}
		if _, ok := v.(*[]big); ok && !errors.Is(err, ErrTooLarge) {
			t.Errorf("into %T: %v, want ErrTooLarge", v, err)
		}
	}
	// Even a map of one entry has room for eight.
	b = AppendArrayHeader(nil, 700_000)
	b = append(b, bytes.Repeat([]byte("\x81\xa0\xc0"), 700_000)...)
	for _, v := range []any{new(any), new([]map[string]any)} {
		var err error
		if grew := allocated(func() { err = Unmarshal(b, v, Limits{}) }); grew > 300<<20 || !errors.Is(err, ErrTooLarge) {
			t.Errorf("small maps into %T: %v after %d MB", v, err, grew>>20)
		}
	}
	var wrong []big // right length, wrong type: must fail before it costs
	if grew := allocated(func() {
		small := append(AppendArrayHeader(nil, 60_000), bytes.Repeat([]byte{codeNil}, 60_000)...)
		if err := Unmarshal(small, &wrong, Limits{}); !errors.Is(err, ErrType) {
			t.Errorf("got %v, want ErrType", err)
		}
	}); grew > 1<<20 {
		t.Errorf("failing on the first element allocated %d bytes", grew)
	}
	// An honest value of the same shape survives.
	honest := make([]big, 1000)
	enc, err := Append(nil, honest, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Unmarshal(enc, &wrong, Limits{}); err != nil || len(wrong) != 1000 {
		t.Errorf("an honest slice: %v", err)
	}
}

// allocated returns the bytes that f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDepth(t *testing.T) {
	nest := func(header string, n int) []byte {
		return append([]byte(strings.Repeat(header, n)), 0xc0)
	}
	for _, header := range []string{"\x91", "\x81\xa1a", "\xdc\x00\x01", "\xdf\x00\x00\x00\x01\xa1a"} {
		for _, c := range []struct {
			depth, n int
			ok       bool
		}{
			{0, DefaultDepth, true}, {0, DefaultDepth + 1, false},
			{3, 3, true}, {3, 4, false}, {-1, 0, true}, {-1, 1, false},
			{200, 200, true}, {200, 201, false}, {0, 1_000_000, false},
			{math.MaxInt, MaxDepth, true}, {math.MaxInt, 1_000_000, false},
		} {
			b := nest(header, c.n)
			lim := Limits{Depth: c.depth}
			var x any
			_, err := Next(b, lim)
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrDepth) {
				t.Errorf("Next of %d × % x with Depth %d: %v", c.n, header, c.depth, err)
			}
			err = Unmarshal(b, &x, lim)
			if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrDepth) {
				t.Errorf("Unmarshal of %d × % x with Depth %d: %v", c.n, header, c.depth, err)
			}
			if c.ok {
				// The encoder counts depth the same way.
				if _, err := Append(nil, x, lim); err != nil {
					t.Errorf("Append at depth %d: %v", c.n, err)
				}
				if _, err := Append(nil, []any{x}, lim); c.n == c.depth && !errors.Is(err, ErrDepth) {
					t.Errorf("Append at depth %d: %v, want ErrDepth", c.n+1, err)
				}
			}
		}
	}
	// An empty container counts too.
	if _, err := Next([]byte{0x91, 0x90}, Limits{Depth: 1}); !errors.Is(err, ErrDepth) {
		t.Errorf("an empty array within one: %v, want ErrDepth", err)
	}
}

func TestNextAllocs(t *testing.T) {
	b := record()
	deep := append(bytes.Repeat([]byte{0x91}, DefaultDepth), 0xc0)
	for _, b := range append(corpus(), b, deep) {
		if n := testing.AllocsPerRun(100, func() { Next(b, Limits{}) }); n != 0 {
			t.Errorf("Next(% x) allocates %v times", head(b), n)
		}
	}
}

// record is a session of the usual size and shape.
func record() []byte {
	b, err := Append(nil, map[string]any{
		"_permanent": true,
		"user":       map[string]any{"id": 12345, "name": "Ada Lovelace", "roles": []string{"admin", "author", "editor"}},
		"csrf":       strings.Repeat("k", 43),
		"cart":       []any{map[string]any{"sku": "A-1", "n": 2}, map[string]any{"sku": "B-7", "n": 1}},
		"visits":     42,
		"seen":       time.Unix(1_700_000_000, 5),
		"rate":       1.25,
		"theme":      "dark",
		"_flashes":   []string{"Welcome back"},
	}, Limits{})
	if err != nil {
		panic(err)
	}
	return b
}

// How long does slicing a usual record take, as every session load does, when
// each of its values is found and none is decoded?
func BenchmarkSliceRecord(b *testing.B) {
	rec := record()
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		n, rest, err := ReadMapHeader(rec)
		for range n {
			if _, rest, err = ReadString(rest); err != nil {
				b.Fatal(err)
			}
			size, err := Next(rest, Limits{})
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[size:]
		}
		if len(rest) != 0 || err != nil {
			b.Fatal(len(rest), err)
		}
	}
}

// How long does Next take on a whole record at once?
func BenchmarkNext(b *testing.B) {
	rec := record()
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := Next(rec, Limits{}); n != len(rec) || err != nil {
			b.Fatal(n, err)
		}
	}
}

// What does a value of many small values cost, where the loop is all there is?
func BenchmarkNextInts(b *testing.B) {
	rec := AppendArrayHeader(nil, 10_000)
	for i := range 10_000 {
		rec = AppendInt(rec, int64(i%300))
	}
	b.SetBytes(int64(len(rec)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := Next(rec, Limits{}); n != len(rec) || err != nil {
			b.Fatal(n, err)
		}
	}
}

// oracle is Next as the specification reads: recursive, and sure of nothing.
func oracle(b []byte, depth int) (rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	c := b[0]
	b = b[1:]
	skip := func(n uint64) ([]byte, bool) {
		if n > uint64(len(b)) {
			return nil, false
		}
		return b[n:], true
	}
	length := func(width int) (n uint64, ok bool) {
		if len(b) < width {
			return 0, false
		}
		var full [8]byte
		copy(full[8-width:], b[:width])
		b = b[width:]
		return binary.BigEndian.Uint64(full[:]), true
	}
	items := func(n uint64) ([]byte, bool) {
		if depth == 0 {
			return nil, false
		}
		for range n {
			var ok bool
			if b, ok = oracle(b, depth-1); !ok {
				return nil, false
			}
		}
		return b, true
	}
	sized := func(width int, extra uint64) ([]byte, bool) {
		n, ok := length(width)
		if !ok {
			return nil, false
		}
		return skip(n + extra)
	}
	counted := func(width int, each uint64) ([]byte, bool) {
		n, ok := length(width)
		if !ok {
			return nil, false
		}
		return items(n * each)
	}
	switch {
	case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
		return b, true
	case c <= 0x8f:
		return items(2 * uint64(c&15))
	case c <= 0x9f:
		return items(uint64(c & 15))
	case c <= 0xbf:
		return skip(uint64(c & 31))
	}
	switch c {
	case 0xc4, 0xd9:
		return sized(1, 0)
	case 0xc5, 0xda:
		return sized(2, 0)
	case 0xc6, 0xdb:
		return sized(4, 0)
	case 0xc7:
		return sized(1, 1)
	case 0xc8:
		return sized(2, 1)
	case 0xc9:
		return sized(4, 1)
	case 0xcc, 0xd0:
		return skip(1)
	case 0xcd, 0xd1, 0xd4:
		return skip(2)
	case 0xd5:
		return skip(3)
	case 0xca, 0xce, 0xd2:
		return skip(4)
	case 0xd6:
		return skip(5)
	case 0xcb, 0xcf, 0xd3:
		return skip(8)
	case 0xd7:
		return skip(9)
	case 0xd8:
		return skip(17)
	case 0xdc:
		return counted(2, 1)
	case 0xdd:
		return counted(4, 1)
	case 0xde:
		return counted(2, 2)
	case 0xdf:
		return counted(4, 2)
	}
	return nil, false
}

func FuzzNext(f *testing.F) {
	for _, b := range append(corpus(), hostile()...) {
		if len(b) < 1000 {
			f.Add(b, 3)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, depth int) {
		if depth > 100 || depth < 1 {
			depth = DefaultDepth
		}
		n, err := Next(b, Limits{Depth: depth})
		rest, ok := oracle(b, depth)
		if ok != (err == nil) {
			t.Fatalf("Next(% x): %v, the oracle says %v", b, err, ok)
		}
		if ok && n != len(b)-len(rest) {
			t.Fatalf("Next(% x) = %d, the oracle says %d", b, n, len(b)-len(rest))
		}
	})
}
