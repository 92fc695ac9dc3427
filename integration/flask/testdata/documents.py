"""Random sessions, the same each time for the same number, and what Python's side of the round trip does.

documents.py dump N: a line for each session: its pickle, and what msgspec encodes it as in MessagePack and in JSON, in
hex, "!" where it refuses, and its names as a JSON list in hex. documents.py copies N FORMAT: reads from its standard
input what became of each, a line each, "!" for none: the document and the list of the names whose values stand once
more under "copy of " and the name, in hex; and compares. documents.py write DIR N HASH: stores them in a FileSystemCache. documents.py check DIR N
HASH: reads them from there, and compares each with what it was, with "go" set to its number.
"""

import datetime as dt
import decimal
import hashlib
import math
import pickle
import random
import sys
import uuid

import msgspec
from cachelib.file import FileSystemCache

ZONES = [dt.timezone.utc, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(-dt.timedelta(hours=8)), dt.timezone(dt.timedelta(seconds=3725))]
ALPHABETS = ["abcdefghijklmnopqrstuvwxyz_", "".join(map(chr, range(128))), "\u00e9\u4e16\u754c\U0001f9e5\u2028\ufeff\u0000\"\\"]


def text(r):
    return "".join(r.choices(r.choice(ALPHABETS), k=r.choice([0, 1, 5, 7, 31, 32, 40] if r.random() < 0.98 else [255, 256, 300])))


def when(r):
    return dt.datetime(r.randint(2, 9998), r.randint(1, 12), r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59), r.choice([0, r.randint(0, 999999)]))


def integer(r):
    n = r.choice([r.randint(-200, 200), 1 << r.randint(0, 64), r.getrandbits(63), r.getrandbits(r.randint(65, 200)) if r.random() < 0.05 else 7])
    return (n + r.randint(-1, 1)) * r.choice([1, 1, -1])


SCALARS = [
    lambda r: None,
    lambda r: r.random() < 0.5,
    integer, integer,
    lambda r: r.choice([0.0, -0.0, r.random(), r.gauss(0, 1e10), 10.0 ** r.randint(-300, 300), math.inf, -math.inf]),
    text, text, text,
    lambda r: r.randbytes(r.choice([0, 1, 40])),
    lambda r: bytearray(r.randbytes(3)),
    lambda r: when(r),
    lambda r: when(r).replace(tzinfo=r.choice(ZONES)),
    lambda r: when(r).date(),
    lambda r: when(r).time(),
    lambda r: dt.timedelta(r.randint(-1000, 1000), r.randint(0, 86399), r.choice([0, r.randint(0, 999999)])),
    lambda r: decimal.Decimal(r.randint(-10**9, 10**9)).scaleb(r.randint(-5, 5)),
    lambda r: uuid.UUID(int=r.getrandbits(128)),
]
KEYS = [text, text, text, text, lambda r: r.randint(-1000, 1000), lambda r: r.random(), lambda r: r.randbytes(3), lambda r: when(r).date(), lambda r: uuid.UUID(int=r.getrandbits(128)), lambda r: None, lambda r: (1, text(r))]


def value(r, depth=0):
    kind = r.random()
    if depth > 3 or kind < 0.7:
        return r.choice(SCALARS)(r)
    size = r.choice([0, 1, 2, 3] if depth else [0, 2, 5, 17])
    if kind < 0.82:
        return [value(r, depth + 1) for _ in range(size)]
    if kind < 0.86:
        return tuple(value(r, depth + 1) for _ in range(size))
    if kind < 0.89:
        return r.choice([set, frozenset])(r.sample(range(1000), min(size, 1)))
    keys = KEYS if kind < 0.91 else [text]
    return {r.choice(keys)(r): value(r, depth + 1) for _ in range(size)}


def document(i):
    r = random.Random(i)
    d = {text(r): value(r) for _ in range(r.choice([0, 1, 3, 5, 16]))}
    d.pop("go", None)
    d.update(_permanent=r.random() < 0.5, _flashes=[("message", text(r))])
    return d


def described(v):
    """Tells types, order and the sign of zero apart, where == does not."""
    t = type(v)
    if t in (list, tuple):
        return t.__name__, [described(x) for x in v]
    if t in (set, frozenset):
        return t.__name__, sorted(map(repr, v))
    if t is dict:
        return "dict", [(described(k), described(x)) for k, x in v.items()]
    return t.__name__, repr(v)


def encoded(m, d):
    try:
        return m.encode(d).hex()
    except Exception:
        return "!"


def cache(folder, name):
    return FileSystemCache(folder, threshold=10**6, hash_method=getattr(hashlib, name))


def unordered(v):
    """Is described without the order of dicts, which a map in Go has not."""
    t = type(v)
    if t is list:
        return [unordered(x) for x in v]
    if t is dict:
        return sorted((repr(k), repr(unordered(x))) for k, x in v.items())
    return t.__name__, repr(v)


def check_copies(n, m):
    for i, line in zip(range(n), sys.stdin, strict=True):
        if line == "!\n":
            continue
        data, names = map(bytes.fromhex, line.split())
        got, names, want = m.decode(data), msgspec.json.decode(names), m.decode(m.encode(document(i)))
        del got["_cloakroom"]
        for name in names:
            copied = got.pop("copy of " + name)
            if unordered(copied) != unordered(want[name]):
                sys.exit("session %d: %r is copied as\n     %r\nwant %r" % (i, name, copied, want[name]))
        if described(got) != described(want):
            sys.exit("session %d\nis   %r\nwant %r" % (i, got, want))


def main(command, *args):
    if command == "dump":
        for i in range(int(args[0])):
            d = document(i)
            print(pickle.dumps(d, i % 6).hex(), encoded(msgspec.msgpack, d), encoded(msgspec.json, d), msgspec.json.encode(list(d)).hex(), sep="\t")
        return
    if command == "copies":
        check_copies(int(args[0]), getattr(msgspec, args[1]))
        return
    folder, n, name = args
    c = cache(folder, name)
    if command == "write":
        for i in range(int(n)):
            assert c.set("session:%d" % i, document(i), timeout=3600)
        return
    files = c._file_count
    if files != int(n):
        sys.exit("cachelib counts %d files" % files)
    for i in range(int(n)):
        d = c.get("session:%d" % i)
        if d is None:
            sys.exit("session %d is gone" % i)
        want = document(i)
        want["go"] = i
        if described(d) != described(want):
            sys.exit("session %d\nis   %r\nwant %r" % (i, d, want))


main(*sys.argv[1:])
