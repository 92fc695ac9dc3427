package cloakauthboss

import (
	"fmt"
	"net/http"

	"github.com/aarondl/authboss/v3"

	"github.com/cloakroom-go/cloakroom"
)

// ReadWriter is an [authboss.ClientStateReadWriter] for Storage.SessionState. It is safe for
// concurrent use. Make one with [New].
type ReadWriter struct{ manager *cloakroom.Manager }

var _ authboss.ClientStateReadWriter = (*ReadWriter)(nil)

// New returns a ReadWriter of the sessions of m. Requests must pass through m.Handler before
// they come to authboss.
func New(m *cloakroom.Manager) *ReadWriter { return &ReadWriter{manager: m} }

// ReadState returns the state of a request. The session is loaded when authboss asks for a
// value of it, so a request that asks for none makes no store call. The error is
// [cloakroom.ErrNoMiddleware].
func (rw *ReadWriter) ReadState(r *http.Request) (authboss.ClientState, error) {
	own := rw.manager.Get(r)
	if err := own.Err(); err != nil {
		return nil, fmt.Errorf("cloakauthboss: read state: %w", err)
	}
	return &state{own}, nil
}

// WriteState takes down what authboss has changed. The middleware stores it before the first
// byte of the response, which authboss is about to send. A failure of the session is no error
// here, since authboss would panic: the middleware sends a 503 in place of the response.
func (*ReadWriter) WriteState(
	_ http.ResponseWriter, read authboss.ClientState, events []authboss.ClientStateEvent,
) error {
	s, ok := read.(*state)
	if !ok {
		return fmt.Errorf("cloakauthboss: write state: it is of type %T: the handler must be "+
			"within LoadClientStateMiddleware", read)
	}
	changesOf(s, events).apply(s.own)
	return nil
}
