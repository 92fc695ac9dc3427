"""Writes msgspec.txt: pip install msgspec; python gen_msgspec.py > msgspec.txt

A line is a name, a tab, and the encoding in hex, or its SHA-256 where that is
shorter by much. ../golden_test.go knows by the name which value is meant.
"""

import datetime
import hashlib
import math

import msgspec

UTC = datetime.timezone.utc


class Point(msgspec.Struct):
    x: int
    y: float
    label: str
    tags: list[str]
    raw: bytes
    at: datetime.datetime
    none: None


def emit(name, value):
    b = msgspec.msgpack.encode(value)
    print(f"{name}\t{b.hex() if len(b) <= 1024 else 'sha256:' + hashlib.sha256(b).hexdigest()}")


print(f"# msgspec {msgspec.__version__}")
emit("nil", None)
emit("true", True)
emit("false", False)
for edge in (0, 7, 8, 15, 16, 31, 32, 63):
    for around in (-1, 0, 1):
        i = (1 << edge) + around
        emit(f"int {i}", i)
        if -i >= -(1 << 63):
            emit(f"int {-i}", -i)
emit("int 18446744073709551615", (1 << 64) - 1)
emit("int -32", -32)
emit("int -33", -33)
for f in (0.0, 1.5, -2.25, 0.1, 1e300, 5e-324):
    emit(f"float {f!r}", f)
emit("float +Inf", math.inf)
emit("float -Inf", -math.inf)
emit("float NaN", math.nan)
for n in (0, 1, 31, 32, 255, 256, 65535, 65536):
    emit(f"str {n}", "x" * n)
    emit(f"bin {n}", b"x" * n)
for n in (0, 1, 15, 16, 65535, 65536):
    emit(f"array {n}", [7] * n)
for n in (0, 1, 15, 16, 300):
    emit(f"map {n}", {f"k{i:05}": i for i in range(n)})
emit("unicode", "h\u00e9llo \u4e16\u754c \U0001f9e5")
for n in (1, 2, 3, 4, 5, 8, 16, 17, 255, 256):
    emit(f"ext {n}", msgspec.msgpack.Ext(42, b"x" * n))
epoch = datetime.datetime(1970, 1, 1, tzinfo=UTC)
for us in (0, 1, -1, 10**6, -(10**6), (2**32 - 1) * 10**6, 2**32 * 10**6, 2**34 * 10**6 - 1, 2**34 * 10**6, 1_700_000_000_123_456):
    emit(f"time {us}", epoch + datetime.timedelta(microseconds=us))
emit("time 253402300799999999", datetime.datetime.max.replace(tzinfo=UTC))
emit("time -62135596800000000", datetime.datetime.min.replace(tzinfo=UTC))
emit("nested", {"a": [1, {"b": None, "c": [True, b"\x00"]}], "d": {"e": {"f": []}}})
emit("int keys", {1: "a", 2: "b"})
emit("struct", Point(3, 0.5, "p", ["a", "b"], b"\x01\x02", epoch + datetime.timedelta(days=20000, microseconds=7), None))
