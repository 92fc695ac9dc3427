// Package msgspec turns Python's plain data into MessagePack and JSON, and back, exactly
// as Python's library of that name does without types, which is how Flask-Session stores
// sessions. The files in testdata were made by the library.
//
// Both formats know fewer types than Python, so a value may come back as another:
//
//	                      through MessagePack     through JSON
//	tuple, set, frozenset list                    list
//	bytes, bytearray      bytes                   str, in base64
//	datetime, aware       datetime in UTC         str, with the offset in minutes
//	datetime, naive       str                     str
//	date, time, timedelta str                     str
//	Decimal, UUID         str                     str
//	nan, inf, -inf        the same                None
//	keys of a dict        as above; a list as     str
//	                      a key is a tuple
//
// Objects are encoded if their pickles tell what the library would make of them, see
// [Plain]: subclasses of list, dict and tuple, enums, dataclasses, and datetimes in time
// zones of zoneinfo, pytz or dateutil. Going beyond the library, it encodes subclasses of
// str, bytes, int and float as what they are based on, and objects with attributes as
// dataclasses, since a pickle does not tell these apart. [pickle.ErrObject] refuses
// others.
//
// [ErrHold] refuses what would be lost in silence: ints beyond 64 bits in MessagePack,
// keys such as None or a tuple in JSON, and in both, strs with surrogates, times that are
// not whole microseconds, times outside of the years 1 to 9999, extensions, time zones as
// values of their own, and keys that become equal.
package msgspec
