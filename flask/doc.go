// Package flask shares sessions with Flask-Session 0.8: its settings, its stored formats and its cookie.
//
// [Config] has every setting of Flask-Session, and those of Flask that are about sessions, under the same
// names in Go form and with the same defaults; [FromMap] and [FromEnv] read them by Flask's own names.
// [Signer] signs cookies as SESSION_USE_SIGNER does. [Convert] reads what any version of Flask-Session
// stored, pickles included, without executing anything.
package flask
