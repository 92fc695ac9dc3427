"""What real extensions and applications do with a session in two requests.

FLOWS has by name a first step, and a check that what it left is as it was. Between the two, Go
changes another value.
"""

import collections
import datetime
import zoneinfo

import numpy
import pytz
from authlib.integrations.flask_client.integration import FlaskIntegration
from authlib.oauth2.rfc6749 import OAuth2Token as AuthlibToken
from flask import flash, get_flashed_messages, session
from flask_babel import lazy_gettext
from flask_dance.consumer import OAuth2ConsumerBlueprint
from flask_dance.consumer.storage.session import SessionStorage
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from markupsafe import Markup
from oauthlib.oauth2.rfc6749.tokens import OAuth2Token
from values import Role
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField
from wtforms.validators import InputRequired

FLOWS = {}


def flow(name):
    def add(steps):
        first, check = steps()
        FLOWS[name] = {"first": first, "check": check}

    return add


def keeps(name, key, value, equal=None):
    """Is a flow that keeps a value under a key; equal is for what a format makes something else of."""

    def first():
        session[key] = value()

    def check():
        found = session[key]
        assert equal(found) if equal else found == value(), found

    FLOWS[name] = {"first": first, "check": check}


def is_now(found):
    """Both formats keep a time's offset, and JSON as text."""
    if isinstance(found, str):
        found = datetime.datetime.fromisoformat(found)
    return found.utcoffset() is not None and abs(
        found - datetime.datetime.now(pytz.utc)
    ) < datetime.timedelta(hours=1)


@flow("Flask-Login's user")
def login():
    def first():
        assert current_user.id == "ada" and session["_fresh"]
        session["next"] = "/a?b=c"
        session["_remember_seconds"] = 63072.0
        session["last_active"] = "2024-11-26T12:13:58.952344"

    def check():
        assert current_user.id == "ada" and session["_fresh"] and len(session["_id"]) == 128
        assert session["next"] == "/a?b=c" and session["_remember_seconds"] == 63072.0
        assert session["last_active"] == "2024-11-26T12:13:58.952344"

    return first, check


@flow("Flask-WTF's token")
def csrf():
    def first():
        session["form"] = generate_csrf()

    def check():
        validate_csrf(session["form"])

    return first, check


@flow("Authlib's state")
def authlib_state():
    data = {"redirect_uri": "http://h/back", "nonce": "n", "code_verifier": "v" * 43}

    def first():
        FlaskIntegration("idp").set_state_data(session, "state", data)

    def check():
        found = FlaskIntegration("idp").get_state_data(session, "state")
        assert found == data, found
        FlaskIntegration("idp").clear_state_data(session, "state")

    return first, check


@flow("Authlib's token")
def authlib_token():
    token = {
        "access_token": "x",
        "expires_in": 3600,
        "expires_at": 4102444800,
        "userinfo": {"sub": "1", "iat": 1764530000},
    }

    def first():
        session["token"] = AuthlibToken(token)

    def check():
        assert dict(session["token"]) == token, session["token"]
        assert not AuthlibToken(session["token"]).is_expired()

    return first, check


@flow("Flask-Dance's token")
def dance():
    blueprint = OAuth2ConsumerBlueprint("github", __name__, client_id="a", client_secret="b")

    def first():
        SessionStorage().set(
            blueprint,
            OAuth2Token({"access_token": "x", "token_type": "bearer", "scope": ["a", "b"]}),
        )
        session["github_oauth_state"] = "s"

    def check():
        token = SessionStorage().get(blueprint)
        assert token["access_token"] == "x" and token["scope"] == ["a", "b"], token
        assert session["github_oauth_state"] == "s"

    return first, check


@flow("Flask-Security's and Flask-Admin's keys")
def security():
    keys = {
        "identity.id": "5",
        "identity.auth_type": "form",
        "fs_cc": "set",
        "fs_paa": 1732622038.95,
        "fs_gexp": 1732622038,
        "tf_state": "ready",
        "tf_primary_method": "authenticator",
        "admin.list": {"page": 3, "search": None, "filters": ["a"]},
    }

    def first():
        session.update(keys)

    def check():
        assert {k: session[k] for k in keys} == keys

    return first, check


@flow("Flask-Babel's locale and lazy text")
def babel():
    def first():
        session["locale"], session["timezone"] = "de", "Europe/Berlin"
        flash(str(lazy_gettext("Saved")))

    def check():
        assert session["locale"] == "de" and session["timezone"] == "Europe/Berlin"
        assert get_flashed_messages() == ["Saved"]

    return first, check


@flow("lazy text flashed")
def lazy():
    def first():
        flash(lazy_gettext("Saved"))

    def check():
        assert list(map(str, get_flashed_messages())) == ["Saved"]

    return first, check


@flow("errors of a form flashed")
def errors():
    class SignUp(Form):
        name = StringField(validators=[InputRequired("is missing")])

    def first():
        form = SignUp(MultiDict())
        assert not form.validate()
        flash({field: list(map(str, texts)) for field, texts in form.errors.items()}, "errors")
        flash("plain")
        flash(404, "status")

    def check():
        found = get_flashed_messages(with_categories=True)
        assert list(map(tuple, found)) == [
            ("errors", {"name": ["is missing"]}),
            ("message", "plain"),
            ("status", 404),
        ], found

    return first, check


@flow("Markup flashed")
def markup():
    def first():
        flash(Markup("<b>hi</b>"), "note")

    def check():
        assert get_flashed_messages(category_filter=["note"]) == ["<b>hi</b>"]

    return first, check


@flow("MSAL's flow and cache")
def msal():
    auth = {
        "state": "s",
        "redirect_uri": "http://h/back",
        "scope": ["openid"],
        "auth_uri": "https://idp?a=b",
        "code_verifier": "v",
        "nonce": "n",
        "claims_challenge": None,
    }
    user = {"aud": "x", "exp": 1732622038, "roles": [], "name": "Ada", "ver": "2.0"}

    def first():
        session["flow"], session["token_cache"], session["user"] = (
            auth,
            '{"AccessToken": {}}' * 500,
            user,
        )

    def check():
        assert (
            session["flow"] == auth
            and session["user"] == user
            and len(session["token_cache"]) == 9500
        )

    return first, check


keeps(
    "request.form kept",
    "form",
    lambda: MultiDict([("a", "1"), ("a", "2")]),
    lambda f: list(f) == ["a"] and f["a"] in ("1", ["1", "2"]),
)
keeps(
    "a cart in an OrderedDict",
    "cart",
    lambda: collections.OrderedDict([("b", 2), ("a", 1)]),
    lambda f: list(f.items()) == [("b", 2), ("a", 1)],
)
keeps("a role that is an Enum", "role", lambda: Role.ADMIN, lambda f: Role(f) is Role.ADMIN)
keeps(
    "last seen, in pytz",
    "seen",
    lambda: datetime.datetime.now(pytz.timezone("Europe/Berlin")),
    is_now,
)
keeps(
    "last seen, in zoneinfo",
    "seen",
    lambda: datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Berlin")),
    is_now,
)
keeps("last seen, in UTC", "seen", lambda: datetime.datetime.now(datetime.timezone.utc), is_now)
keeps("an id of numpy", "row", lambda: numpy.int64(5), lambda f: f == 5)
keeps(
    "the steps of a form",
    "wizard",
    lambda: {"step": 2, "data": {"name": "Ada", "tags": [], "agreed": True, "at": None}},
)
keeps(
    "a counter per page",
    "pages",
    lambda: collections.Counter(["/", "/", "/a"]),
    lambda f: f == {"/": 2, "/a": 1},
)
