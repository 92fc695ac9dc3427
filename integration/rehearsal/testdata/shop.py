"""A shop with the real Flask-Session and Flask-Login, for gunicorn to serve as shop:app.

Its settings come from the environment, FLASK_SESSION_TYPE and so on; a client's setting is a store URL as Cloakroom
has it. shop.go serves the same routes.
"""

import datetime
import enum
import json
import uuid
from collections import OrderedDict
from urllib.parse import parse_qs, urlsplit

from flask import Flask, flash, get_flashed_messages, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_session import Session
from markupsafe import Markup


def redis_client(url):
    import redis

    return redis.Redis.from_url(url)


def memcached_client(url):
    from pymemcache.client.base import PooledClient

    parts = urlsplit(url)
    return PooledClient((parts.hostname, parts.port), default_noreply=False)


def dynamodb_client(url):
    import boto3

    query = parse_qs(urlsplit(url).query)
    return boto3.resource("dynamodb", endpoint_url=query["endpoint"][0], region_name=query["region"][0])


CLIENTS = {
    "SESSION_REDIS": redis_client,
    "SESSION_MEMCACHED": memcached_client,
    "SESSION_DYNAMODB": dynamodb_client,
}


class Level(enum.Enum):
    GOLD = "gold"


class User(UserMixin):
    def __init__(self, name):
        self.id = name


app = Flask(__name__)
app.config.from_prefixed_env()
for name, client in CLIENTS.items():
    if name in app.config:
        app.config[name] = client(app.config[name])
if app.config["SESSION_TYPE"] == "sqlalchemy":
    from flask_sqlalchemy import SQLAlchemy

    app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)  # by SQLALCHEMY_DATABASE_URI
Session(app)
LoginManager(app).user_loader(User)


@app.after_request
def sign(response):
    response.headers["X-Side"] = "Flask"
    return response


@app.get("/ping")
def ping():
    return ""


@app.post("/login")
def login():
    app.session_interface.regenerate(session)
    return welcome()


@app.post("/join")
def join():
    """Hands out an id as Flask-Session did before 0.6, which it still takes."""
    app.session_interface.regenerate(session)
    session.sid = str(uuid.uuid4())
    return welcome()


def welcome():
    """Signs in, and keeps values that are not all the same to every store."""
    session["since"] = datetime.datetime.now(datetime.timezone.utc)
    session["address"] = OrderedDict(street="Main Street", level=Level.GOLD)
    login_user(User(request.form["user"]), remember="remember" in request.form)
    return ""


@app.post("/logout")
@app.post("/leave")
def logout():
    session.clear()
    logout_user()  # at last, or the note to clear its cookie goes too
    return ""


@app.post("/put")
def put():
    session["cart"] = session.get("cart", []) + [request.form["item"]]
    return ""


@app.get("/cart")
def cart():
    return json.dumps(session.get("cart", []))


@app.post("/note")
def note():
    session["note"] = json.loads(request.form["note"])
    return ""


@app.post("/visit")
def visit():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


@app.post("/flash")
def add_flash():
    markup = Markup if app.config["SESSION_TYPE"] == "filesystem" else str  # MessagePack has none
    flash(markup(request.form["message"]), request.form["category"])
    return ""


@app.get("/messages")
def messages():
    return json.dumps(get_flashed_messages(with_categories=True))


@app.get("/account")
def account():
    user = current_user.id if current_user.is_authenticated else ""
    values = session.get("cart", []), session.get("note"), session.get("visits", 0)
    return json.dumps([user, *values])
