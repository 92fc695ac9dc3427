package msgpack

import (
	"encoding/binary"
	"math"
)

// The appenders write the shortest form. They panic on lengths beyond the format's 32
// bits, which are a bug of the caller; Append returns ErrTooLarge instead.

// AppendNil appends nil.
func AppendNil(dst []byte) []byte { return append(dst, codeNil) }

// AppendBool appends a bool.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, codeTrue)
	}
	return append(dst, codeFalse)
}

// AppendInt appends an integer in its shortest form; one that is not negative
// is encoded exactly as AppendUint does.
func AppendInt(dst []byte, i int64) []byte {
	switch {
	case i >= 0:
		return AppendUint(dst, uint64(i))
	case i >= -32:
		return append(dst, byte(i))
	case i >= math.MinInt8:
		return append(dst, int8_, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, int16_), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, int32_), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(dst, int64_), uint64(i))
}

// AppendUint appends an integer in its shortest form.
func AppendUint(dst []byte, u uint64) []byte {
	switch {
	case u <= fixPosMax:
		return append(dst, byte(u))
	case u <= math.MaxUint8:
		return append(dst, uint8_, byte(u))
	case u <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, uint16_), uint16(u))
	case u <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, uint32_), uint32(u))
	}
	return binary.BigEndian.AppendUint64(append(dst, uint64_), u)
}

// AppendFloat32 appends a float of 32 bits.
func AppendFloat32(dst []byte, f float32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, float32_), math.Float32bits(f))
}

// AppendFloat64 appends a float of 64 bits, even where 32 would do: its decoded type must
// not depend on its value.
func AppendFloat64(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, float64_), math.Float64bits(f))
}

// AppendString appends a str. Any bytes are kept as they are.
func AppendString(dst []byte, s string) []byte {
	return append(AppendStringHeader(dst, len(s)), s...)
}

// AppendStringHeader appends the header of a str; its n bytes must follow.
func AppendStringHeader(dst []byte, n int) []byte {
	if uint(n) < 32 {
		return append(dst, fixStr|byte(n))
	}
	return appendLength(dst, n, str8, str16, str32)
}

// AppendBytes appends a bin; a nil slice is an empty bin.
func AppendBytes(dst, b []byte) []byte {
	return append(AppendBytesHeader(dst, len(b)), b...)
}

// AppendBytesHeader appends the header of a bin; its n bytes must follow.
func AppendBytesHeader(dst []byte, n int) []byte {
	return appendLength(dst, n, bin8, bin16, bin32)
}

// AppendArrayHeader appends the header of an array; its n elements must follow.
func AppendArrayHeader(dst []byte, n int) []byte {
	if uint(n) < 16 {
		return append(dst, fixArray|byte(n))
	}
	return appendLength(dst, n, 0, array16, array32)
}

// AppendMapHeader appends the header of a map; its n keys and values must
// follow, alternating.
func AppendMapHeader(dst []byte, n int) []byte {
	if uint(n) < 16 {
		return append(dst, fixMap|byte(n))
	}
	return appendLength(dst, n, 0, map16, map32)
}

// AppendExt appends an extension.
func AppendExt(dst []byte, typ int8, data []byte) []byte {
	switch len(data) {
	case 1:
		dst = append(dst, fixExt1)
	case 2:
		dst = append(dst, fixExt2)
	case 4:
		dst = append(dst, fixExt4)
	case 8:
		dst = append(dst, fixExt8)
	case 16:
		dst = append(dst, fixExt16)
	default:
		dst = appendLength(dst, len(data), ext8, ext16, ext32)
	}
	return append(append(dst, byte(typ)), data...)
}

// appendLength appends the shortest of three headers that holds n. c8 is 0 if the format
// has no such form.
func appendLength(dst []byte, n int, c8, c16, c32 byte) []byte {
	switch {
	case uint64(n) <= math.MaxUint8 && c8 != 0:
		return append(dst, c8, byte(n))
	case uint64(n) <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, c16), uint16(n))
	case fits(n):
		return binary.BigEndian.AppendUint32(append(dst, c32), uint32(n))
	}
	panic("msgpack: length out of range")
}

// fits reports whether the format can express the length n.
func fits(n int) bool { return uint64(n) <= math.MaxUint32 }
