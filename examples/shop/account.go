package main

import (
	"errors"
	"net/http"

	"github.com/cloakroom-go/cloakroom"
)

func (s *site) signUp(w http.ResponseWriter, r *http.Request) error {
	owner, err := s.users.signUp(r.Context(), r.PostFormValue("login"), r.PostFormValue("password"))
	return s.begin(w, r, owner, err)
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) error {
	owner, err := s.users.signIn(r.Context(), r.PostFormValue("login"), r.PostFormValue("password"))
	return s.begin(w, r, owner, err)
}

// begin signs the owner in, unless err says why not. The session gets a new ticket, and keeps the
// cart.
func (s *site) begin(w http.ResponseWriter, r *http.Request, owner string, err error) error {
	if why := (refusal)(""); errors.As(err, &why) {
		return s.next(w, r, "/sign-in", "error", string(why))
	}
	if err == nil {
		err = s.sessions.Get(r).Login(owner)
	}
	if err == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
	return err
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.sessions.Get(r).Logout(); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// account lists where the user is signed in.
func (s *site) account(w http.ResponseWriter, r *http.Request) error {
	type device struct {
		cloakroom.Info
		Here bool
	}
	session := s.sessions.Get(r)
	var devices []device
	for info, err := range s.sessions.Owned(r.Context(), session.Owner()) {
		if err != nil {
			return err
		}
		devices = append(devices, device{info, info.ID == session.ID()})
	}
	return s.show(w, r, "account", devices)
}

// signOutDevice ends one of the user's sessions. One of another user is not found.
func (s *site) signOutDevice(w http.ResponseWriter, r *http.Request) error {
	session, id := s.sessions.Get(r), r.PostFormValue("id")
	if id == session.ID() {
		return s.signOut(w, r)
	}
	err := s.sessions.Revoke(r.Context(), session.Owner(), id)
	if errors.Is(err, cloakroom.ErrNotFound) {
		return s.next(w, r, "/account", "info", "You are not signed in there any more.")
	} else if err != nil {
		return err
	}
	return s.next(w, r, "/account", "info", "You are signed out there.")
}

func (s *site) signOutOthers(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.sessions.RevokeOthers(r.Context(), s.sessions.Get(r)); err != nil {
		return err
	}
	return s.next(w, r, "/account", "info", "You are signed in here alone.")
}

// admin lists sessions, up to a number that a page can show.
func (s *site) admin(w http.ResponseWriter, r *http.Request) error {
	var all []cloakroom.Info
	for info, err := range s.sessions.All(r.Context()) {
		if err != nil {
			return err
		}
		if all = append(all, info); len(all) == 1000 {
			break
		}
	}
	return s.show(w, r, "admin", all)
}

// signOutUser signs a user out everywhere. The audit log names the admin.
func (s *site) signOutUser(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.sessions.RevokeOwned(r.Context(), r.PostFormValue("owner")); err != nil {
		return err
	}
	return s.next(w, r, "/admin", "info", "The user is signed out everywhere.")
}
