"""Prints what SQLAlchemy makes of URLs, as a list of their parts."""

import json
import sys

from sqlalchemy.engine import make_url


def parts(text):
    u = make_url(text)
    found = {
        "dialect": u.get_backend_name().replace("postgresql", "postgres"),
        "user": u.username,
        "password": u.password,
        "host": u.host,
        "port": u.port,
        "database": u.database,
    }
    found.update(u.query)
    return {k: str(v) for k, v in found.items() if v}


print(json.dumps([parts(text) for text in json.loads(sys.argv[1])]))
