"""A Flask application with Flask-Session on MongoDB, driven by the test: one JSON request a line, one JSON answer a line.

Arguments: the server's URL, database, collection. Requests: {"do": "set", "cookie": sid or null, "values": {...}},
{"do": "get", "cookie": sid}, {"do": "clear", "cookie": sid}. Answers: {"cookie": sid or null, "session": {...}}.
"""

import json
import sys
import warnings

import flask
import flask_session
import pymongo
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

warnings.simplefilter("ignore")
url, database, collection = sys.argv[1:4]

# FerretDB has no TTL index, without which Flask-Session does not start.
create_index = Collection.create_index


def create_index_without_ttl(self, keys, **options):
    try:
        return create_index(self, keys, **options)
    except OperationFailure as failure:
        if failure.code != 238 or options.pop("expireAfterSeconds", None) is None:
            raise
        return create_index(self, keys, **options)


Collection.create_index = create_index_without_ttl

app = flask.Flask(__name__)
app.config.update(
    SESSION_TYPE="mongodb",
    SESSION_MONGODB=pymongo.MongoClient(url),
    SESSION_MONGODB_DB=database,
    SESSION_MONGODB_COLLECT=collection,
)
flask_session.Session(app)


@app.post("/")
def do():
    request = flask.request.get_json()
    if request["do"] == "clear":
        flask.session.clear()
    for name, value in (request.get("values") or {}).items():
        flask.session[name] = value
    return dict(flask.session)


for line in sys.stdin:
    request = json.loads(line)
    client = app.test_client()
    if request.get("cookie"):
        client.set_cookie("session", request["cookie"])
    answer = client.post("/", json=request)
    cookie = client.get_cookie("session")
    print(json.dumps({
        "status": answer.status_code,
        "cookie": cookie.value if cookie else None,
        "session": answer.get_json(silent=True),
    }), flush=True)
