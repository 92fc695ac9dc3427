package msgpack

// First bytes, from the MessagePack specification. A name with "fix" is the first of a
// range; the low bits carry the value or the length.
const (
	fixPosMax = 0x7f
	fixMap    = 0x80
	fixArray  = 0x90
	fixStr    = 0xa0
	codeNil   = 0xc0
	codeNever = 0xc1 // the specification promises never to use it
	codeFalse = 0xc2
	codeTrue  = 0xc3
	bin8      = 0xc4
	bin16     = 0xc5
	bin32     = 0xc6
	ext8      = 0xc7
	ext16     = 0xc8
	ext32     = 0xc9
	float32_  = 0xca
	float64_  = 0xcb
	uint8_    = 0xcc
	uint16_   = 0xcd
	uint32_   = 0xce
	uint64_   = 0xcf
	int8_     = 0xd0
	int16_    = 0xd1
	int32_    = 0xd2
	int64_    = 0xd3
	fixExt1   = 0xd4
	fixExt2   = 0xd5
	fixExt4   = 0xd6
	fixExt8   = 0xd7
	fixExt16  = 0xd8
	str8      = 0xd9
	str16     = 0xda
	str32     = 0xdb
	array16   = 0xdc
	array32   = 0xdd
	map16     = 0xde
	map32     = 0xdf
	fixNegMin = 0xe0
)

// fixedSize is the whole length of a value whose first byte alone tells it, and 0 for
// others: those with a length of their own, containers, and codeNever. It is 0 even for
// empty containers, so that depth is counted alike for all.
var fixedSize = func() (t [256]uint8) {
	for c := 0; c <= fixPosMax; c++ {
		t[c] = 1
	}
	for c := fixNegMin; c <= 0xff; c++ {
		t[c] = 1
	}
	for n := range 32 {
		t[fixStr+n] = uint8(1 + n)
	}
	for c, n := range map[int]uint8{
		codeNil: 1, codeFalse: 1, codeTrue: 1,
		float32_: 5, float64_: 9,
		uint8_: 2, uint16_: 3, uint32_: 5, uint64_: 9,
		int8_: 2, int16_: 3, int32_: 5, int64_: 9,
		fixExt1: 3, fixExt2: 4, fixExt4: 6, fixExt8: 10, fixExt16: 18,
	} {
		t[c] = n
	}
	return t
}()

// kind is what a first byte announces.
type kind uint8

const (
	kindInvalid kind = iota
	kindNil
	kindBool
	kindInt
	kindFloat
	kindString
	kindBytes
	kindArray
	kindMap
	kindExt
)

// String names the kind as error messages do.
func (k kind) String() string {
	return [...]string{
		"invalid", "nil", "bool", "int", "float", "str", "bin", "array", "map", "ext",
	}[k]
}

// kindOf returns the kind of the first value of b; kindInvalid if b is empty.
func kindOf(b []byte) kind {
	if len(b) == 0 {
		return kindInvalid
	}
	switch c := b[0]; {
	case c <= fixPosMax, c >= fixNegMin, c >= uint8_ && c <= int64_:
		return kindInt
	case c < fixArray, c == map16, c == map32:
		return kindMap
	case c < fixStr, c == array16, c == array32:
		return kindArray
	case c < codeNil, c >= str8 && c <= str32:
		return kindString
	case c == codeNil:
		return kindNil
	case c == codeFalse, c == codeTrue:
		return kindBool
	case c >= bin8 && c <= bin32:
		return kindBytes
	case c >= ext8 && c <= ext32, c >= fixExt1 && c <= fixExt16:
		return kindExt
	case c == float32_, c == float64_:
		return kindFloat
	}
	return kindInvalid
}
