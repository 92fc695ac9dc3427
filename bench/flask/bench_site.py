"""The site of the comparison in Flask, with Flask-Session on Redis, for gunicorn.

    gunicorn 'bench_site:sessions("redis://127.0.0.1:6379", 100)'
"""

from flask import Flask, current_app, session


def bare():
    app = Flask(__name__)
    app.get("/untouched")(lambda: "ok")
    return app


def sessions(url, payload):
    from flask_session import Session
    from redis import Redis

    app = bare()
    app.config.update(
        SESSION_TYPE="redis",
        SESSION_REDIS=Redis.from_url(url),
        # Or every request writes.
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    Session(app)
    values = {"a": "a" * payload, "b": "b" * payload}

    def answer(right):
        return "ok" if right else "wrong"

    @app.get("/read")
    def read():
        return answer(session.get("name") == values["b"])

    @app.get("/check/<letter>")
    def check(letter):
        return answer(session.get("name") == values[letter])

    @app.get("/start")
    def start():
        session["name"] = values["b"]
        return answer(True)

    @app.get("/write/<letter>")
    def write(letter):
        session["name"] = values[letter]
        return answer(True)

    @app.get("/sign-in")
    def sign_in():
        current_app.session_interface.regenerate(session)
        return answer(True)

    return app
