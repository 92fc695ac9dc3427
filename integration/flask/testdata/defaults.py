"""Prints the defaults of Flask and Flask-Session that are about sessions: name=value, with nothing for None.

Client objects are left out: their default, a local one, has another form in Go.
"""

from flask import Flask
from flask_session.defaults import Defaults

CLIENTS = {"SESSION_REDIS", "SESSION_MEMCACHED", "SESSION_CACHELIB", "SESSION_MONGODB", "SESSION_SQLALCHEMY", "SESSION_DYNAMODB"}

settings = {k: v for k, v in Flask(__name__).config.items() if k.startswith(("SESSION_", "SECRET_", "PERMANENT_")) or k == "APPLICATION_ROOT"}
settings.update((k, v) for k, v in vars(Defaults).items() if k.startswith("SESSION_") and k not in CLIENTS)
settings["PERMANENT_SESSION_LIFETIME"] = int(settings["PERMANENT_SESSION_LIFETIME"].total_seconds())
settings["SESSION_TYPE"] = None  # "null" in the code
for name in sorted(settings):
    print("%s=%s" % (name, "" if settings[name] is None else settings[name]))
