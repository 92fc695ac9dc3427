package cloakauthboss

import (
	"strings"

	"github.com/aarondl/authboss/v3"

	"github.com/cloakroom-go/cloakroom"
)

// prefix begins the names of authboss's values in the Cloakroom session.
const prefix = "authboss:"

func value(key string) cloakroom.Key[string] { return cloakroom.Key[string](prefix + key) }

// state is a session as authboss reads it. It loads the session when it is asked for a value.
type state struct{ own *cloakroom.Session }

var _ authboss.ClientState = (*state)(nil)

// Get returns a value, and whether there is one. A session that cannot be loaded has none, and
// the middleware does not send the response.
func (s *state) Get(key string) (string, bool) {
	if key == authboss.SessionKey {
		owner := s.own.Owner()
		return owner, owner != ""
	}
	text, ok, err := value(key).Lookup(s.own)
	return text, ok && err == nil
}

// all returns the values but the owner.
func (s *state) all() map[string]string {
	all := map[string]string{}
	for _, name := range s.own.Names() {
		if key, ok := strings.CutPrefix(name, prefix); ok {
			if text, ok := s.Get(key); ok {
				all[key] = text
			}
		}
	}
	return all
}
