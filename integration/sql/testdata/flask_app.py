"""A Flask application whose sessions are in a database, by the real Flask-Session.

It reads requests from its standard input, one in a line, and answers each with a line of JSON:

    set COOKIE KEY VALUE    sets a value, in a new session where COOKIE is "-"
    get COOKIE              what the session holds

The only argument is the database's URL, as SQLAlchemy takes it.
"""

import json
import sys

from flask import Flask, request, session
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = sys.argv[1]
app.config["SESSION_TYPE"] = "sqlalchemy"
app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
Session(app)


@app.get("/set")
def set_value():
    session[request.args["key"]] = request.args["value"]
    return {}


@app.get("/get")
def get():
    return dict(session)


print("ready", flush=True)
for line in sys.stdin:
    what, cookie, *rest = line.split()
    client = app.test_client()
    if cookie != "-":
        client.set_cookie("session", cookie)
    query = dict(zip(("key", "value"), rest))
    response = client.get("/" + what, query_string=query)
    after = client.get_cookie("session")
    answer = {"status": response.status_code, "cookie": after.value if after else "", "holds": response.get_json(silent=True)}
    print(json.dumps(answer), flush=True)
