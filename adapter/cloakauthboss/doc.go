// Package cloakauthboss keeps the session state of authboss v3 in the sessions of a
// [cloakroom.Manager].
//
//	ab := authboss.New()
//	ab.Storage.SessionState = cloakauthboss.New(sessions)
//	...
//	http.ListenAndServe(addr, sessions.Handler(ab.LoadClientStateMiddleware(mux)))
//
// # Signing in and out
//
// The key "uid", [authboss.SessionKey], is the owner of the Cloakroom session. Where authboss
// puts it, by whichever of its modules, that is [cloakroom.Session.Login]: the session gets a
// new ticket, its values stay, and the old ticket is dead before the new one is handed out.
// Where authboss deletes it, or deletes all, that is [cloakroom.Session.Logout]: the session
// ends, with what the application keeps in it, and the values of authboss that are left,
// such as those of its whitelist, go to a new one.
//
// So a session that is revoked or expires is signed out for authboss too, and
// [cloakroom.Manager.Owned] lists a user's sessions by authboss's PID.
//
// # Values
//
// Any other key is a value of the Cloakroom session: "flash_success" is
// cloakroom.Key[string]("authboss:flash_success"). Two requests that change different ones
// both keep their change.
package cloakauthboss
