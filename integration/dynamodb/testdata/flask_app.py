"""A Flask application whose sessions Flask-Session keeps in DynamoDB.

Arguments: the endpoint, and PERMANENT_SESSION_LIFETIME in seconds. Each line of standard input is a request: "set COOKIE
NAME VALUE", "get COOKIE NAME" or "clear COOKIE", where "-" is no cookie. The answer is a line: status, cookie, body.
"""

import sys

import boto3
import flask
import flask_session

app = flask.Flask(__name__)
app.config.update(
    SESSION_TYPE="dynamodb",
    SESSION_DYNAMODB=boto3.resource("dynamodb", endpoint_url=sys.argv[1], region_name="eu-central-1"),
    PERMANENT_SESSION_LIFETIME=int(sys.argv[2]),
)
flask_session.Session(app)


@app.get("/set/<name>/<value>")
def set_value(name, value):
    flask.session[name] = value
    return "set"


@app.get("/get/<name>")
def get_value(name):
    return flask.session.get(name, "none")


@app.get("/clear")
def clear():
    flask.session.clear()
    return "cleared"


for line in sys.stdin:
    command, cookie, *rest = line.split()
    client = app.test_client()
    if cookie != "-":
        client.set_cookie("session", cookie)
    answer = client.get("/" + "/".join([command, *rest]))
    kept = client.get_cookie("session")
    print(answer.status_code, kept.value if kept else "-", answer.text.split("\n")[0], flush=True)
