"""Values that applications keep in their sessions, and a description that tells apart what == does
not.

VALUES has makers of single values by name, and SESSIONS makers of whole sessions. Those of a
package that is not installed, as beside former releases of Flask-Session, are left out.
"""

import collections
import contextlib
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import hashlib
import ipaddress
import math
import operator
import pathlib
import re
import types
import uuid
import zoneinfo

UTC = dt.timezone.utc


class Role(enum.Enum):
    ADMIN = "admin"
    GUEST = 3


class Level(enum.IntEnum):
    LOW = 1


class Plan(str, enum.Enum):
    FREE = "free"


class Rights(enum.IntFlag):
    READ = 4
    WRITE = 2


@dataclasses.dataclass
class Item:
    sku: str
    quantity: int = 1


@dataclasses.dataclass(frozen=True)
class Frozen:
    name: str


class Plain:
    def __init__(self):
        self.name, self.tags = "plain", ["a", {"b": 1}]


class Slots:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, [2]


class Text(str):
    pass


class Number(int):
    pass


class Ratio(float):
    pass


class Data(bytes):
    pass


class Names(list):
    pass


class Pair(tuple):
    pass


class Mapping(dict):
    pass


class Attributed(dict):
    """A dict that has attributes, as OAuth tokens and sessions of other libraries have."""

    def __init__(self, *args):
        super().__init__(*args)
        self.note = "kept?"


Point = collections.namedtuple("Point", "x y")


def noted():
    """Is text with an attribute."""
    value = Text("s")
    value.note = ["kept?"]
    return value


def helper():
    pass


def nested(depth, leaf=None):
    """A list in a list, and so on."""
    value = leaf if leaf is not None else []
    for _ in range(depth):
        value = [value]
    return value


def nested_maps(depth):
    value = "leaf"
    for _ in range(depth):
        value = {"in": value}
    return value


def cycle():
    value = []
    value.append(value)
    return value


def cycle_of_maps():
    value = {"name": "parent", "children": []}
    value["children"].append({"name": "child", "parent": value})
    return value


def shared_list():
    value = [1, 2]
    return [value, value]


def shared_text():
    value = "x" * 300
    return {"a": value, "b": [value, value]}


