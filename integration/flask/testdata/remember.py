"""Prints the attributes of the cookie by which Flask-Login remembers a user, but for when it ends."""

from flask import Flask
from flask_login import LoginManager, UserMixin, login_user


class User(UserMixin):
    id = "ada"


app = Flask(__name__)
app.config.update(SECRET_KEY="not secret", SESSION_COOKIE_DOMAIN="example.com")
LoginManager(app).user_loader(lambda _: User())


@app.get("/")
def login():
    login_user(User(), remember=True)
    return ""


for header in app.test_client().get("/", base_url="http://example.com").headers.getlist("Set-Cookie"):
    name, *attributes = header.split("; ")
    if name.startswith("remember_token="):
        print("; ".join(a for a in attributes if not a.startswith("Expires=")))
