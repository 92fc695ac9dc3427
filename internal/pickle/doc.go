// Package pickle reads and writes pickles of Python's plain data, protocols 0 to 5, without executing
// anything: a pickle is a program for a small stack machine, and this machine has no instruction that
// calls what a pickle names. The few names that stand for plain data, such as datetime.date and
// decimal.Decimal, are recognised; any other object is refused with [ErrObject].
//
// It is made for input that cannot be trusted. Nothing recurses over it, no length is allocated before
// the bytes that it promises are seen to be there, and the number of values is bounded.
//
// # Values
//
//	None                    nil
//	bool                    bool
//	int                     int64, or *big.Int beyond it, of at most MaxDigits digits
//	float                   float64
//	str                     string: UTF-8, but surrogates, which Python allows alone, stand in three bytes each
//	bytes, bytearray        Bytes, ByteArray
//	tuple, list             Tuple, *List
//	dict                    *Dict, in order of insertion
//	set, frozenset          *Set
//	datetime.datetime       DateTime, whose zone is nil or a Zone
//	datetime.date           Date
//	datetime.time           Time
//	datetime.timedelta      Delta
//	datetime.timezone       Zone
//	decimal.Decimal         Decimal
//	uuid.UUID               UUID
//
// A pickle may hold one value in several places, or a list within itself. Such values are shared here
// too, so whoever walks over them bounds depth and number: see [MaxDepth] and [Budget].
package pickle