VALUES = {
    # Scalars
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "int 0": lambda: 0,
    "int -1": lambda: -1,
    "int -33": lambda: -33,
    "int 128": lambda: 128,
    "int -2**31": lambda: -(2**31),
    "int 2**53+1": lambda: 2**53 + 1,
    "int 2**63-1": lambda: 2**63 - 1,
    "int -2**63": lambda: -(2**63),
    "int 2**64-1": lambda: 2**64 - 1,
    "int 2**65": lambda: 2**65,
    "int -2**70": lambda: -(2**70),
    "int of 1,000 digits": lambda: 10**1000 + 7,
    "float 0": lambda: 0.0,
    "float -0": lambda: -0.0,
    "float 1": lambda: 1.0,
    "float 0.1": lambda: 0.1,
    "float pi": lambda: math.pi,
    "float 1e16": lambda: 1e16,
    "float 1e300": lambda: 1e300,
    "float least": lambda: 5e-324,
    "float NaN": lambda: math.nan,
    "float inf": lambda: math.inf,
    "float -inf": lambda: -math.inf,
    "complex": lambda: 1 + 2j,
    "ellipsis": lambda: ...,
    # Text and bytes
    "text empty": lambda: "",
    "text of digits": lambda: "1",
    "text in three scripts": lambda: "grün мир 🧥",
    "text long": lambda: "мир🧥" * 20_000,
    "text with NUL": lambda: "a\0b",
    "text half a pair": lambda: "a\ud800b",
    "text of separators": lambda: "\u2028\u2029\ufeff\x7f",
    "text in HTML": lambda: "<a href='x'>&amp;</a>",
    "text of 31": lambda: "a" * 31,
    "text of 255": lambda: "b" * 255,
    "text of 256": lambda: "c" * 256,
    "text of 65,536": lambda: "d" * 65_536,
    "bytes": lambda: b"\x00\xff\x80abc",
    "bytes empty": lambda: b"",
    "bytes of 70,000": lambda: bytes(range(250)) * 280,
    "bytearray": lambda: bytearray(b"ab\xff"),
    # Containers
    "list": lambda: [1, "a", None, [2.5, [True]]],
    "list empty": lambda: [],
    "list of 70,000": lambda: list(range(70_000)),
    "tuple": lambda: (1, 2, (3, "x")),
    "tuple empty": lambda: (),
    "tuple of one list": lambda: ([],),
    "set": lambda: {1},
    "set of texts": lambda: {"a", "b", "c"},
    "set empty": lambda: set(),
    "frozenset": lambda: frozenset({3}),
    "dict": lambda: {"a": {"b": {"c": [1, {"d": None}]}}},
    "dict empty": lambda: {},
    "dict with keys int": lambda: {1: "a", 2: {3: "b"}, -5: None},
    "dict with keys None": lambda: {None: 1, "x": 2},
    "dict with keys bool": lambda: {True: 1, False: 0},
    "dict with keys float": lambda: {1.5: "a"},
    "dict with keys bytes": lambda: {b"k": 1},
    "dict with keys tuple": lambda: {(1, "a"): 2},
    "dict with keys frozenset": lambda: {frozenset({1, 2}): 1},
    "dict with keys date": lambda: {dt.date(2020, 1, 1): 1},
    "dict with keys datetime": lambda: {dt.datetime(2020, 1, 1, tzinfo=UTC): 1},
    "dict with keys UUID": lambda: {uuid.UUID(int=5): 1},
    "dict with keys enum": lambda: {Role.ADMIN: 1},
    "dict with keys 1 and '1'": lambda: {1: "a", "1": "b"},
    "dict with keys '1' and 1.0": lambda: {"1": 1, 1.0: 2},
    "dict backwards": lambda: {k: i for i, k in enumerate("zyxwvutsrqponmlkjihgfedcba")},
    "dict of 5,000": lambda: {"k%d" % i: i for i in range(5_000)},
    "shared list": shared_list,
    "shared text": shared_text,
    "cycle": cycle,
    "cycle of dicts": cycle_of_maps,
    **{
        "list %d deep" % n: functools.partial(nested, n)
        for n in (10, 60, 62, 63, 64, 65, 100, 300, 900)
    },
    "text 64 lists deep": lambda: nested(64, "leaf"),
    "dict 70 deep": lambda: nested_maps(70),
    # Times
    "datetime naive": lambda: dt.datetime(2024, 2, 29, 12, 34, 56, 789),
    "datetime at midnight": lambda: dt.datetime(2024, 2, 29),
    "datetime UTC": lambda: dt.datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=UTC),
    "datetime +05:30": lambda: dt.datetime(
        2024, 2, 29, 12, 34, 56, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))
    ),
    "datetime in a named zone": lambda: dt.datetime(
        2024, 2, 29, tzinfo=dt.timezone(dt.timedelta(hours=-8), "PST")
    ),
    "datetime +01:02:05": lambda: dt.datetime(
        2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=3725))
    ),
    "datetime fold": lambda: dt.datetime(2024, 10, 27, 2, 30, fold=1),
    "datetime min": lambda: dt.datetime.min,
    "datetime max": lambda: dt.datetime.max,
    "datetime 1900 UTC": lambda: dt.datetime(1900, 1, 1, tzinfo=UTC),
    "datetime 9999 UTC": lambda: dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "datetime zoneinfo": lambda: dt.datetime(
        2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("America/New_York")
    ),
    "datetime zoneinfo fold": lambda: dt.datetime(
        2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")
    ),
    "datetime zoneinfo UTC": lambda: dt.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
    "date": lambda: dt.date(2024, 2, 29),
    "time": lambda: dt.time(1, 2, 3, 4),
    "time UTC": lambda: dt.time(1, 2, 3, tzinfo=UTC),
    "timedelta": lambda: dt.timedelta(days=3, seconds=4, microseconds=5),
    "timedelta negative": lambda: dt.timedelta(days=-1, seconds=5),
    "timezone": lambda: UTC,
    "zone": lambda: zoneinfo.ZoneInfo("Europe/Berlin"),
    # Numbers and names of the standard library
    "Decimal": lambda: decimal.Decimal("19.90"),
    "Decimal NaN": lambda: decimal.Decimal("NaN"),
    "Decimal 1E+50": lambda: decimal.Decimal("1E+50"),
    "Decimal -0": lambda: decimal.Decimal("-0"),
    "Fraction": lambda: fractions.Fraction(1, 3),
    "UUID": lambda: uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "range": lambda: range(1, 10, 3),
    "slice": lambda: slice(1, 2),
    "IP address": lambda: ipaddress.ip_address("192.0.2.1"),
    "IPv6 network": lambda: ipaddress.ip_network("2001:db8::/32"),
    "path": lambda: pathlib.PurePosixPath("/a/b"),
    "pattern": lambda: re.compile("a+", re.IGNORECASE),
    "OrderedDict": lambda: collections.OrderedDict([("b", 1), ("a", 2)]),
    "OrderedDict in OrderedDict": lambda: collections.OrderedDict(
        z=collections.OrderedDict(y=[1], x=None)
    ),
    "defaultdict": lambda: collections.defaultdict(list, {"a": [1]}),
    "Counter": lambda: collections.Counter("aab"),
    "deque": lambda: collections.deque([1, 2], maxlen=5),
    "namedtuple": lambda: Point(1, [2]),
    "ChainMap": lambda: collections.ChainMap({"a": 1}, {"b": 2}),
    "SimpleNamespace": lambda: types.SimpleNamespace(a=1, b=[2]),
    "partial": lambda: functools.partial(int, base=2),
    "itemgetter": lambda: operator.itemgetter("a"),
    "exception": lambda: ValueError("bad", 5),
    # Classes of the application
    "Enum": lambda: Role.ADMIN,
    "Enum of an int": lambda: Role.GUEST,
    "IntEnum": lambda: Level.LOW,
    "text Enum": lambda: Plan.FREE,
    "IntFlag": lambda: Rights.READ | Rights.WRITE,
    "dataclass": lambda: Item("A1", 2),
    "dataclass frozen": lambda: Frozen("ada"),
    "dataclasses in a list": lambda: [Item("A1"), Item("B2", 3)],
    "object": Plain,
    "object with slots": Slots,
    "text of a class": lambda: Text("s"),
    "text with an attribute": noted,
    "int of a class": lambda: Number(5),
    "float of a class": lambda: Ratio(0.5),
    "bytes of a class": lambda: Data(b"ab"),
    "list of a class": lambda: Names([1]),
    "tuple of a class": lambda: Pair([1, "a"]),
    "dict of a class": lambda: Mapping(a=1),
    "dict with attributes": lambda: Attributed({"a": 1}),
    "function": lambda: helper,
    "function built in": lambda: len,
    "class": lambda: Item,
    "class built in": lambda: int,
    "lambda": lambda: lambda: 1,
    "generator": lambda: (i for i in range(3)),
    # What extensions store, as plain data
    "CSRF token": lambda: "0123456789abcdef0123456789abcdef01234567",
    "user's id": lambda: "1",
    "Authlib's state": lambda: {
        "data": {"redirect_uri": "http://h/back", "nonce": "n", "url": "https://idp/authorize?a=1"},
        "exp": 1764530000.123456,
    },
    "flashes": lambda: [("message", "saved"), ("error", "no")],
    "cart": lambda: {
        "items": [
            {
                "sku": "A1",
                "quantity": 2,
                "price": decimal.Decimal("9.99"),
                "added": dt.datetime(2024, 1, 1, tzinfo=UTC),
            }
        ],
        "total": decimal.Decimal("19.98"),
        "coupon": None,
    },
}

