// Package flask shares sessions with Flask-Session 0.8: a Flask application and a Go one
// serve the same site side by side, with the same cookie and the same records. Either may
// read, change, sign in and sign out.
//
//	config, err := flask.FromEnv("") // FLASK_SESSION_TYPE=redis, FLASK_SESSION_REDIS=..., ...
//	sessions, closer, err := flask.Open(ctx, config, redisstore.Opener())
//	http.ListenAndServe(":8080", sessions.Handler(mux))
//
// [Config] has the settings of Flask-Session, and those of Flask that concern sessions,
// under the same names in Go form and with the same defaults. [FromMap] and [FromEnv]
// read them by Flask's own names. [Open] opens the store that they name; [New] takes a
// store that is open.
//
// A value has the name that it has in Python: session["name"]. Flash messages are
// Flask's, and the owner is Flask-Login's user, in "_user_id".
//
// Beside Flask the promises of Cloakroom have limits, since Flask overwrites blindly,
// keeps its ids at a sign-in, and writes on every request. docs/promises.md has the
// table, and docs/from-flask.md says what else differs. A commit refuses a value that
// Python could not read or would round, such as a time with nanoseconds in MessagePack.
//
// [Signer] signs cookies as SESSION_USE_SIGNER does. [Convert] reads what any version of
// Flask-Session stored, pickles included, without executing anything; a manager does so
// by itself.
package flask
