// Package cloakgorilla is a store for github.com/gorilla/sessions that keeps its sessions
// in those of a [cloakroom.Manager]. What is built on gorilla's API keeps its code and
// gains Cloakroom's promises, but for one that needs to know of sign-ins: see
// [Options.Owner].
//
//	sessions, err := cloakroom.New(store, cloakroom.Options{})
//	gorilla := cloakgorilla.New(sessions, cloakgorilla.Options{SignIn: "user-session", Owner: "id"})
//
//	func home(w http.ResponseWriter, r *http.Request) {
//		s, err := gorilla.Get(r, "user-session")
//		...
//		s.Values["theme"] = "dark"
//		err = s.Save(r, w)
//	}
//
//	http.ListenAndServe(addr, sessions.Handler(mux))
//
// # Names
//
// A browser has one Cloakroom session, with one cookie, and gorilla's sessions are parts
// of it: the value "theme" of the session "user-session" is the Cloakroom value
// "user-session:theme". Both APIs can be used in one request:
//
//	const visits = cloakroom.Key[int]("user-session:visits")
//	n, err := visits.UpdateNow(sessions.Get(r), func(n int) int { return n + 1 }) // exact
//
// # Saving
//
// Save stores what has changed since the session was loaded or saved last, and nothing
// else, so two requests that change different values both keep their change. Of an
// []interface{}, such as flash messages, it adds the items that were added and removes
// those that were removed, so two requests may both add some.
//
// Save does not write yet: the middleware does, once for all that a request has changed,
// before the first byte of the response. If that fails, the client gets a 503.
//
// # Types
//
// Values that are a bool, an int, a float64, a string or an []interface{} of such are
// stored as what they are, and a [cloakroom.Key] can read them. What is of another type,
// or a string that is not UTF-8, is stored as encoding/gob makes it, so as with gorilla's
// own stores a custom type must be registered by [gob.Register]. A Key cannot read it. What a
// Key has set under such a name and has another type, gorilla's API reads as a Key[any] does.
package cloakgorilla