# Whole sessions that are hard for a store or a format.
SESSIONS = {
    "flashes of many kinds": lambda: {
        "_flashes": [
            ("message", "plain"),
            ("form", {"email": ["bad"]}),
            ("message", 404),
            (None, "no category"),
            ("error", "last"),
        ]
    },
    "key int": lambda: {5: "five", "a": 1},
    "key None": lambda: {None: "none", "a": 1},
    "key bool": lambda: {True: "yes", "a": 1},
    "key tuple": lambda: {(1, "x"): "pair", "a": 1},
    "key bytes": lambda: {b"k": "bytes", "a": 1},
    "key date": lambda: {dt.date(2024, 1, 1): "day", "a": 1},
    "keys 5 and '5'": lambda: {5: "int", "5": "text"},
    "key empty": lambda: {"": "empty", "a": 1},
    "key of 1,000": lambda: {"k" * 1000: "long", "a": 1},
    "key in three scripts": lambda: {"grün мир 🧥": 1},
    **{
        "%d values" % n: (lambda n=n: {"k%d" % i: i for i in range(n)})
        for n in (14, 15, 250, 255, 256, 300, 1023, 1024, 1100, 3000)
    },
    "900 KB": lambda: {"big": "a" * 900_000},
    "1.5 MB": lambda: {"big": "b" * 1_500_000},
    "5 MB": lambda: {"big": "c" * 5_000_000},
    "5 MB in 50 values": lambda: {"big %d" % i: "d" * 100_000 for i in range(50)},
    **{
        "list %d deep" % n: (lambda n=n: {"deep": nested(n), "a": 1})
        for n in (62, 63, 64, 65, 300, 900)
    },
}

