package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// tellEvery is how often a stream looks at its session: so late does it end after a sign-out.
var tellEvery = 2 * time.Second

// events streams how many items the cart has, in whichever tab or device they were added, until the
// session ends: by a sign-out here or elsewhere, or by a timeout. An open tab is no use of the
// session. If it should be, call KeepAlive beside Reload.
func (s *site) events(w http.ResponseWriter, r *http.Request, u *user) error {
	if u == nil {
		w.WriteHeader(http.StatusNoContent) // an EventSource does not come again then
		return nil
	}
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's timeouts are not for streams
	w.Header().Set("Content-Type", "text/event-stream")
	session := s.sessions.Get(r)
	var err error
	for ; err == nil; err = session.Reload() {
		n := 0
		for _, of := range cart.Get(session) {
			n += of
		}
		_ = out.SetWriteDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(w, "event: cart\ndata: %d\n\n", n)
		if err = out.Flush(); err != nil {
			break // the browser has gone, or the middleware has answered
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.stopping:
			return nil // the browser comes again, to the next process
		case <-time.After(tellEvery):
		}
	}
	if errors.Is(err, cloakroom.ErrEnded) { // otherwise the browser comes again
		fmt.Fprint(w, "event: end\ndata: -\n\n")
	}
	return nil
}
