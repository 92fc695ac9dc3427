"""Adds to objects.txt what this Python pickles and msgspec encodes: python objects.py, with each Python from 3.8 to
3.13, the latest first. It wants msgspec, and takes what is there of markupsafe, werkzeug, pytz, dateutil and numpy.

A line is a name; the version of Python; the protocol; the pickle; a kind; and what is wanted in MessagePack and in
JSON. The kind is "=" for what msgspec encodes, "+" for what it refuses and Go reads as the value that it is based on,
and "!" for what cannot be read. A pickle that is there already is left out. All in hex, separated by tabs.
"""

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import functools
import http
import ipaddress
import operator
import os
import pathlib
import pickle
import re
import sys
import uuid

import msgspec


class Text(str):
    pass


class Whole(int):
    pass


class Real(float):
    pass


class Raw(bytes):
    pass


class Pair(tuple):
    pass


class Listing(list):
    pass


class Mapping(dict):
    pass


class Color(enum.Enum):
    RED = "red"
    TWO = 2


class Size(enum.IntEnum):
    LARGE = 3


class Mode(str, enum.Enum):
    ON = "on"


class Access(enum.IntFlag):
    READ = 4
    WRITE = 2


class Flags(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Item:
    sku: str
    count: int = 1
    _note: str = ""


@dataclasses.dataclass
class Wrapper:
    item: Item
    color: Color


class Plain:
    def __init__(self):
        self.a = [1]


class Slotted:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


Point = collections.namedtuple("Point", "x y")
Single = collections.namedtuple("Single", "x")


def attributed(v):
    v.note = "kept"
    return v


UTC = dt.timezone.utc
summer, winter = dt.datetime(2024, 7, 1, 12, 30, 1, 5), dt.datetime(2024, 1, 1)
values = {
    "text": Text("h\u00e9"), "text with attributes": attributed(Text("x")), "whole": Whole(5), "large whole": Whole(2**64 - 1), "real": Real(1.5), "raw": Raw(b"\x00\xff"),
    "pair": Pair((1, "a")), "listing": Listing([1, [2]]), "listing with attributes": attributed(Listing([1])), "mapping": Mapping(a=1, b={"c": 2}), "mapping with attributes": attributed(Mapping(a=1)),
    "enum": [Color.RED, Color.TWO, Size.LARGE, Mode.ON, Access.READ | Access.WRITE, Flags.A | Flags.B, http.HTTPStatus.OK], "enum keys": {Mode.ON: 1, "x": 2}, "dataclass": Item("a"), "dataclasses": [Wrapper(Item("b", 2), Color.RED)],
    "plain object": Plain(), "slots": Slotted(), "namedtuple": Point(1, "y"), "namedtuple of one": Single([1]), "namedtuple twice": [Point(1, 2)] * 2,
    "ordered": collections.OrderedDict([("b", 1), ("a", [2])]), "empty ordered": collections.OrderedDict(), "default": collections.defaultdict(list, a=[1]), "counter": collections.Counter("aab"),
    "deque": collections.deque([1, 2]), "function": len, "class": int, "ellipsis": ..., "complex": 1j, "range": range(3), "fraction": fractions.Fraction(1, 3), "ip": ipaddress.ip_address("10.0.0.1"),
    "path": pathlib.PurePosixPath("/a"), "path of one": pathlib.PurePosixPath("a"), "pattern": re.compile("a"), "getter": operator.attrgetter("a"), "partial": functools.partial(int), "timezone": UTC,
    "uuid": uuid.UUID(int=7), "flash": [("message", Text("<b>"))],
}
if hasattr(enum, "StrEnum"):

    class Word(enum.StrEnum):
        A = "a"

    values["word"] = Word.A
if sys.version_info >= (3, 10):

    @dataclasses.dataclass(slots=True)
    class Tight:
        a: int

    values["dataclass with slots"] = Tight(1)
try:
    from zoneinfo import ZoneInfo
except ImportError:
    try:
        from backports.zoneinfo import ZoneInfo
    except ImportError:
        ZoneInfo = None
if ZoneInfo:
    berlin, york = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
    values["zoneinfo"] = [summer.replace(tzinfo=berlin), winter.replace(tzinfo=york), winter.replace(tzinfo=ZoneInfo("UTC")), dt.datetime(1900, 1, 1, tzinfo=york), dt.datetime(2600, 7, 1, tzinfo=berlin)]
    # The hour that comes twice, the one that does not come, and what is around them.
    for day in (dt.datetime(2024, 10, 27), dt.datetime(2024, 3, 31)):
        for minutes in (119, 120, 150, 179, 180):
            for fold in (0, 1):
                t = (day + dt.timedelta(minutes=minutes)).replace(tzinfo=berlin, fold=fold)
                values["zoneinfo %s fold %d" % (t.strftime("%m-%d %H:%M"), fold)] = t
    values["zone itself"] = berlin
try:
    import pytz

    values["pytz"] = [winter.replace(tzinfo=pytz.utc), pytz.timezone("Europe/Berlin").localize(summer), pytz.timezone("America/New_York").localize(winter), winter.replace(tzinfo=pytz.FixedOffset(-90)), pytz.timezone("Etc/GMT+5").localize(winter)]
    values["pytz zone"] = pytz.timezone("Europe/Berlin")
    values["pytz time"] = dt.time(1, 2, tzinfo=pytz.FixedOffset(60))
except ImportError:
    pass
try:
    from dateutil import tz

    values["dateutil"] = [winter.replace(tzinfo=tz.tzutc()), winter.replace(tzinfo=tz.tzoffset(None, -5400)), winter.replace(tzinfo=tz.tzoffset("X", 60))]
except ImportError:
    pass
try:
    from markupsafe import Markup

    values["markup"] = [Markup("<b>hi</b>")]
except ImportError:
    pass
try:
    from werkzeug.datastructures import ImmutableDict, ImmutableMultiDict, MultiDict

    values["multidict"] = MultiDict([("a", "1"), ("a", "2"), ("b", "3")])
    values["immutable multidict"] = ImmutableMultiDict([("a", "1"), ("a", "2"), ("b", "3")])
    values["immutable dict"] = ImmutableDict(a=1)
except ImportError:
    pass
try:
    import numpy

    values["numpy"] = numpy.int64(5)
    values["numpy float"] = numpy.float64(1.5)
    values["numpy array"] = numpy.array([1, 2])
except ImportError:
    pass


def based(v):
    """The value that v is based on, and whether that is another."""
    t = type(v)
    if t.__module__.startswith("numpy") or isinstance(v, enum.Enum):
        return v, False
    for base in (str, int, float, bytes):
        if isinstance(v, base) and t not in (base, bool):
            return base(v) if base is not str else str.__str__(v), True
    if t in (Plain, Slotted):
        return {"a": v.a}, True
    if t in (list, tuple):
        items = [based(x) for x in v]
        return [x for x, _ in items], any(other for _, other in items)
    return v, False


def encoded(v, m):
    try:
        return m.encode(v).hex()
    except TypeError:
        return None


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "objects.txt")
    try:
        with open(path) as f:
            there = {line.split("\t")[3] for line in f}
    except FileNotFoundError:
        there = set()
    with open(path, "a") as out:
        for name, v in values.items():
            base, other = based(v)
            want = [encoded(base, m) for m in (msgspec.msgpack, msgspec.json)]
            kind = "!" if None in want else "+" if other else "="
            for protocol in range(6):
                try:
                    p = pickle.dumps(v, protocol).hex()
                except TypeError:
                    continue
                if p not in there:
                    print(name, "%d.%d" % sys.version_info[:2], protocol, p, kind, *(want if kind != "!" else []), sep="\t", file=out)
                    there.add(p)


main()
