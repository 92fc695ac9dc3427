"""Flask applications with the real Flask-Session, one for each set of settings.

The only argument is a JSON list of settings under Flask's own names; the client's setting is a
store URL as Cloakroom has it. Some are not Flask's: "extensions" sets up those that flows.py needs,
"login" being false leaves out Flask-Login, which looks at the session in every request,
"protection" is its session_protection, "retry" being false lets Flask-Session fail at once, and
"serializer" names a module that replaces its own. Application number N answers below /N. Prints the
port when it is ready, and ends with its standard input. The routes are those of site_test.go, which
answers the same, but for those of values and flows, which are Python's alone.
"""

import importlib
import json
import sys
import threading
import types
import warnings
from urllib.parse import parse_qs, urlsplit

from cachelib.file import FileSystemCache
from flask import Flask, flash, get_flashed_messages, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_session import Session
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

warnings.simplefilter("ignore")
gates = {}
NOT_DESCRIBED = ("_permanent", "_cloakroom", "go")


class User(UserMixin):
    def __init__(self, name):
        self.id = name


def redis_client(app, url):
    import redis

    return redis.Redis.from_url(url)


def memcached_client(app, url):
    from pymemcache.client.base import PooledClient

    parts = urlsplit(url)
    # By default it does not wait for the answer to a write, so that a response may outrun its session.
    return PooledClient((parts.hostname, parts.port), default_noreply=False, no_delay=True)


def mongodb_client(app, url):
    from pymongo import MongoClient
    from pymongo.collection import Collection
    from pymongo.errors import OperationFailure

    create_index = Collection.create_index

    def create_index_if_it_can(self, *args, **kwargs):
        try:
            return create_index(self, *args, **kwargs)
        except OperationFailure as e:
            if e.code != 238:  # FerretDB has no index that expires documents
                raise

    Collection.create_index = create_index_if_it_can
    return MongoClient(url, connect=False)


def sqlalchemy_client(app, url):
    from flask_sqlalchemy import SQLAlchemy

    url = url.partition("?")[0]
    for ours, theirs in ("postgres://", "postgresql+psycopg://"), ("mysql://", "mysql+pymysql://"):
        if url.startswith(ours):
            url = theirs + url[len(ours) :]
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    return SQLAlchemy(app)


def dynamodb_client(app, url):
    import boto3

    query = parse_qs(urlsplit(url).query)
    return boto3.resource("dynamodb", endpoint_url=query["endpoint"][0], region_name=query["region"][0])


def cachelib_client(app, url):
    return FileSystemCache(urlsplit(url).path)


CLIENTS = {
    "SESSION_REDIS": redis_client,
    "SESSION_MEMCACHED": memcached_client,
    "SESSION_MONGODB": mongodb_client,
    "SESSION_SQLALCHEMY": sqlalchemy_client,
    "SESSION_DYNAMODB": dynamodb_client,
    "SESSION_CACHELIB": cachelib_client,
}


class Serializer:
    """Makes of a module such as pickle or orjson what Flask-Session calls a serializer."""

    def __init__(self, module):
        self.dumps, self.loads = module.dumps, module.loads

    def encode(self, session):
        return self.dumps(dict(session))

    def decode(self, data):
        return self.loads(data)


def open_session(app, settings):
    """Sets up Flask-Session."""
    retry, serializer = settings.pop("retry", True), settings.pop("serializer", None)
    if settings.get("SESSION_TYPE") == "postgresql":
        app.config.update(settings)
        interface = importlib.import_module("postgresql").PostgreSQLSessionInterface
        app.session_interface = interface(app, settings["SESSION_POSTGRESQL"])
    else:
        for name, value in settings.items():
            app.config[name] = CLIENTS[name](app, value) if name in CLIENTS else value
        Session(app)
    if serializer:
        app.session_interface.serializer = Serializer(importlib.import_module(serializer))
    if not retry and "flask_session._utils" in sys.modules:
        sys.modules["flask_session._utils"].time = types.SimpleNamespace(sleep=lambda seconds: None)


