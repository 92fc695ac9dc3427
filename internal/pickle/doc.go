// Package pickle reads and writes pickles of Python, protocols 0 to 5, without
// executing anything: a pickle is a program for a small stack machine, and this machine
// has no instruction that calls what a pickle names. The few names that stand for plain
// data, such as datetime.date and decimal.Decimal, are recognised. Any other object is
// kept as a graph of what was to be called, with what, and what was to be done to the
// result; it can be written again, and Python then makes an equal object.
//
// It is made for input that cannot be trusted. Nothing recurses over it while it is
// read, no length is allocated before the bytes that it promises are seen to be there,
// and steps and memory are bounded by its length. What has a meaning only for one
// application, or needs buffers from outside, is refused with [ErrObject]: persistent
// ids, and codes of the extension registry.
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
//	a class or a function   Global
//	any other object        *Object
//
// A datetime or time with another time zone is an *Object, as is anything above that
// was made in an unusual way.
//
// A pickle may hold one value in several places, or a list within itself. Such values
// are shared here too, and are written so that they are for Python. Whoever else walks
// over them bounds depth and number: see [MaxDepth] and [Budget].
package pickle
