package demo

import (
	"embed"
	"errors"
	"net/http"
	"time"
)

//go:embed static
var files embed.FS

// addFiles adds the page for people and its files, none of which touch the session.
func addFiles(mux *http.ServeMux) {
	for path, file := range map[string]string{
		"/{$}":       "index.html",
		"/app.js":    "app.js",
		"/style.css": "style.css",
		"/icon.svg":  "icon.svg",
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, files, "static/"+file)
		})
	}
}

// pageState is what the page shows. It costs one load, and one list when signed in.
type pageState struct {
	// the server's time, which the two clocks on the page follow
	Now      time.Time    `json:"now"`
	Idle     float64      `json:"idleSeconds"`
	Lifetime float64      `json:"lifetimeSeconds"`
	Store    string       `json:"store"`
	Session  *sessionInfo `json:"session"` // null when there is none
	Devices  *deviceList  `json:"devices"` // null when signed out
}

type sessionInfo struct {
	ID              string     `json:"id"`
	Owner           string     `json:"owner"`
	CreatedAt       time.Time  `json:"createdAt"`
	AuthenticatedAt *time.Time `json:"authenticatedAt"`
	ExpiresAt       time.Time  `json:"expiresAt"`
	Deadline        time.Time  `json:"deadline"`
	Value           *string    `json:"value"`
	Counter         int        `json:"counter"`
}

type deviceList struct {
	Sessions []device `json:"sessions"`
	More     bool     `json:"more"`    // there are more than are shown
	Problem  string   `json:"problem"` // why the list is missing or not whole
}

func (d *site) page(w http.ResponseWriter, r *http.Request) {
	s := d.Sessions.Get(r)
	if s.Load() != nil {
		return // the middleware answers
	}
	// records the use now if that is due, so that the idle clock is right; no operation
	// is pending
	_ = s.Save()
	options := d.Sessions.Options()
	state := pageState{
		Now:      options.Now().UTC(),
		Idle:     options.Idle.Seconds(),
		Lifetime: options.Lifetime.Seconds(),
		Store:    d.Store,
	}
	if !s.IsNew() {
		state.Session = &sessionInfo{
			ID: s.ID(), Owner: s.Owner(),
			CreatedAt: s.CreatedAt().UTC(), ExpiresAt: s.ExpiresAt().UTC(),
			Deadline: s.Deadline().UTC(), Counter: keyCounter.Get(s),
		}
		if at := s.AuthenticatedAt(); !at.IsZero() {
			at = at.UTC()
			state.Session.AuthenticatedAt = &at
		}
		if value, present, err := textOf(s, string(keyValue)); err == nil && present {
			state.Session.Value = &value
		}
		if s.Owner() != "" {
			state.Devices = d.devices(r, s.Owner(), s.ID())
		}
	}
	writeJSON(w, state)
}

func (d *site) devices(r *http.Request, owner, current string) *deviceList {
	list := &deviceList{Sessions: []device{}}
	for info, err := range d.Sessions.Owned(r.Context(), owner) {
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			list.Problem = "This store cannot list sessions."
			return list
		case err != nil:
			d.logError(r, "listing sessions failed", err)
			list.Problem = "The list could not be read. Try again."
			return list
		case len(list.Sessions) == maxDevices:
			list.More = true
			return list
		}
		list.Sessions = append(list.Sessions, deviceOf(&info, current))
	}
	return list
}