with contextlib.suppress(ImportError):
    from markupsafe import Markup

    VALUES["Markup"] = lambda: Markup("<b>hi</b>")
    VALUES["flashes of Markup"] = lambda: [("message", Markup("<b>hi</b>"))]

with contextlib.suppress(ImportError):
    from werkzeug.datastructures import CombinedMultiDict, ImmutableMultiDict, MultiDict

    VALUES["MultiDict"] = lambda: MultiDict([("a", "1"), ("a", "2"), ("b", "3")])
    VALUES["request.form"] = lambda: ImmutableMultiDict([("a", "1"), ("a", "2")])
    VALUES["request.values"] = lambda: CombinedMultiDict(
        [ImmutableMultiDict([("a", "1")]), MultiDict([("b", "2")])]
    )

with contextlib.suppress(ImportError):
    import msgspec

    class Struct(msgspec.Struct):
        a: int
        b: str = "x"

    VALUES["msgspec.Struct"] = lambda: Struct(1)
    VALUES["msgspec.Ext"] = lambda: msgspec.msgpack.Ext(5, b"abc")
    VALUES["msgspec.Raw"] = lambda: msgspec.Raw(b"\x01")

with contextlib.suppress(ImportError):
    import numpy

    VALUES["numpy.int64"] = lambda: numpy.int64(5)
    VALUES["numpy.float64"] = lambda: numpy.float64(1.5)
    VALUES["numpy.bool"] = lambda: numpy.bool_(True)
    VALUES["numpy.str"] = lambda: numpy.str_("x")
    VALUES["numpy.datetime64"] = lambda: numpy.datetime64("2024-01-01")
    VALUES["numpy.array"] = lambda: numpy.array([[1, 2], [3, 4]])

with contextlib.suppress(ImportError):
    import pytz

    VALUES["datetime pytz.utc"] = lambda: dt.datetime(2024, 1, 1, tzinfo=pytz.utc)
    VALUES["datetime pytz"] = lambda: pytz.timezone("America/New_York").localize(
        dt.datetime(2024, 7, 1)
    )
    VALUES["datetime pytz.FixedOffset"] = lambda: dt.datetime(
        2024, 1, 1, tzinfo=pytz.FixedOffset(90)
    )
    VALUES["pytz.timezone"] = lambda: pytz.timezone("Europe/Berlin")

