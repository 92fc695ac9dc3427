package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

// pollEvery is how often a stream looks at its session: so late does it end after a sign-out.
var pollEvery = 2 * time.Second

// events streams how many items the cart has, in whichever tab or device they were added, until the
// session ends: by a sign-out here or elsewhere, or by a timeout. An open tab is no use of the
// session. If it should be, call KeepAlive beside Reload.
func (s *site) events(w http.ResponseWriter, r *http.Request) error {
	session := s.sessions.Get(r)
	if session.Owner() == "" {
		w.WriteHeader(http.StatusNoContent) // an EventSource does not come again then
		return nil
	}
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the server's timeouts are not for streams
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for last := -1; ; {
		n := 0
		for _, of := range cart.Get(session) {
			n += of
		}
		text := ": still here\n\n" // so that a browser that has gone is noticed
		if n != last {
			text, last = fmt.Sprintf("event: cart\ndata: %d\n\n", n), n
		}
		_ = out.SetWriteDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprint(w, text)
		if out.Flush() != nil {
			return nil // the browser has gone, or the middleware has answered
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.stopping:
			return nil // the browser comes again, to the next process
		case <-tick.C:
		}
		if err := session.Reload(); errors.Is(err, cloakroom.ErrEnded) {
			fmt.Fprint(w, "event: end\ndata: -\n\n")
			return nil
		} else if err != nil {
			return nil // the browser comes again, when the store may answer
		}
	}
}
