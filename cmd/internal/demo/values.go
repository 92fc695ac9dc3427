package demo

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// ended is the answer to a request whose session has ended.
const ended = "session ended"

func ping(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "pong") }

func (d *site) set(w http.ResponseWriter, r *http.Request) {
	if !form(w, r) {
		return
	}
	value, ok := field(w, r, "value")
	if !ok {
		return
	}
	keyValue.Set(d.Sessions.Get(r), value)
	answer(w, http.StatusOK, "value set")
}

func (d *site) get(w http.ResponseWriter, r *http.Request) {
	value, present, err := textOf(d.Sessions.Get(r), string(keyValue))
	if err != nil || !present {
		value = "no value set"
	}
	answer(w, http.StatusOK, value)
}

func (d *site) delete(w http.ResponseWriter, r *http.Request) {
	keyValue.Delete(d.Sessions.Get(r))
	answer(w, http.StatusOK, "value deleted")
}

// incr answers 409 where there is nothing to count up: the session has ended, or the
// value is not a number. With existing=1 in the form, a browser without a session gets
// none, and is told so.
func (d *site) incr(w http.ResponseWriter, r *http.Request) {
	if !form(w, r) {
		return
	}
	s := d.Sessions.Get(r)
	key, ok := keyIn(w, r.PostForm.Get("key"), s)
	if !ok {
		return
	}
	if r.PostForm.Get("existing") != "" {
		if s.Load() != nil {
			return // the middleware answers
		}
		if s.IsNew() {
			answer(w, http.StatusOK, ended)
			return
		}
	}
	n, err := cloakroom.Key[int](key).UpdateNow(s, func(n int) int { return n + 1 })
	switch notNumber := (*cloakroom.DecodeError)(nil); {
	case err == nil:
		answer(w, http.StatusOK, strconv.Itoa(n))
	case errors.Is(err, cloakroom.ErrEnded):
		answer(w, http.StatusConflict, ended)
	case errors.As(err, &notNumber):
		answer(w, http.StatusConflict, "the value is not a number")
	default:
		writeError(w, r, err)
	}
}

// slow reads the session, waits, and changes it. Only the end of the server cuts it
// short: neither a sign-out meanwhile nor a client that hangs up.
func (d *site) slow(w http.ResponseWriter, r *http.Request) {
	if !form(w, r) {
		return
	}
	const longest = int(MaxSlow / time.Millisecond)
	ms, err := strconv.Atoi(r.PostForm.Get("ms"))
	if err != nil || ms < 0 || ms > longest {
		answer(w, http.StatusBadRequest, fmt.Sprintf("ms must be a number from 0 to %d", longest))
		return
	}
	value, ok := field(w, r, "value")
	if !ok {
		return
	}
	s := d.Sessions.Get(r)
	key, ok := keyIn(w, r.PostForm.Get("key"), s)
	if !ok {
		return
	}
	timer := time.NewTimer(time.Duration(ms) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.Stopping:
		answer(w, http.StatusServiceUnavailable, "the server is stopping; nothing was set")
		return
	}
	cloakroom.Key[string](key).Set(s, value)
	answer(w, http.StatusOK, "ok")
}

func (d *site) value(w http.ResponseWriter, r *http.Request) {
	s := d.Sessions.Get(r)
	key, ok := keyIn(w, r.URL.Query().Get("key"), s)
	if !ok {
		return
	}
	// an unreadable value counts as absent, and the middleware reports a load error
	text, _, _ := textOf(s, key)
	answer(w, http.StatusOK, text)
}

// keyIn loads the session and reports whether the handler may go on with the key of that
// name. If not, it has answered. An invalid name costs no load.
func keyIn(w http.ResponseWriter, name string, s *cloakroom.Session) (string, bool) {
	_, _, err := cloakroom.Key[string](name).Lookup(s)
	switch unreadable := (*cloakroom.DecodeError)(nil); {
	case err == nil, errors.As(err, &unreadable):
		return name, true
	case s.Err() == nil: // the name is invalid
		answer(w, http.StatusBadRequest,
			"key must be 1 to 255 bytes of UTF-8, and not a reserved name")
	} // otherwise the middleware answers
	return "", false
}

// textOf returns a value of any type as text: as /set and /slow write it, as /incr does,
// or as another program may.
func textOf(s *cloakroom.Session, key string) (text string, present bool, err error) {
	text, present, err = cloakroom.Key[string](key).Lookup(s)
	unreadable := (*cloakroom.DecodeError)(nil)
	if !errors.As(err, &unreadable) {
		return text, present, err
	}
	if n, ok, err := cloakroom.Key[int64](key).Lookup(s); err == nil && ok {
		return strconv.FormatInt(n, 10), true, nil
	}
	v, ok, err := cloakroom.Key[any](key).Lookup(s)
	if err != nil || !ok {
		return "", ok, err
	}
	return fmt.Sprint(v), true, nil
}
