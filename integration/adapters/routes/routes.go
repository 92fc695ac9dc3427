// Package routes is the demo's routes without a framework, for programs in which each
// framework serves them in its own way: what a route does with a session, and the process
// around a server. The demo itself, with its page, is in cmd/internal/demo.
package routes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/countstore"
)

// Site is what the routes work with.
type Site struct {
	Sessions *cloakroom.Manager

	calls    func() countstore.Stats
	stopping <-chan struct{}
}

// Stopping is closed when the server is about to stop, for a program that serves POST /slow
// in another way.
func (s *Site) Stopping() <-chan struct{} { return s.stopping }

// Route is a route of the demo.
type Route struct {
	Method, Path string

	// Do answers a request. It needs the request's context, its session, and a function
	// that returns a field of the form of a POST, or of the query.
	Do func(context.Context, *cloakroom.Session, func(name string) (string, bool)) Answer
}

// Answer is the response of a route.
type Answer struct {
	// Status is 0 where the session could not be loaded or committed: the middleware
	// answers then.
	Status int

	Type, Body string
}

// Routes returns all routes.
func (s *Site) Routes() []Route {
	return []Route{
		{"GET", "/", page},
		{"GET", "/ping", ping},
		{"GET", "/get", get},
		{"GET", "/value", value},
		{"GET", "/sessions", s.sessions},
		{"GET", "/stats", s.stats},
		{"POST", "/set", set},
		{"POST", "/modify", set},
		{"POST", "/delete", remove},
		{"POST", "/incr", incr},
		{"POST", "/slow", s.slow},
		{"POST", "/login", login},
		{"POST", "/logout", logout},
		{"POST", "/revoke", s.revoke},
	}
}

// form returns a field of a request, and whether it is there.
type form = func(name string) (string, bool)

const keyValue = cloakroom.Key[string]("value")

func text(status int, body string) Answer {
	return Answer{status, "text/plain; charset=utf-8", body}
}

// done is the answer of a route that did what it was asked, or could not.
func done(err error) Answer {
	if err != nil {
		return Answer{}
	}
	return text(http.StatusOK, "ok")
}

func asJSON(v any) Answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and times: it can't fail
	}
	return Answer{http.StatusOK, "application/json", string(body)}
}

// Failed is the answer to a request whose session could not be loaded or committed.
func Failed(err error) Answer {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return text(http.StatusNotImplemented, "this store cannot list sessions")
	case errors.Is(err, cloakroom.ErrTooLarge):
		return text(http.StatusRequestEntityTooLarge, "too large to store")
	case errors.Is(err, cloakroom.ErrFull):
		return text(http.StatusServiceUnavailable, "the store is full; try again later")
	}
	return text(http.StatusServiceUnavailable,
		"the session could not be loaded or stored; try again")
}

func page(context.Context, *cloakroom.Session, form) Answer {
	return Answer{http.StatusOK, "text/html; charset=utf-8",
		`<!doctype html><html lang="en"><title>Cloakroom</title>`}
}

func ping(context.Context, *cloakroom.Session, form) Answer { return text(http.StatusOK, "pong") }

func set(_ context.Context, s *cloakroom.Session, in form) Answer {
	v, ok := in("value")
	if !ok {
		return text(http.StatusBadRequest, "the form must have the field value")
	}
	keyValue.Set(s, v)
	return text(http.StatusOK, "value set")
}

func get(_ context.Context, s *cloakroom.Session, _ form) Answer {
	v, present, err := textOf(s, string(keyValue))
	if err != nil || !present {
		v = "no value set"
	}
	return text(http.StatusOK, v)
}

func remove(_ context.Context, s *cloakroom.Session, _ form) Answer {
	keyValue.Delete(s)
	return text(http.StatusOK, "value deleted")
}

func incr(_ context.Context, s *cloakroom.Session, in form) Answer {
	key, wrong := keyIn(s, in)
	if wrong != nil {
		return *wrong
	}
	n, err := cloakroom.Key[int](key).UpdateNow(s, func(n int) int { return n + 1 })
	switch notNumber := (*cloakroom.DecodeError)(nil); {
	case err == nil:
		return text(http.StatusOK, strconv.Itoa(n))
	case errors.Is(err, cloakroom.ErrEnded):
		return text(http.StatusConflict, "session ended")
	case errors.As(err, &notNumber):
		return text(http.StatusConflict, "the value is not a number")
	}
	return Failed(err)
}

