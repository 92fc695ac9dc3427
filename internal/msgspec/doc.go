// Package msgspec turns Python's plain data into MessagePack and JSON exactly as
// Python's library of that name does when it is told no types, which is how
// Flask-Session stores sessions, and reads either as it does. What was checked against
// the library is in testdata.
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
// Objects are encoded as far as their pickles tell what the library would make of them, see
// [Plain]: subclasses of list, dict and tuple, enums, dataclasses, and datetimes whose time zone is
// one of zoneinfo, pytz or dateutil. Beyond the library, subclasses of str, bytes, int and float
// are encoded as what they are based on, and objects with attributes like dataclasses, from which a
// pickle does not tell them. Others are refused with [pickle.ErrObject].
//
// What neither side may lose in silence is refused with [ErrHold]: ints beyond 64 bits
// in MessagePack, keys such as None or a tuple in JSON, and in both, strs with
// surrogates, times that are not whole microseconds, times outside of the years 1 to
// 9999, extensions, and keys that become equal. Time zones as values of their own,
// which the library cannot encode either, are refused too.
package msgspec
