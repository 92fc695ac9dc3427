"""Writes msgspec.txt and reads.txt: pip install msgspec; python gen.py

msgspec.txt: a name; a value, pickled; for MessagePack, then for JSON: what msgspec encodes it as, and what
msgspec decodes that to, pickled, or "!" twice where it refuses. reads.txt: a format; a name; bytes; what msgspec
decodes them to, pickled, or "!". All in hex, separated by tabs. ../golden_test.go knows which differences there are.
"""

import datetime as dt
import decimal
import math
import os
import pickle
import struct
import uuid

import msgspec

UTC = dt.timezone.utc


def zone(**kw):
    return dt.timezone(dt.timedelta(**kw))


def nested(depth):
    v = 0
    for _ in range(depth):
        v = [v]
    return v


when = dt.datetime(2024, 1, 2, 3, 4, 5, 678901)
values = {
    "none": None, "true": True, "false": False,
    "ints": [s * ((1 << e) + d) for e in (0, 5, 7, 8, 15, 16, 31, 32, 63) for d in (-1, 0, 1) for s in (1, -1) if s * ((1 << e) + d) >= -(1 << 63)],
    "uint64": 2**64 - 1, "2^64": 2**64, "-2^63-1": -(2**63) - 1, "1e100": 10**100, "4300 digits": 10**4299,
    "nan": math.nan, "inf": math.inf, "-inf": -math.inf,
    "floats": [0.0, -0.0, 1.0, 1.5, -2.25, 0.1, 1 / 3, 100.0, 5e-324, 1.7976931348623157e308, 123456789012345.6, 9007199254740993.0]
    + [m * 10.0**e for m in (1, -1.2345678) for e in range(-10, 25)],
    "controls": "".join(map(chr, range(0x22))), "punctuation": "\\/<>&'\"\x7f\x80\u2028\ufeff\ufffd", "unicode": "h\u00e9llo \u4e16\U0001f9e5",
    "surrogate": "\ud800", "surrogate pair": "\ud83d\ude00", "surrogate key": {"\udc00": 1},
    "strs": ["x" * n for n in (0, 1, 31, 32, 255, 256)],
    "bytes": [b"", b"\x00\xff", bytes(range(256)), b"a", b"ab", b"abc"], "bytearray": bytearray(b"\x00\xff"),
    "lists": [[], [1], [[], [[]]], list(range(16)), [0] * 70], "tuples": [(), (1, "a"), ((),)], "sets": [set(), {1}, frozenset(), frozenset({"a"})],
    "dicts": [{}, {"a": {"b": [1, {}]}}, {"k%d" % i: i for i in range(20)}],
    "int keys": {1: "a", -2: "b", 2**63: "c"}, "float keys": {1.5: 1, 1e20: 2, -0.0: 3}, "inf key": {math.inf: 1, -math.inf: 2}, "nan key": {math.nan: 1},
    "none key": {None: 1}, "bool keys": {True: 1, False: 2}, "bytes key": {b"\x00\xff": 1}, "tuple key": {(1, "a", (2,)): 1}, "frozenset key": {frozenset({1}): 1},
    "big key": {2**64: 1}, "mixed keys": {1: 1, "a": 2, 2.5: 3},
    "date key": {when.date(): 1}, "datetime keys": {when: 1, when.replace(tzinfo=UTC): 2}, "time key": {when.time(): 1}, "delta key": {dt.timedelta(1): 1},
    "decimal key": {decimal.Decimal("1.50"): 1}, "uuid key": {uuid.UUID(int=5): 1}, "keys made equal": {1: 1, "1": 2}, "keys made equal by text": {when.date(): 1, when.date().isoformat(): 2},
    "aware": when.replace(tzinfo=UTC), "aware, whole second": when.replace(microsecond=0, tzinfo=UTC), "naive": when, "naive, whole second": when.replace(microsecond=0),
    "naive, millisecond": when.replace(microsecond=100000), "fold": dt.datetime(2024, 10, 27, 2, 30, fold=1),
    "years": [dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), dt.datetime(1, 1, 1), dt.datetime.max,
              dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), dt.datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC), dt.datetime(2514, 5, 30, 1, 53, 4, tzinfo=UTC)],
    "before the first year": dt.datetime(1, 1, 1, tzinfo=zone(hours=1)), "after the last year": dt.datetime(9999, 12, 31, 23, tzinfo=zone(hours=-1)),
    "dates": [dt.date(2024, 2, 29), dt.date.min, dt.date.max], "times": [dt.time(), dt.time(1, 2, 3, 4), dt.time(23, 59, 59, 999999), dt.time(1, 2, tzinfo=UTC), dt.time(1, 2, tzinfo=zone(hours=5, minutes=30))],
    "deltas": [dt.timedelta(), dt.timedelta(days=1, seconds=3, microseconds=5), dt.timedelta(seconds=-1.5), dt.timedelta(days=-1, seconds=5), dt.timedelta(microseconds=-1), dt.timedelta(microseconds=100000),
               dt.timedelta.max, dt.timedelta.min, dt.timedelta(days=-1), dt.timedelta(days=3), dt.timedelta(seconds=60), -dt.timedelta(days=1, microseconds=500000)],
    "decimals": [decimal.Decimal(s) for s in ("0", "1.50", "-1E+5", "NaN", "Infinity", "-Infinity", "1E-100")], "uuids": [uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678")],
    "zone": UTC, "deep": nested(60),
    "session": {"_permanent": True, "_flashes": [("message", "hi")], "_user_id": "7", "_fresh": True, "cart": {"items": [1, 2], "at": when.replace(tzinfo=UTC)}},
}
for h, m, s in ((0, 0, 0), (5, 30, 0), (-5, -30, 0), (14, 0, 0), (-12, 0, 0), (5, 30, 29), (5, 30, 30), (5, 30, 31), (-5, -30, -29), (-5, -30, -30), (-5, -30, -31), (0, 0, 20), (0, 0, -20), (0, 0, 40), (0, 0, -40), (23, 59, 59), (-23, -59, -59)):
    values["zone %d:%d:%d" % (h, m, s)] = when.replace(tzinfo=zone(hours=h, minutes=m, seconds=s))
