package msgpack

import (
	"encoding/binary"
	"fmt"
)

// How deep arrays and maps may be nested.
const (
	DefaultDepth = 64     // the nesting allowed when Limits.Depth is zero
	MaxDepth     = 10_000 // the nesting allowed at most
)

// Limits bound what is accepted. The zero value is the default.
type Limits struct {
	// Depth is how deep arrays and maps may be nested: a scalar is at depth 0, an array
	// of scalars needs 1. Zero means DefaultDepth, and a negative Depth allows no array
	// and no map. Values above MaxDepth count as MaxDepth: Append and Unmarshal use stack
	// for each level.
	Depth int
}

func (l Limits) depth() int {
	if l.Depth == 0 {
		return DefaultDepth
	}
	return min(max(l.Depth, 0), MaxDepth)
}

// Next returns the length in bytes of the first value of b, and does not look at what
// follows it. It checks every length and count against the bytes that are there before it
// uses them, so a header that promises more than b holds costs nothing. Next does not
// recurse, and does not allocate while nesting stays within DefaultDepth.
//
// Next checks structure only: a str may hold any bytes, map keys may repeat, and an
// extension may hold anything.
func Next(b []byte, lim Limits) (n int, err error) {
	if len(b) > 0 {
		if n := int(fixedSize[b[0]]); n != 0 && n <= len(b) {
			return n, nil
		}
	}
	return next(b, lim) // apart, so that what stands here is inlined
}

func next(b []byte, lim Limits) (int, error) {
	if len(b) == 0 {
		return 0, errTruncated(0)
	}
	if h, n, ok := sizedHeader(b); ok && n <= uint64(len(b)-h) {
		return h + int(n), nil
	}
	// Clearing the counts of a deep value would take longer than walking over a shallow
	// one.
	var few [8]int
	n, deep, err := walk(b, few[:0], lim.depth())
	if deep {
		return walkDeep(b, lim.depth())
	}
	return n, err
}

func walkDeep(b []byte, maxDepth int) (int, error) {
	var fixed [DefaultDepth]int
	n, _, err := walk(b, fixed[:0], maxDepth)
	return n, err
}

// NextString returns where the str at b[start] begins and ends. It takes and returns
// positions for callers in a loop.
func NextString(b []byte, start int) (begin, end int, err error) {
	if start < len(b) && b[start]&0xe0 == fixStr {
		if end := start + 1 + int(b[start]&0x1f); end <= len(b) {
			return start + 1, end, nil
		}
	}
	return nextString(b, start)
}

func nextString(b []byte, start int) (begin, end int, err error) {
	s, rest, err := ReadString(b[start:])
	end = len(b) - len(rest)
	return end - len(s), end, err
}

// walk is Next for any value. open is empty, and its capacity is for what is owed to the
// containers around the innermost one. If that is too little, though DefaultDepth would
// do, the value is deep.
func walk(b []byte, open []int, maxDepth int) (n int, deep bool, err error) {
	owed := 1 // values still owed to the innermost
	all := 1  // values owed in total, each at least one byte
	i := 0
	for {
		if i >= len(b) {
			return 0, false, errTruncated(len(b))
		}
		c := b[i]
		if n := int(fixedSize[c]); n != 0 {
			if n > len(b)-i {
				return 0, false, errTruncated(len(b))
			}
			i += n
		} else if c < fixStr || c >= array16 {
			h, n, ok := containerHeader(b[i:])
			if !ok {
				return 0, false, errTruncated(len(b))
			}
			if len(open) >= maxDepth {
				return 0, false, fmt.Errorf("%w (at byte %d)", ErrDepth, i)
			}
			i += h
			// All open containers must find their values in b, not just this one.
			if n > uint64(len(b)-i) || int(n) > len(b)-i-(all-1) {
				return 0, false, fmt.Errorf("%w (count at byte %d)", ErrCorrupt, i-h)
			}
			if n > 0 {
				if len(open) == cap(open) && len(open) < DefaultDepth {
					return 0, true, nil
				}
				open = append(open, owed-1)
				owed = int(n)
				all += int(n) - 1
				continue
			}
		} else {
			if c == codeNever {
				return 0, false, fmt.Errorf("%w (byte 0xc1, at byte %d)", ErrCorrupt, i)
			}
			h, n, ok := sizedHeader(b[i:])
			if !ok {
				return 0, false, errTruncated(len(b))
			}
			i += h
			if n > uint64(len(b)-i) {
				return 0, false, fmt.Errorf("%w (length at byte %d)", ErrCorrupt, i-h)
			}
			i += int(n)
		}
		owed--
		all--
		for owed == 0 {
			if len(open) == 0 {
				return i, false, nil
			}
			owed = open[len(open)-1]
			open = open[:len(open)-1]
		}
	}
}

// containerHeader reads the header of the array or map that b starts with: its length h,
// and the number n of values that follow, two for each entry of a map. It is not ok if b
// ends within the header.
func containerHeader(b []byte) (h int, n uint64, ok bool) {
	switch c := b[0]; {
	case c < fixArray:
		return 1, 2 * uint64(c&0x0f), true
	case c < fixStr:
		return 1, uint64(c & 0x0f), true
	case len(b) < 3:
		return 0, 0, false
	case c == array16:
		return 3, uint64(binary.BigEndian.Uint16(b[1:])), true
	case c == map16:
		return 3, 2 * uint64(binary.BigEndian.Uint16(b[1:])), true
	case len(b) < 5:
		return 0, 0, false
	case c == array32:
		return 5, uint64(binary.BigEndian.Uint32(b[1:])), true
	default:
		return 5, 2 * uint64(binary.BigEndian.Uint32(b[1:])), true
	}
}

// sizedHeader reads the header of the str, bin or ext that b starts with, if it carries a
// length: the header's length h, with the type byte of an ext, and the length n of the
// data. It is not ok if b ends within the header.
func sizedHeader(b []byte) (h int, n uint64, ok bool) {
	var width, extra int
	switch b[0] {
	case str8, bin8:
		width = 1
	case str16, bin16:
		width = 2
	case str32, bin32:
		width = 4
	case ext8:
		width, extra = 1, 1
	case ext16:
		width, extra = 2, 1
	case ext32:
		width, extra = 4, 1
	default:
		return 0, 0, false
	}
	h = 1 + width + extra
	if len(b) < h {
		return 0, 0, false
	}
	switch width {
	case 1:
		n = uint64(b[1])
	case 2:
		n = uint64(binary.BigEndian.Uint16(b[1:]))
	default:
		n = uint64(binary.BigEndian.Uint32(b[1:]))
	}
	return h, n, true
}
