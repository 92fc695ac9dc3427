// Package pickle reads and writes Python's pickles, protocols 0 to 5, without executing
// anything. A pickle is a program for a small stack machine; this machine has no
// instruction that calls what a pickle names. It recognises the names of plain data, such
// as datetime.date and decimal.Decimal. It keeps any other object as a graph: what was to
// be called, with what, and what was to be done to the result. Written again, the graph
// makes an equal object in Python.
//
// The input need not be trusted. Nothing recurses over it while it is read, no length is
// allocated before its bytes are there, and its length bounds steps and memory.
// [ErrObject] refuses what has a meaning for one application only, or needs buffers from
// outside: persistent ids, and codes of the extension registry.
//
// # Values
//
//	None                    nil
//	bool                    bool
//	int                     int64, or *big.Int beyond it, of at most MaxDigits digits
//	float                   float64
//	str                     string: UTF-8, and surrogates, as Python allows, in three bytes each
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
// A datetime or time in another time zone is an *Object, and so is any value above that
// was made in an unusual way.
//
// A pickle may hold one value in several places, or a list within itself. Such values are
// shared here too, and are written so that Python shares them. Other code that walks over
// values must bound depth and number: see [MaxDepth] and [Budget].
package pickle