for us in (5, -5, 999999, -999999, 30 * 10**6 + 500000, -30 * 10**6 - 500000, -29 * 10**6 - 500000):
    values["zone of %d us" % us] = when.replace(tzinfo=zone(microseconds=us))

u32, u64 = struct.Struct(">I").pack, struct.Struct(">Q").pack


def ts(ns, s=5):
    return b"\xd7\xff" + u64(ns << 34 | s)


def ts96(ns, s):
    return b"\xc7\x0c\xff" + u32(ns) + u64(s & (1 << 64) - 1)


reads = {
    "msgpack": {
        "empty": b"", "trailing": b"\xc0\xc0", "never": b"\xc1", "cut short": b"\x92\xc0", "promises more": b"\xdd\xff\xff\xff\xff", "pickle": pickle.dumps({}),
        "long forms": b"\x9a\xcc\x01\xcd\x00\x01\xce\x00\x00\x00\x01\xcf" + u64(1) + b"\xd0\x01\xd1\x00\x01\xd2\x00\x00\x00\x01\xd3" + u64(1) + b"\xd9\x01k\xda\x00\x01k",
        "float32": b"\xca\x3f\xc0\x00\x00", "str not UTF-8": b"\xa1\xff", "str with a surrogate": b"\xa3\xed\xa0\x80", "key not UTF-8": b"\x81\xa1\xff\x01",
        "a key twice": b"\x82\xa1a\x01\xa1a\x02", "equal keys": b"\x82\x01\xa1a\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa1b", "list key": b"\x81\x92\x01\x91\x02\x03", "map key": b"\x81\x80\x01", "map in a list key": b"\x81\x91\x80\x01",
        "bytes key": b"\x81\xc4\x01a\x01", "time key": b"\x81" + ts(0) + b"\x01", "nil key": b"\x81\xc0\x01", "extension": b"\xd4\x05\x01", "extension key": b"\x81\xd4\x05\x01\x02",
        "microseconds": ts(1000), "one nanosecond": ts(1), "nanoseconds that round up": ts(999999999), "too many nanoseconds": ts(10**9), "time of 3 bytes": b"\xc7\x03\xff\x00\x00\x00",
        "year 10000": ts96(0, 253402300800), "year 9999": ts96(0, 253402300799), "year 0": ts96(0, -62135596801), "year 1": ts96(0, -62135596800),
    },
    "json": {
        "empty": b"", "white space": b" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", "trailing": b"null null", "cut short": b"[1", "comma": b"[1,]", "leading zero": b"01", "no fraction": b"1.", "bare NaN": b"NaN",
        "-0": b"-0", "-0.0": b"-0.0", "1.0": b"1.0", "1E5": b"1E5", "1e-7": b"1e-7", "1e400": b"1e400", "1e-400": b"1e-400", "many digits": b"0.1234567890123456789012345", "large": b"123456789012345678901234567890.5",
        "uint64": b"18446744073709551615", "2^64": b"18446744073709551616", "-2^63-1": b"-9223372036854775809", "4300 digits": b"1" * 4300, "4301 digits": b"1" * 4301,
        "escapes": rb'"\"\\\/\b\f\n\r\t\u0041\u00e9\ud83e\udde5"', "escaped backslash": rb'"\\ud800"', "lone surrogate": rb'"\ud800"', "lone low surrogate": rb'"\udc00"', "surrogate and a character": rb'"\ud800\u0041"', "two high surrogates": rb'"\ud800\ud800"', "lone in a key": rb'{"\ud800":1}',
        "control": b'"\x01"', "not UTF-8": b'"\xff"', "a key twice": b'{"a":1,"b":2,"a":3}', "time": b'"2024-01-02T03:04:05Z"', "empty key": b'{"":1}',
    },
}


def trial(f, *args):
    try:
        return f(*args).hex()
    except Exception:
        return "!"


def pickled(v):
    return pickle.dumps(v, 4)


os.chdir(os.path.dirname(os.path.abspath(__file__)))
with open("msgspec.txt", "w") as out:
    print("# msgspec", msgspec.__version__, file=out)
    for name, v in values.items():
        line = [name, pickled(v).hex()]
        for m in (msgspec.msgpack, msgspec.json):
            line += [trial(m.encode, v), trial(lambda: pickled(m.decode(m.encode(v))))]
        print(*line, sep="\t", file=out)
with open("reads.txt", "w") as out:
    print("# msgspec", msgspec.__version__, file=out)
    for fmt, cases in reads.items():
        m = getattr(msgspec, fmt)
        for name, b in cases.items():
            print(fmt, name, b.hex(), trial(lambda: pickled(m.decode(b))), sep="\t", file=out)
