"""Writes pickles.txt: python gen.py > pickles.txt, with Python 3.8 or later and nothing else.

A line is a name, the protocol, the pickle in hex, and a description of the value: what ../read_test.go
makes of the same pickle must be described alike. "object" as a description means that it is refused.
"""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import math
import pickle
import struct
import uuid

UTC = dt.timezone.utc


def text(s):
    return s.encode("utf-8", "surrogatepass").hex()


def zone(z):
    if z is None:
        return "-"
    name = text(z.tzname(None)) if len(z.__getinitargs__()) == 2 else "-"
    return describe(z.utcoffset(None)) + "/" + name


def describe(v):
    t = type(v)
    if v is None or t is bool:
        return str(v)
    if t is int:
        return "i%d" % v
    if t is float:
        return "f" + struct.pack(">d", v).hex()
    if t is str:
        return "s" + text(v)
    if t is bytes:
        return "b" + v.hex()
    if t is bytearray:
        return "B" + bytes(v).hex()
    if t is list:
        return "[" + ",".join(map(describe, v)) + "]"
    if t is tuple:
        return "(" + ",".join(map(describe, v)) + ")"
    if t is dict:
        return "{" + ",".join(describe(k) + ":" + describe(x) for k, x in v.items()) + "}"
    if t in (set, frozenset):
        return t.__name__ + "<" + ",".join(sorted(map(describe, v))) + ">"
    if t is dt.datetime:
        return "datetime %s %d %s" % (v.replace(tzinfo=None, fold=0).isoformat(timespec="microseconds"), v.fold, zone(v.tzinfo))
    if t is dt.date:
        return "date " + v.isoformat()
    if t is dt.time:
        return "time %s %d %s" % (v.replace(tzinfo=None, fold=0).isoformat(timespec="microseconds"), v.fold, zone(v.tzinfo))
    if t is dt.timedelta:
        return "delta %d %d %d" % (v.days, v.seconds, v.microseconds)
    if t is dt.timezone:
        return "zone " + zone(v)
    if t is decimal.Decimal:
        return "decimal " + str(v)
    if t is uuid.UUID:
        return "uuid " + v.hex
    return "object"


class Thing:
    def __init__(self):
        self.x = 1


class Text(str):
    pass


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int


def nested(depth):
    v = 0
    for _ in range(depth):
        v = [v]
    return v


shared = ["x"]
values = {
    "none": None, "true": True, "false": False,
    "ints": [0, 1, -1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**100, -(10**100)],
    "long int": 10**4299, "wide int": 1 << 2040, "wide negative int": -(1 << 2040),
    "floats": [0.0, -0.0, 1.5, 1e300, 5e-324, 0.1, math.inf, -math.inf],
    "nan": math.nan,
    "strs": ["", "x", "h\u00e9llo \u4e16\U0001f9e5", "\n\r\\'\"", "\x00\x1a", "\ud800", "a\udfffb", "\ud83d\ude00", "\\u0041", "x" * 256],
    "bytes": [b"", b"x", b"\x00\xff\n", bytes(range(256)), b"z" * 300],
    "bytearrays": [bytearray(b""), bytearray(b"\x00\xff")],
    "lists": [[], [1], [[], [[]]]],
    "long list": [7] * 1100,
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),)],
    "dicts": [{}, {"a": 1}, {"a": {"b": {}}}, {1: 2, 1.5: 3, None: 4, (1, "x"): 5, b"k": 6, frozenset({1}): 7, dt.date(2024, 2, 29): 8}],
    "long dict": {i: 7 for i in range(1100)},
    "sets": [set(), {1}, {1, "a", (2, 3)}],
    "frozensets": [frozenset(), frozenset({1}), frozenset({1, "a"})],
    "shared": [shared, shared, {"k": shared}],
    "datetimes": [dt.datetime(2024, 2, 29, 23, 59, 58, 999999), dt.datetime(1, 1, 1), dt.datetime.max, dt.datetime(2024, 1, 2, tzinfo=UTC),
                  dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=-5, minutes=-30))),
                  dt.datetime(2024, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=1), "CET"))],
    "dates": [dt.date(2024, 2, 29), dt.date.min, dt.date.max],
    "times": [dt.time(), dt.time(23, 59, 58, 999999), dt.time(1, 2, tzinfo=UTC)],
    "deltas": [dt.timedelta(), dt.timedelta(1, 2, 3), dt.timedelta(microseconds=-1), dt.timedelta.max, dt.timedelta.min],
    "zones": [UTC, dt.timezone(dt.timedelta(seconds=1)), dt.timezone(dt.timedelta(0), "Z")],
    "decimals": [decimal.Decimal(s) for s in ("0", "1.50", "-1E+5", "NaN", "Infinity", "-Infinity", "sNaN123", "1E-100")],
    "uuids": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-1234-5678-1234-567812345678")],
    "session": {"_permanent": True, "_flashes": [("message", "hi"), ("error", "no")], "_user_id": "7", "_fresh": True, "cart": {"items": [1, 2], "at": dt.datetime(2024, 1, 2, 3, 4, 5, 6, UTC)}},
    "deep": nested(60),
    "thing": {"x": Thing()}, "text": [Text("x")], "color": [Color.RED], "point": Point(1), "complex": 1j, "range": range(3),
    "ordered": collections.OrderedDict(a=1), "default": collections.defaultdict(int, a=1), "class": int, "function": [len],
}
refused = {"thing", "text", "color", "point", "complex", "range", "ordered", "default", "class", "function"}
folds = {"fold": [dt.datetime(2024, 10, 27, 2, 30, fold=1), dt.time(2, 30, fold=1)]}

for name, v in values.items():
    for protocol in range(6):
        print(name, protocol, pickle.dumps(v, protocol).hex(), "object" if name in refused else describe(v), sep="\t")
for name, v in folds.items():  # lost by protocols before 4
    for protocol in (4, 5):
        print(name, protocol, pickle.dumps(v, protocol).hex(), describe(v), sep="\t")
# Python 2 pickled its str like this.
for name, p in {
    "python 2": b"(dp0\nS'name'\np1\nS'it\\'s \\x41\\n\\\\ \"q\"'\np2\nsS'n'\np3\nL5L\nsS'u'\nV\\u20ac\nsS'b'\nI01\ns.",
    "python 2 binary": b"\x80\x02}q\x00(U\x04nameq\x01T\x02\x00\x00\x00hiq\x02u.",
}.items():
    print(name, 2, p.hex(), describe(pickle.loads(p)), sep="\t")
