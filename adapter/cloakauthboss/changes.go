package cloakauthboss

import (
	"slices"
	"strings"

	"github.com/aarondl/authboss/v3"

	"github.com/cloakroom-go/cloakroom"
)

// changes is what a request's events come to.
type changes struct {
	ends    bool // the session ends
	login   bool // owner signs in, after that
	owner   string
	values  map[string]string   // all values, afterwards
	touched map[string]struct{} // those that are to be set or deleted
}

func changesOf(s *state, events []authboss.ClientStateEvent) *changes {
	owner := s.own.Owner()
	c := &changes{owner: owner, values: s.all(), touched: map[string]struct{}{}}
	for _, e := range events {
		c.take(e)
	}
	if c.ends { // then the values that are left are set in a new session
		for key := range c.values {
			c.touched[key] = struct{}{}
		}
	}
	return c
}

func (c *changes) take(e authboss.ClientStateEvent) {
	switch e.Kind {
	case authboss.ClientStateEventPut:
		if e.Key == authboss.SessionKey {
			c.owner, c.login = e.Value, true
			return
		}
		c.values[e.Key] = e.Value
		c.touched[e.Key] = struct{}{}
	case authboss.ClientStateEventDel:
		if e.Key == authboss.SessionKey {
			c.signOut()
			return
		}
		delete(c.values, e.Key)
		c.touched[e.Key] = struct{}{}
	case authboss.ClientStateEventDelAll:
		kept := strings.Split(e.Key, ",")
		for key := range c.values {
			if !slices.Contains(kept, key) {
				delete(c.values, key)
				c.touched[key] = struct{}{}
			}
		}
		if !slices.Contains(kept, authboss.SessionKey) {
			c.signOut()
			c.ends = true // what the application keeps in an anonymous session goes too
		}
	}
}

// signOut takes back the owner, one that has just been put included.
func (c *changes) signOut() {
	c.ends = c.ends || c.owner != ""
	c.owner, c.login = "", false
}

// apply performs the changes. Where Logout or Login fails, the response will not be sent.
func (c *changes) apply(own *cloakroom.Session) {
	if c.ends && own.Logout() != nil {
		return
	}
	// Before the values: where a sign-in begins another session, it has what follows.
	if c.login && own.Login(c.owner) != nil {
		return
	}
	for key := range c.touched {
		if text, ok := c.values[key]; ok {
			value(key).Set(own, text)
		} else {
			value(key).Delete(own)
		}
	}
}
