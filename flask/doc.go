// Package flask shares sessions with Flask-Session 0.8: a Flask application and a Go
// one serve the same site side by side, with the same cookie and the same records, and
// either may read, change, sign in and sign out.
//
//	config, err := flask.FromEnv("") // FLASK_SESSION_TYPE=redis, FLASK_SESSION_REDIS=redis://localhost, ...
//	sessions, closer, err := flask.Open(ctx, config, redisstore.Opener())
//	http.ListenAndServe(":8080", sessions.Handler(mux))
//
// [Config] has every setting of Flask-Session, and those of Flask that are about sessions, under the same
// names in Go form and with the same defaults; [FromMap] and [FromEnv] read them by
// Flask's own names. [Open] opens the store that they name, and [New] takes one that is
// open. Values are by name what session["name"] is in Python; flash messages are
// Flask's, and the owner is Flask-Login's user, in "_user_id".
//
// What Cloakroom promises holds with limits beside Flask, which overwrites blindly,
// keeps ids as they are, and writes on every request: docs/promises.md has the table,
// promise by store, and docs/from-flask.md what else differs. A value that Python could
// not read, or would round, such as in MessagePack a time with nanoseconds, is refused
// when it is committed.
//
// [Signer] signs cookies as SESSION_USE_SIGNER does. [Convert] reads what any version of Flask-Session
// stored, pickles included, without executing anything; a manager does so by itself.
package flask
