package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

func (d *site) login(w http.ResponseWriter, r *http.Request) {
	if !form(w, r) {
		return
	}
	user := r.PostForm.Get("user")
	if user == "" || len(user) > maxOwner {
		answer(w, http.StatusBadRequest, fmt.Sprintf("user must be 1 to %d bytes long", maxOwner))
		return
	}
	if d.Sessions.Get(r).Login(user) != nil {
		return // the middleware answers
	}
	answer(w, http.StatusOK, "ok")
}

func (d *site) logout(w http.ResponseWriter, r *http.Request) {
	if d.Sessions.Get(r).Logout() != nil {
		return // the middleware answers
	}
	answer(w, http.StatusOK, "ok")
}

// device is a session as its owner sees it.
type device struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	CreatedAt  time.Time `json:"createdAt"`
	LastSeenAt time.Time `json:"lastSeenAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	UserAgent  string    `json:"userAgent"`
	IP         string    `json:"ip"`
}

func deviceOf(info *cloakroom.Info, current string) device {
	return device{
		ID: info.ID, Current: info.ID == current,
		CreatedAt: info.CreatedAt.UTC(), ExpiresAt: info.ExpiresAt.UTC(),
		LastSeenAt: info.LastSeenAt.UTC(), UserAgent: info.UserAgent, IP: info.IP,
	}
}

// signedIn returns the session, its owner, and whether it has one. If not, signedIn has
// answered.
func (d *site) signedIn(w http.ResponseWriter, r *http.Request) (*cloakroom.Session, string, bool) {
	s := d.Sessions.Get(r)
	owner := s.Owner()
	if owner == "" {
		// if loading failed, the middleware answers instead
		answer(w, http.StatusUnauthorized, "signed out")
	}
	return s, owner, owner != ""
}

// sessions streams its array, since a user may have any number of devices.
func (d *site) sessions(w http.ResponseWriter, r *http.Request) {
	s, owner, ok := d.signedIn(w, r)
	if !ok {
		return
	}
	current, separator := s.ID(), "["
	for info, err := range d.Sessions.Owned(r.Context(), owner) {
		switch {
		case err != nil && separator == "[":
			writeError(w, r, err)
			return
		case err != nil:
			d.logError(r, "listing sessions broke off", err)
			panic(http.ErrAbortHandler) // so that the client does not take the list for whole
		}
		if separator == "[" {
			w.Header().Set("Content-Type", "application/json")
		}
		line, err := json.Marshal(deviceOf(&info, current))
		if err != nil {
			panic(err) // strings and times of a record: it can't fail
		}
		if _, err := fmt.Fprintf(w, "%s%s", separator, line); err != nil {
			return // the client hung up
		}
		separator = ",\n"
	}
	if separator == "[" {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("["))
	}
	_, _ = w.Write([]byte("]\n"))
}

// revoke ends one session of the signed-in user, all others, or all. If this browser's
// own is among them, it clears the cookie too.
func (d *site) revoke(w http.ResponseWriter, r *http.Request) {
	if !form(w, r) {
		return
	}
	id, others, all := r.PostForm.Get("id"), r.PostForm.Get("others"), r.PostForm.Get("all")
	switch which := [3]bool{id != "", others != "", all != ""}; {
	case which == [3]bool{true, false, false}:
	case which == [3]bool{false, true, false} && others == "1":
	case which == [3]bool{false, false, true} && all == "1":
	default:
		answer(w, http.StatusBadRequest, "the form must have one field: id=ID, others=1 or all=1")
		return
	}
	s, owner, ok := d.signedIn(w, r)
	if !ok {
		return
	}
	own := all != "" || id != "" && id == s.ID()
	var err error
	switch {
	case id != "":
		err = d.Sessions.Revoke(r.Context(), owner, id)
	case others != "":
		_, err = d.Sessions.RevokeOthers(r.Context(), s)
	default:
		_, err = d.Sessions.RevokeOwned(r.Context(), owner)
	}
	switch {
	case errors.Is(err, cloakroom.ErrNotFound):
		answer(w, http.StatusNotFound, "there is no such session of yours")
	case err != nil:
		d.logError(r, "revoking failed", err)
		writeError(w, r, err)
	case own && s.Logout() != nil:
		// The middleware answers.
	default:
		answer(w, http.StatusOK, "ok")
	}
}

func (d *site) logError(r *http.Request, what string, err error) {
	d.Sessions.Options().Logger.ErrorContext(r.Context(), what, "error", err)
}

// stats answers with the counts that the README lists, and no others.
func (d *site) stats(w http.ResponseWriter, _ *http.Request) {
	n := d.Stats()
	writeJSON(w, struct {
		Loads     int64 `json:"loads"`
		Creates   int64 `json:"creates"`
		Replaces  int64 `json:"replaces"`
		Touches   int64 `json:"touches"`
		Deletes   int64 `json:"deletes"`
		Moves     int64 `json:"moves"`
		Lists     int64 `json:"lists"`
		Conflicts int64 `json:"conflicts"`
		Errors    int64 `json:"errors"`
	}{
		n.Loads, n.Creates, n.Replaces, n.Touches, n.Deletes,
		n.Moves, n.Lists, n.Conflicts, n.Errors,
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and times: it can't fail
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n'))
}
