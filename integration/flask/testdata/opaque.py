"""Sessions with values of every kind that pickle takes, and whether they are the same after Go changed another value.

python opaque.py dump: prints a name, a protocol and a session, pickled, in hex.
python opaque.py check FILE: reads lines of a name, a session and what Go made of it, in hex.
"""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import ipaddress
import math
import operator
import pathlib
import pickle
import re
import sys
import types
import uuid
from zoneinfo import ZoneInfo

UTC = dt.timezone.utc
C = collections


class Text(str):
    pass


class Whole(int):
    pass


class Listing(list):
    pass


class Mapping(dict):
    pass


class Group(set):
    pass


class Pair(tuple):
    pass


class Moment(dt.datetime):
    pass


class Color(enum.Enum):
    RED = "red"
    TUPLE = (1, 2)


class Size(enum.IntEnum):
    LARGE = 3


class Access(enum.IntFlag):
    READ = 4
    WRITE = 2


@dataclasses.dataclass
class Item:
    sku: str
    tags: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Tight:
    a: int


class Node:
    def __init__(self, *links):
        self.links = list(links)


class Slotted:
    __slots__ = ("a", "b")


class Stateful:
    def __getstate__(self):
        return [self.a, (self.a,)]

    def __setstate__(self, state):
        self.a = state[0]


class Made:
    def __new__(cls, a, *, b):
        made = super().__new__(cls)
        made.a, made.b = a, b
        return made

    def __getnewargs_ex__(self):
        return (self.a,), {"b": self.b}


class Reduced:
    """One that adds items to itself in every way there is."""

    def __init__(self, start):
        self.calls = [("start", start)]

    def append(self, item):
        self.calls.append(("append", item))

    def extend(self, items):
        self.calls.extend(("append", item) for item in items)

    def __setitem__(self, key, value):
        self.calls.append((key, value))

    def __reduce__(self):
        items = [v for k, v in self.calls if k == "append"]
        return Reduced, (self.calls[0][1],), None, iter(items), iter([c for c in self.calls if c[0] not in ("start", "append")])


Point = C.namedtuple("Point", "x y")


def attributed(v, **attributes):
    v.__dict__.update(attributes)
    return v


def nested(depth, v=0, wrap=lambda v: [v]):
    for _ in range(depth):
        v = wrap(v)
    return v


def cyclic_list():
    v = [1]
    v.append(v)
    return v


def cyclic_dict():
    v = {}
    v["me"] = v
    v["list"] = [v]
    return v


def cyclic_tuple(n):
    inner = []
    v = (inner,) * n
    inner.append(v)
    return v


def cyclic_node():
    a = Node()
    b = Node(a)
    a.links += [b, a, [b]]
    return a


def cyclic_frozenset():
    node = Node()
    v = frozenset([node, 1])
    node.links.append(v)
    return v


def reduced():
    v = Reduced([1])
    v.append("x")
    v["k"] = [2]
    return v


def slotted():
    v = Slotted()
    v.a = [1]
    return v


def stateful():
    v = Stateful()
    v.a = {"x": 1}
    return v


