"""Writes signatures.txt and sessions.txt: pip install itsdangerous msgspec; python gen.py

signatures.txt: a secret key in hex, an id, and what Flask-Session puts into the cookie. sessions.txt: a name; a
session as MessagePack and as JSON, by msgspec; and its pickle in each protocol from 0 to 5; all in hex.
"""

import datetime as dt
import decimal
import os
import pickle
import uuid

import msgspec
from itsdangerous import Signer

os.chdir(os.path.dirname(os.path.abspath(__file__)))
ids = ["", "a", "zwGU0AXWWkFh2xmpE5hs4Kj7yyCd1ykzUO2mWn0Gfd8", "with.dots.in.it", "\u00e9", "a b"]
with open("signatures.txt", "w") as out:
    for key in [b"secret", b"\x00\xff", b"k" * 100, "\u00e9".encode()]:
        for id in ids:
            signer = Signer(key, salt="flask-session", key_derivation="hmac")
            print(key.hex(), id, signer.sign(id.encode()).decode(), sep="\t", file=out)

UTC = dt.timezone.utc
sessions = {
    "empty": {},
    "permanent alone": {"_permanent": True},
    "signed in": {"_permanent": True, "_user_id": "7", "_fresh": True, "_id": "0" * 128, "_flashes": [("message", "hi"), ("error", "h\u00e9")]},
    "types": {
        "at": dt.datetime(2024, 1, 2, 3, 4, 5, 6, UTC), "naive": dt.datetime(2024, 1, 2), "date": dt.date(2024, 2, 29), "time": dt.time(1, 2), "delta": dt.timedelta(1, 2, 3),
        "price": decimal.Decimal("1.50"), "id": uuid.UUID(int=5), "raw": b"\x00\xff", "set": {1}, "tuple": (1, (2, "x")), "float": 1.5, "none": None, "large": 2**63,
        "nested": {"a": [{"b": {}}]}, "": "empty name",
    },
    "many": {"k%d" % i: i for i in range(100)},
}
with open("sessions.txt", "w") as out:
    for name, s in sessions.items():
        print(name, msgspec.msgpack.encode(s).hex(), msgspec.json.encode(s).hex(), *(pickle.dumps(s, p).hex() for p in range(6)), sep="\t", file=out)
