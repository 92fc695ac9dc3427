package msgpack

import (
	"encoding/binary"
	"testing"
)

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
