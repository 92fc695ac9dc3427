"""Values that Go sets, and what Python's msgspec makes of them.

govalues.py read FORMAT HEX: reads a document that Go stored, compares each value with Python's own, and prints it
as Flask-Session would store it again, in hex. govalues.py write FORMAT: prints Python's own values.
"""

import datetime as dt
import decimal
import sys
import uuid

import msgspec

UTC = dt.timezone.utc
VALUES = {
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
    "decimal": decimal.Decimal("19.95"),
    "address": "10.0.0.1",
    "int": 5,
    "max int": 2**63 - 1,
    "max uint": 2**64 - 1,
    "float": 1.0,
    "time": dt.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC),
    "list": [1, 1.0, {"a": 2.0, "b": 2**63 - 1}],
    "keys": {"12345678-1234-5678-1234-567812345678": decimal.Decimal("1.5")},
}
MESSAGEPACK = {"url": "http://h/a?b", "big": str(2**70)}
JSON = {"big": 2**70}
PYTHONS = {  # which Go has no types for
    "naive": dt.datetime(2024, 2, 29, 1, 2, 3, 4),
    "date": dt.date(2024, 2, 29),
    "delta": dt.timedelta(days=3, seconds=4, microseconds=5),
    "back": -dt.timedelta(days=1, hours=3),
    "bytes": uuid.UUID("12345678-1234-5678-1234-567812345678").bytes,
}


def main():
    command, form = sys.argv[1:3]
    codec = {"msgpack": msgspec.msgpack, "json": msgspec.json}[form]
    values = VALUES | (MESSAGEPACK if form == "msgpack" else JSON)
    if command == "read":
        document = codec.decode(bytes.fromhex(sys.argv[3]))
        for name, want in values.items():
            got = document[name]
            if name == "keys":
                got = {k: decimal.Decimal(v) for k, v in got.items()}
            elif not isinstance(want, (str, list)):
                got = msgspec.convert(got, type(want))
            if repr(got) != repr(want):
                sys.exit(f"{name}: {got!r}, want {want!r}")
    else:
        document = {"_permanent": True} | values | (PYTHONS if form == "msgpack" else {})
    print(codec.encode(document).hex())


main()