// slow reads the session, waits, and changes it. Only the end of the server cuts it short.
func (s *Site) slow(_ context.Context, session *cloakroom.Session, in form) Answer {
	milliseconds, _ := in("ms")
	ms, err := strconv.Atoi(milliseconds)
	if err != nil || ms < 0 || ms > 60_000 {
		return text(http.StatusBadRequest, "ms must be a number from 0 to 60000")
	}
	v, ok := in("value")
	if !ok {
		return text(http.StatusBadRequest, "the form must have the field value")
	}
	key, wrong := keyIn(session, in)
	if wrong != nil {
		return *wrong
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping:
		return text(http.StatusServiceUnavailable, "the server is stopping; nothing was set")
	}
	cloakroom.Key[string](key).Set(session, v)
	return text(http.StatusOK, "ok")
}

func value(_ context.Context, s *cloakroom.Session, in form) Answer {
	key, wrong := keyIn(s, in)
	if wrong != nil {
		return *wrong
	}
	v, _, _ := textOf(s, key) // what cannot be read counts as absent
	return text(http.StatusOK, v)
}

func login(_ context.Context, s *cloakroom.Session, in form) Answer {
	user, _ := in("user")
	if user == "" {
		return text(http.StatusBadRequest, "user must not be empty")
	}
	return done(s.Login(user))
}

func logout(_ context.Context, s *cloakroom.Session, _ form) Answer { return done(s.Logout()) }

// device is a session as its owner sees it.
type device struct {
	ID      string `json:"id"`
	Current bool   `json:"current"`
}

func (s *Site) sessions(ctx context.Context, session *cloakroom.Session, _ form) Answer {
	owner := session.Owner()
	if owner == "" {
		return text(http.StatusUnauthorized, "signed out")
	}
	list := []device{}
	for info, err := range s.Sessions.Owned(ctx, owner) {
		if err != nil {
			return Failed(err)
		}
		list = append(list, device{info.ID, info.ID == session.ID()})
	}
	return asJSON(list)
}

// revoke ends one session of the signed-in user, all others, or all. If this browser's own
// is among them, it clears the cookie too.
func (s *Site) revoke(ctx context.Context, session *cloakroom.Session, in form) Answer {
	owner := session.Owner()
	if owner == "" {
		return text(http.StatusUnauthorized, "signed out")
	}
	id, one := in("id")
	_, others := in("others")
	own := !others && (!one || id == session.ID())
	var err error
	switch {
	case one:
		err = s.Sessions.Revoke(ctx, owner, id)
	case others:
		_, err = s.Sessions.RevokeOthers(ctx, session)
	default:
		_, err = s.Sessions.RevokeOwned(ctx, owner)
	}
	switch {
	case errors.Is(err, cloakroom.ErrNotFound):
		return text(http.StatusNotFound, "there is no such session of yours")
	case err != nil:
		return Failed(err)
	case own:
		return done(session.Logout())
	}
	return text(http.StatusOK, "ok")
}

// stats answers with the store's calls.
func (s *Site) stats(context.Context, *cloakroom.Session, form) Answer {
	n := s.calls()
	return asJSON(map[string]int64{
		"loads": n.Loads, "creates": n.Creates, "replaces": n.Replaces, "touches": n.Touches,
		"deletes": n.Deletes, "moves": n.Moves, "lists": n.Lists, "conflicts": n.Conflicts,
		"errors": n.Errors,
	})
}

// keyIn loads the session and returns the key that the request names, or what to answer
// where there is none.
func keyIn(s *cloakroom.Session, in form) (string, *Answer) {
	name, _ := in("key")
	_, _, err := cloakroom.Key[string](name).Lookup(s)
	unreadable := (*cloakroom.DecodeError)(nil)
	switch {
	case err == nil, errors.As(err, &unreadable):
		return name, nil
	case s.Err() != nil:
		return "", &Answer{}
	}
	wrong := text(http.StatusBadRequest,
		"key must be 1 to 255 bytes of UTF-8, and not a reserved name")
	return "", &wrong
}

// textOf returns a text or a number as text.
func textOf(s *cloakroom.Session, key string) (v string, present bool, err error) {
	v, present, err = cloakroom.Key[string](key).Lookup(s)
	if unreadable := (*cloakroom.DecodeError)(nil); errors.As(err, &unreadable) {
		n, present, err := cloakroom.Key[int64](key).Lookup(s)
		return fmt.Sprint(n), present, err
	}
	return v, present, err
}