with contextlib.suppress(ImportError):
    from dateutil import tz

    VALUES["datetime dateutil UTC"] = lambda: dt.datetime(2024, 1, 1, tzinfo=tz.tzutc())
    VALUES["datetime dateutil"] = lambda: dt.datetime(2024, 1, 1, tzinfo=tz.tzoffset(None, 3600))
    VALUES["datetime dateutil zone"] = lambda: dt.datetime(
        2024, 7, 1, tzinfo=tz.gettz("Europe/Berlin")
    )

with contextlib.suppress(ImportError):
    from flask_babel import LazyString, lazy_gettext

    VALUES["LazyString"] = lambda: LazyString(str, "hello")
    VALUES["lazy_gettext"] = lambda: lazy_gettext("hello")

with contextlib.suppress(ImportError):
    from oauthlib.oauth2.rfc6749.tokens import OAuth2Token

    VALUES["Flask-Dance's token"] = lambda: OAuth2Token(
        {"access_token": "x", "expires_in": 3600, "scope": ["a"]}
    )

with contextlib.suppress(ImportError):
    from authlib.oauth2.rfc6749 import OAuth2Token as AuthlibToken

    VALUES["Authlib's token"] = lambda: AuthlibToken({"access_token": "x", "expires_at": 1764530000})


def parts(value):
    """What is in a value, and what else there is to say; None for what has no parts."""
    if isinstance(value, dict):
        inside = [x for item in dict.items(value) for x in item]
        return inside, ascii(getattr(value, "default_factory", ""))
    if isinstance(value, (list, tuple)):
        return list(value), ""
    if isinstance(value, collections.deque):
        return list(value), ascii(value.maxlen)
    if isinstance(value, (set, frozenset)):
        return [], ascii(sorted(map(describe, value)))
    if isinstance(value, BaseException):
        return [value.args], ""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return [value.tolist()], "%s %s" % (value.dtype, value.shape)
    if type(value).__repr__ is object.__repr__ and not callable(value):
        return [
            {k: getattr(value, k) for k in getattr(value, "__slots__", ()) if hasattr(value, k)}
        ], ""
    return None


def text(value):
    """What a value without parts is."""
    if isinstance(value, (dt.datetime, dt.time)):
        return "%s %s %s %s fold=%d" % (
            ascii(value),
            named(value.tzinfo),
            value.utcoffset(),
            value.tzname(),
            value.fold,
        )
    if isinstance(value, int) and not isinstance(value, enum.Enum):
        return "%x" % value
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
        return value.__module__ + "." + value.__qualname__
    return ascii(value)


def named(value):
    t = type(value)
    return t.__qualname__ if t.__module__ == "builtins" else t.__module__ + "." + t.__qualname__


def described(value):
    """All there is to know about a value: types, items in their order, zones, and which are one."""
    seen, kept, out, stack = {}, [], [], [value]
    while stack:
        v = stack.pop()
        kept.append(v)  # so that its id stays its own
        inside = parts(v)
        if inside is None:
            out.append("%s %s" % (named(v), text(v)))
            inside = [], None
        elif id(v) in seen and not isinstance(v, (tuple, frozenset)):
            out.append("again %d" % seen[id(v)])
            continue
        else:
            seen[id(v)] = len(seen)
            out.append("%s %d %s" % (named(v), len(inside[0]), inside[1]))
        attributes = getattr(v, "__dict__", None)
        has_parts = inside[1] is not None or isinstance(v, (str, int, float, bytes))
        if isinstance(attributes, dict) and has_parts and not isinstance(v, enum.Enum):
            out.append("attributes")
            stack.append(dict(attributes))
        stack.extend(reversed(inside[0]))
    return "; ".join(out)


def describe(value):
    """The description, shortened where it is long: what differs, differs then in its hash."""
    d = described(value)
    return (
        d
        if len(d) < 400
        else "%s... %d %s" % (d[:200], len(d), hashlib.sha256(d.encode()).hexdigest())
    )