shared, text = [1, 2], "x" * 300
summer = dt.datetime(2024, 7, 1, 2, 30)
values = {
    "plain": [None, True, 1, -1, 2**63, 2**64 - 1, 1.5, math.inf, "h\u00e9", b"\x00\xff", bytearray(b"ab"), (1, (2,)), {1}, frozenset({2}), {"a": {"b": 1}}],
    "surrogate": "a\ud800", "large ints": [2**64, -(2**70), 10**4000], "nan": math.nan, "empty ones": [[], {}, (), set(), frozenset(), "", b"", bytearray()],
    "keys": {1: "a", "1": "b", None: 3, (1, "x"): 4, b"k": 5, frozenset({1}): 6, dt.date(2024, 1, 1): 7, uuid.UUID(int=5): 8, 1.5: 9, Color.RED: 10, Point(1, 2): 11, Text("t"): 12, 2**70: 13, int: 14, "\ud800": 15, dt.datetime(2024, 1, 1, tzinfo=UTC): 16},
    "keys made equal": {dt.date(2024, 1, 1): 1, "2024-01-01": 2, Color.RED: 3, "red": 4},
    "times": [summer, summer.replace(tzinfo=UTC), summer.replace(tzinfo=dt.timezone(dt.timedelta(hours=1), "CET")), summer.replace(fold=1), dt.date(2024, 1, 1), dt.time(1, 2, fold=1), dt.time(1, tzinfo=UTC), dt.timedelta(-1, 5), UTC, dt.timezone(dt.timedelta(1 / 48))],
    "zones": [summer.replace(tzinfo=ZoneInfo("Europe/Berlin")), summer.replace(tzinfo=ZoneInfo("UTC")), ZoneInfo("America/New_York"), dt.time(1, tzinfo=ZoneInfo("UTC")), Moment(2024, 1, 1)],
    "decimals": [decimal.Decimal(s) for s in ("1.50", "NaN", "-Infinity")], "uuids": [uuid.UUID(int=1), uuid.UUID(int=2**128 - 1)], "uuid with a state": uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe),
    "subclasses": [Text("a"), Whole(5), Listing([1]), Mapping(a=1), Group([1]), Pair((1, 2)), Text(""), Mapping(), Listing()], "with attributes": [attributed(Text("a"), b=[1]), attributed(Mapping(a=1), b=2), attributed(Listing([1]), b=3), attributed(Group([1]), b=4)],
    "enums": [Color.RED, Color.TUPLE, Size.LARGE, Access.READ | Access.WRITE, re.IGNORECASE], "dataclasses": [Item("a", ["x"]), Tight(1)], "namedtuple": Point([1], {"a": Point(3, 4)}),
    "collections": [C.OrderedDict(b=1, a=C.OrderedDict()), C.defaultdict(list, a=[1]), C.defaultdict(functools.partial(dict, a=1)), C.Counter("aab"), C.deque([1, 2], 5), C.deque(), C.ChainMap({"a": 1})],
    "objects": [Node(1), slotted(), stateful(), Made(1, b=[2]), reduced(), object(), types.SimpleNamespace(a=1), Exception("no", 1), ValueError()],
    "of the library": [1j, range(3), slice(1, 2), ..., NotImplemented, type(None), len, int, math.sin, str.upper, "x".join, [].append, operator.itemgetter(1, 2), functools.partial(int, base=2), fractions.Fraction(1, 3), ipaddress.ip_network("10.0.0.0/8"), pathlib.PurePosixPath("/a/b"), re.compile("a+", re.I), array.array("i", [1, 2]), Color, iter([1, 2])],
    "shared": [shared, shared, {"k": shared}, (shared,)], "shared text": {"a": text, "b": [text, text]}, "shared object": (lambda n: [n, {"n": n}, n])(Node()), "shared bytearray": (lambda b: [b, b])(bytearray(b"x")), "two bytearrays": [bytearray(b"x"), bytearray(b"x")],
    "shared tuple": (lambda v: [v, v, {"t": v}])((1, [2])), "shared frozenset": (lambda v: [v, {v: v}])(frozenset({1})),
    "cyclic list": cyclic_list(), "cyclic dict": cyclic_dict(), "cyclic tuple": cyclic_tuple(1), "cyclic tuple of five": cyclic_tuple(5), "cyclic object": cyclic_node(), "cyclic frozenset": cyclic_frozenset(),
    "deep": nested(300), "deep tuples": nested(300, wrap=lambda v: (v,)), "deep dicts": nested(300, wrap=lambda v: {"k": v}), "deep objects": nested(80, wrap=lambda v: Node(v)), "doublings": nested(8, wrap=lambda v: [v, v]),
    "long list": list(range(3000)), "long dict": {"k%d" % i: Text(i) for i in range(3000)}, "long set": set(range(3000)), "long object": Listing(range(3000)),
    "flashes": [("message", "hi"), ("message", Text("<b>")), ("errors", {"email": ["bad"]}), (None, 404), ("odd", Node())], "half readable": {"a": 1, "b": Node(), "c": [1, Node(), {"d": 2**70}]},
}
try:
    from markupsafe import Markup

    values["markup"] = [("message", Markup("<b>hi</b>"))]
    from werkzeug.datastructures import Headers, ImmutableMultiDict, MultiDict

    values["werkzeug"] = [MultiDict([("a", "1"), ("a", "2")]), ImmutableMultiDict([("a", "1")]), Headers([("A", "b")])]
    from dateutil import tz

    values["dateutil"] = [summer.replace(tzinfo=tz.tzutc()), summer.replace(tzinfo=tz.tzoffset("X", 60)), summer.replace(tzinfo=tz.gettz("Europe/Berlin"))]