def add_values(app):
    """Adds the routes that tests of values and of extensions need."""

    @app.get("/values")
    def names_of_values():
        return json.dumps(list(importlib.import_module("values").VALUES))

    @app.get("/sessions")
    def names_of_sessions():
        return json.dumps(list(importlib.import_module("values").SESSIONS))

    @app.get("/flows")
    def names_of_flows():
        return json.dumps(list(importlib.import_module("flows").FLOWS))

    @app.post("/put")
    def put():
        values = importlib.import_module("values").VALUES
        session[request.form["name"]] = values[request.form["value"]]()
        return ""

    @app.post("/fill")
    def fill():
        session.update(importlib.import_module("values").SESSIONS[request.form["session"]]())
        return ""

    @app.get("/described")
    def described():
        values = importlib.import_module("values")
        if "name" not in request.args:
            return values.describe({k: v for k, v in session.items() if k not in NOT_DESCRIBED})
        name = request.args["name"]
        return values.describe(session[name]) if name in session else "absent"

    @app.post("/flow")
    def flow():
        importlib.import_module("flows").FLOWS[request.form["name"]][request.form["step"]]()
        return ""


def make(settings):
    with_login, protection = settings.pop("login", True), settings.pop("protection", "basic")
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "not secret"
    if settings.pop("extensions", False):
        importlib.import_module("flask_babel").Babel(app)
    open_session(app, settings)
    if with_login:
        manager = LoginManager(app)
        manager.user_loader(User)
        manager.session_protection = protection
    add_values(app)

    @app.get("/ping")
    def ping():
        return "pong"

    @app.get("/get")
    def get():
        return json.dumps(session.get(request.args["name"]), default=str)

    @app.get("/all")
    def everything():
        return json.dumps({k: v for k, v in session.items() if k != "_cloakroom"}, default=str, sort_keys=True)

    @app.post("/set")
    def set_value():
        session[request.form["name"]] = json.loads(request.form["value"])
        return ""

    @app.post("/count")
    def count():
        session[request.form["name"]] = session.get(request.form["name"], 0) + 1
        return str(session[request.form["name"]])

    @app.post("/copy")
    def copy():
        session[request.form["to"]] = session[request.form["name"]]
        return ""

    @app.post("/delete")
    def delete():
        session.pop(request.form["name"], None)
        return ""

    @app.post("/clear")
    def clear():
        session.clear()
        return ""

    @app.post("/flash")
    def add_flash():
        flash(request.form["message"], request.form["category"])
        return ""

    @app.get("/flashes")
    def flashes():
        return json.dumps(get_flashed_messages(with_categories=True))

    @app.post("/permanent")
    def permanent():
        session.permanent = request.form["on"] == "true"
        return ""

    @app.post("/regenerate")
    def regenerate():
        app.session_interface.regenerate(session)
        return ""

    @app.post("/login")
    def login():
        app.session_interface.regenerate(session)
        login_user(User(request.form["user"]), remember="remember" in request.form)
        return ""

    @app.post("/logout")
    def logout():
        session.clear()
        logout_user()  # it notes in the session that its own cookie is to go
        return ""

    @app.get("/whoami")
    def whoami():
        return current_user.id if current_user.is_authenticated else ""

    @app.post("/slow")
    def slow():
        session.get("anything")
        waiting, go_on = gates.setdefault(request.form["gate"], (threading.Event(), threading.Event()))
        waiting.set()
        go_on.wait(30)
        session[request.form["name"]] = json.loads(request.form["value"])
        return ""

    @app.get("/gate")
    def gate():
        waiting, go_on = gates.setdefault(request.args["gate"], (threading.Event(), threading.Event()))
        if "open" in request.args:
            go_on.set()
        return "waiting" if waiting.is_set() else ""

    return app


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args):
        pass


apps = {"/%d" % i: make(settings) for i, settings in enumerate(json.loads(sys.argv[1]))}
server = make_server("127.0.0.1", 0, DispatcherMiddleware(NotFound(), apps), threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
