package msgpack

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The readers decode the first value of b and return what follows it as rest, nil on an
// error. They do not allocate.

// ReadMapHeader reads the header of a map and returns its number of entries. rest has
// their keys and values, and is long enough to hold them.
func ReadMapHeader(b []byte) (count int, rest []byte, err error) {
	if len(b) > 0 && b[0]&0xf0 == fixMap && 2*int(b[0]&0x0f) < len(b) {
		return int(b[0] & 0x0f), b[1:], nil
	}
	count, rest, err = readHeader(b, kindMap)
	return count / 2, rest, err
}

// ReadArrayHeader reads the header of an array and returns its number of elements. rest
// has them, and is long enough to hold them.
func ReadArrayHeader(b []byte) (count int, rest []byte, err error) {
	return readHeader(b, kindArray)
}

func readHeader(b []byte, want kind) (n int, rest []byte, err error) {
	if kindOf(b) != want {
		return 0, nil, errKind(b, want)
	}
	h, count, ok := containerHeader(b)
	if !ok {
		return 0, nil, errTruncated(len(b))
	}
	rest = b[h:]
	if count > uint64(len(rest)) {
		return 0, nil, fmt.Errorf("%w (count of %v)", ErrCorrupt, want)
	}
	return int(count), rest, nil
}

// ReadString reads a str. s is a part of b, not a copy, and may be any bytes: it is not
// checked for UTF-8.
func ReadString(b []byte) (s, rest []byte, err error) {
	if len(b) > 0 && b[0]&0xe0 == fixStr {
		n := 1 + int(b[0]&0x1f)
		if n > len(b) {
			return nil, nil, errTruncated(len(b))
		}
		return b[1:n:n], b[n:], nil
	}
	return readSized(b, kindString)
}

// ReadBytes reads a bin. s is a part of b, not a copy.
func ReadBytes(b []byte) (s, rest []byte, err error) {
	return readSized(b, kindBytes)
}

// readSized reads a str or bin with a length of its own.
func readSized(b []byte, want kind) (s, rest []byte, err error) {
	if kindOf(b) != want {
		return nil, nil, errKind(b, want)
	}
	h, n, ok := sizedHeader(b)
	if !ok {
		return nil, nil, errTruncated(len(b))
	}
	if n > uint64(len(b)-h) {
		return nil, nil, fmt.Errorf("%w (length of %v)", ErrCorrupt, want)
	}
	end := h + int(n)
	return b[h:end:end], b[end:], nil
}

// ReadInt reads an integer in any of its encodings. One above math.MaxInt64
// is ErrOverflow.
func ReadInt(b []byte) (i int64, rest []byte, err error) {
	if len(b) >= 9 && b[0] == uint64_ && b[1] < 0x80 { // the times in every record are such
		return int64(binary.BigEndian.Uint64(b[1:])), b[9:], nil
	}
	u, neg, rest, err := readInteger(b)
	if err == nil && !neg && u > math.MaxInt64 {
		return 0, nil, fmt.Errorf("%w: int above int64", ErrOverflow)
	}
	return int64(u), rest, err
}

// ReadUint reads an integer in any of its encodings. A negative one is
// ErrOverflow.
func ReadUint(b []byte) (u uint64, rest []byte, err error) {
	u, neg, rest, err := readInteger(b)
	if err == nil && neg {
		return 0, nil, fmt.Errorf("%w: negative int in uint64", ErrOverflow)
	}
	return u, rest, err
}

// readInteger returns a negative integer as its two's complement, with neg.
func readInteger(b []byte) (u uint64, neg bool, rest []byte, err error) {
	if kindOf(b) != kindInt {
		return 0, false, nil, errKind(b, kindInt)
	}
	n := int(fixedSize[b[0]])
	if n > len(b) {
		return 0, false, nil, errTruncated(len(b))
	}
	rest = b[n:]
	signed := true
	var i int64
	switch c := b[0]; c {
	case uint8_:
		u, signed = uint64(b[1]), false
	case uint16_:
		u, signed = uint64(binary.BigEndian.Uint16(b[1:])), false
	case uint32_:
		u, signed = uint64(binary.BigEndian.Uint32(b[1:])), false
	case uint64_:
		u, signed = binary.BigEndian.Uint64(b[1:]), false
	case int8_:
		i = int64(int8(b[1]))
	case int16_:
		i = int64(int16(binary.BigEndian.Uint16(b[1:])))
	case int32_:
		i = int64(int32(binary.BigEndian.Uint32(b[1:])))
	case int64_:
		i = int64(binary.BigEndian.Uint64(b[1:]))
	default:
		i = int64(int8(c))
	}
	if signed {
		u, neg = uint64(i), i < 0
	}
	return u, neg, rest, nil
}

// ReadBool reads a bool.
func ReadBool(b []byte) (v bool, rest []byte, err error) {
	if kindOf(b) != kindBool {
		return false, nil, errKind(b, kindBool)
	}
	return b[0] == codeTrue, b[1:], nil
}

// ReadNil reads a nil.
func ReadNil(b []byte) (rest []byte, err error) {
	if kindOf(b) != kindNil {
		return nil, errKind(b, kindNil)
	}
	return b[1:], nil
}

// ReadFloat64 reads a float of either width, and nothing else.
func ReadFloat64(b []byte) (f float64, rest []byte, err error) {
	if kindOf(b) != kindFloat {
		return 0, nil, errKind(b, kindFloat)
	}
	n := int(fixedSize[b[0]])
	if n > len(b) {
		return 0, nil, errTruncated(len(b))
	}
	if b[0] == float32_ {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[1:]))), b[n:], nil
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[1:])), b[n:], nil
}

// ReadExt reads an extension. Its data are a part of b, not a copy.
func ReadExt(b []byte) (typ int8, data, rest []byte, err error) {
	if kindOf(b) != kindExt {
		return 0, nil, nil, errKind(b, kindExt)
	}
	h, n := 2, uint64(fixedSize[b[0]])
	if n != 0 {
		n -= 2
	} else {
		var ok bool
		if h, n, ok = sizedHeader(b); !ok {
			return 0, nil, nil, errTruncated(len(b))
		}
	}
	if len(b) < h || n > uint64(len(b)-h) {
		return 0, nil, nil, fmt.Errorf("%w (length of ext)", ErrCorrupt)
	}
	end := h + int(n)
	return int8(b[h-1]), b[h:end:end], b[end:], nil
}
