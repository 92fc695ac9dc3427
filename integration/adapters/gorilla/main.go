// Command gorilla serves the demo's routes by gorilla's API where it can do what they do,
// and by Cloakroom's beside it where it cannot: exact increments, an owner, and the list of
// an owner's sessions. Two routes more are for flash messages.
package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgorilla"
	"github.com/cloakroom-go/cloakroom/integration/adapters/routes"
)

// name is the gorilla session that all routes use.
const name = "demo"

type site struct {
	*routes.Site
	store sessions.Store
}

func main() { routes.Main(server) }

func server(s *routes.Site) routes.Server {
	d := &site{s, cloakgorilla.New(s.Sessions, cloakgorilla.Options{SignIn: name})}
	own := map[string]http.HandlerFunc{
		"/get": d.get, "/value": d.value, "/set": d.set, "/modify": d.set, "/delete": d.remove,
		"/slow": d.slow, "/incr": d.incr, "/logout": d.logout,
	}
	mux := http.NewServeMux()
	for _, route := range s.Routes() {
		path := route.Path
		if path == "/" {
			path = "/{$}"
		}
		handler, ok := own[path]
		if !ok {
			handler = d.beside(route)
		}
		mux.HandleFunc(route.Method+" "+path, handler)
	}
	mux.HandleFunc("POST /flash", d.flash)
	mux.HandleFunc("GET /flashes", d.flashes)
	return routes.HTTP(s.Sessions.Handler(mux))
}

// beside serves a route by Cloakroom's API.
func (d *site) beside(route routes.Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		field := func(name string) (string, bool) {
			v := r.FormValue(name)
			return v, r.Form.Has(name)
		}
		a := route.Do(r.Context(), d.Sessions.Get(r), field)
		if a.Status == 0 {
			return // the middleware answers
		}
		w.Header().Set("Content-Type", a.Type)
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body)
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// change gets the session, lets f change it, saves it and answers with the text.
func (d *site) change(
	w http.ResponseWriter, r *http.Request, text string, f func(*sessions.Session),
) {
	s, err := d.store.Get(r, name)
	if err != nil {
		return // the middleware answers
	}
	f(s)
	if err := s.Save(r, w); err != nil {
		answer(w, http.StatusInternalServerError, err.Error())
		return
	}
	answer(w, http.StatusOK, text)
}

func (d *site) get(w http.ResponseWriter, r *http.Request) {
	s, err := d.store.Get(r, name)
	if err != nil {
		return
	}
	if v, ok := s.Values["value"]; ok {
		answer(w, http.StatusOK, fmt.Sprint(v))
		return
	}
	answer(w, http.StatusOK, "no value set")
}

func (d *site) value(w http.ResponseWriter, r *http.Request) {
	s, err := d.store.Get(r, name)
	if err != nil {
		return
	}
	if v, ok := s.Values[r.FormValue("key")]; ok {
		answer(w, http.StatusOK, fmt.Sprint(v))
		return
	}
	answer(w, http.StatusOK, "")
}

func (d *site) set(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, "value set", func(s *sessions.Session) {
		s.Values["value"] = r.FormValue("value")
	})
}

func (d *site) remove(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, "value deleted", func(s *sessions.Session) { delete(s.Values, "value") })
}

// slow reads the session, waits, and changes it.
func (d *site) slow(w http.ResponseWriter, r *http.Request) {
	ms, err := strconv.Atoi(r.FormValue("ms"))
	if err != nil || ms < 0 || ms > 60_000 {
		answer(w, http.StatusBadRequest, "ms must be a number from 0 to 60000")
		return
	}
	if _, err := d.store.Get(r, name); err != nil {
		return
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.Stopping():
		answer(w, http.StatusServiceUnavailable, "the server is stopping; nothing was set")
		return
	}
	d.change(w, r, "ok", func(s *sessions.Session) {
		s.Values[r.FormValue("key")] = r.FormValue("value")
	})
}

// incr is what gorilla's API cannot do: two requests that each read 5 and set 6 would leave 6.
func (d *site) incr(w http.ResponseWriter, r *http.Request) {
	key := r.FormValue("key")
	if key == "" || strings.HasPrefix(key, "_cloakroom") {
		answer(w, http.StatusBadRequest,
			"key must be 1 to 255 bytes of UTF-8, and not a reserved name")
		return
	}
	visits := cloakroom.Key[int](name + ":" + key)
	n, err := visits.UpdateNow(d.Sessions.Get(r), func(n int) int { return n + 1 })
	switch {
	case err == nil:
		answer(w, http.StatusOK, strconv.Itoa(n))
	case errors.Is(err, cloakroom.ErrEnded):
		answer(w, http.StatusConflict, "session ended")
	default:
		a := routes.Failed(err)
		answer(w, a.Status, a.Body)
	}
}

func (d *site) logout(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, "ok", func(s *sessions.Session) { s.Options.MaxAge = -1 })
}

func (d *site) flash(w http.ResponseWriter, r *http.Request) {
	d.change(w, r, "ok", func(s *sessions.Session) { s.AddFlash(r.FormValue("text")) })
}

// flashes answers with the messages that wait, a line each, and takes them.
func (d *site) flashes(w http.ResponseWriter, r *http.Request) {
	s, err := d.store.Get(r, name)
	if err != nil {
		return
	}
	var lines strings.Builder
	for _, message := range s.Flashes() {
		fmt.Fprintln(&lines, message)
	}
	d.change(w, r, lines.String(), func(*sessions.Session) {})
}
