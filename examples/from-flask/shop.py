"""What has not moved yet: see the README beside it."""

from flask import Flask, get_flashed_messages, redirect, render_template_string, request, session
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_session import Session


class User(UserMixin):
    def __init__(self, name):
        self.id = name


app = Flask(__name__)
app.config.from_prefixed_env()
Session(app)
LoginManager(app).user_loader(User)

PAGE = """<h1>The shop, by Flask</h1>
{% for message in messages %}<p><b>{{ message }}</b></p>{% endfor %}
<p>Signed in: {{ user }}</p>
<p>In your cart: {{ cart | length }}</p>
<form method="post" action="/login"><input name="user"><button>Sign in</button></form>
<form method="post" action="/logout"><button>Sign out</button></form>
<a href="/cart">Your cart, by Go</a>
"""


@app.get("/")
def home():
    user = current_user.id if current_user.is_authenticated else ""
    return render_template_string(PAGE, messages=get_flashed_messages(), user=user, cart=session.get("cart", []))


@app.post("/login")
def login():
    app.session_interface.regenerate(session)
    login_user(User(request.form["user"]))
    return redirect("/", 303)


@app.post("/logout")
def logout():
    session.clear()
    logout_user()
    return redirect("/", 303)