except ImportError:
    pass

identified = (list, dict, set, frozenset, tuple, bytearray, Node, Text)


class Different(Exception):
    pass


def same(a, b, seen, path="v"):
    """Raises unless a and b are the same, and share the same within themselves."""
    if type(a) is not type(b):
        raise Different("%s: %r and %r" % (path, type(a), type(b)))
    if isinstance(a, identified) and a != () and not (isinstance(a, frozenset) and not a):
        if id(a) in seen or -id(b) in seen:
            if seen.get(id(a)) is not b or seen.get(-id(b)) is not a:
                raise Different("%s: shared otherwise" % path)
            return
        seen[id(a)], seen[-id(b)] = b, a
    if isinstance(a, dict) and not isinstance(a, C.Counter):
        if len(a) != len(b):
            raise Different("%s: %d and %d keys" % (path, len(a), len(b)))
        for (ka, va), (kb, vb) in zip(a.items(), b.items()):
            same(ka, kb, seen, path + " key")
            same(va, vb, seen, "%s[%.20r]" % (path, ka))
    elif isinstance(a, (list, tuple, C.deque)):
        if len(a) != len(b) or getattr(a, "maxlen", 0) != getattr(b, "maxlen", 0):
            raise Different("%s: lengths" % path)
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, seen, "%s[%d]" % (path, i))
    elif isinstance(a, (set, frozenset)):
        if any(isinstance(x, Node) for x in a):
            a, b = (sorted(s, key=lambda x: isinstance(x, Node)) for s in (a, b))
            for x, y in zip(a, b):
                same(x, y, seen, path + " item")
        elif a != b:
            raise Different(path)
    elif isinstance(a, (dt.datetime, dt.time)):
        if repr(a) != repr(b):
            raise Different("%s: %r and %r" % (path, a, b))
    elif type(a).__module__ in ("__main__", "types") and not isinstance(a, (enum.Enum, str, int, dt.datetime)):
        pass
    elif isinstance(a, (Exception, functools.partial, re.Pattern, operator.itemgetter)) or type(a).__name__ in ("object", "list_iterator", "builtin_function_or_method", "ChainMap", "Headers"):
        if isinstance(a, C.ChainMap):
            same(a.maps, b.maps, seen, path)
        elif type(a).__name__ == "list_iterator":
            same(list(a), list(b), seen, path)
        elif type(a) is not object and re.sub("0x[0-9a-f]+", "", repr(a)) != re.sub("0x[0-9a-f]+", "", repr(b)):
            raise Different("%s: %r and %r" % (path, a, b))
    elif a != b and not (a != a and b != b):
        raise Different("%s: %r and %r" % (path, a, b))
    if hasattr(a, "__dict__") and not isinstance(a, (type, enum.Enum, types.FunctionType)) and type(a).__module__ == "__main__":
        same(a.__dict__, b.__dict__, seen, path + ".__dict__")
    for slot in getattr(type(a), "__slots__", ()) if type(a).__module__ == "__main__" else ():
        if hasattr(a, slot) != hasattr(b, slot) or hasattr(a, slot):
            same(getattr(a, slot), getattr(b, slot), seen, path + "." + slot)


def main():
    sys.setrecursionlimit(20000)
    if sys.argv[1] == "dump":
        for name, v in values.items():
            for protocol in range(6):
                try:
                    p = pickle.dumps({"_permanent": True, "_user_id": "ada", "v": v, "again": [v]}, protocol)
                except TypeError:
                    if protocol >= 2:  # before, what has slots alone cannot be
                        raise
                    continue
                print(name, protocol, p.hex(), sep="\t")
        return
    failed = 0
    for line in open(sys.argv[2]):
        name, before, after = line.rstrip("\n").split("\t")
        try:
            a, b = pickle.loads(bytes.fromhex(before)), pickle.loads(bytes.fromhex(after))
            if b.pop("go") != 7:
                raise Different("what Go set is not there")
            same(a, b, {})
        except Exception as e:
            failed += 1
            print("%s: %s: %s" % (name, type(e).__name__, e))
    sys.exit(failed > 0)


main()
