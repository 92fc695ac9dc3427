package cloakgorilla

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/sessions"
)

// cookieOptions returns what the Cloakroom session's cookie has, in gorilla's words.
func (st *Store) cookieOptions() *sessions.Options {
	o := st.manager.Options()
	return &sessions.Options{
		Path: o.Path, Domain: o.Domain, Secure: !o.InsecureCookie, Partitioned: o.Partitioned,
		HttpOnly: o.Profile == nil || !o.Profile.ScriptCookie, SameSite: o.SameSite,
	}
}

// persistentAge is the one MaxAge above zero that can be honoured, in seconds.
func (st *Store) persistentAge() int { return int(st.manager.Options().Lifetime / time.Second) }

// checkOptions returns an error where a cookie is asked for that the Cloakroom session does
// not have: there is one for all names. What is zero asks for nothing, so an application that
// does not ask for Secure gets it all the same.
func (st *Store) checkOptions(asked *sessions.Options) error {
	has := st.cookieOptions()
	switch {
	case asked.Path != "" && asked.Path != has.Path:
		return refused("Path", asked.Path, has.Path)
	case asked.Domain != "" && asked.Domain != has.Domain:
		return refused("Domain", asked.Domain, has.Domain)
	case asked.MaxAge > 0 && asked.MaxAge != st.persistentAge():
		return fmt.Errorf("its Options.MaxAge is %d: the one cookie of all sessions ends with the "+
			"browser (0) or with the manager's Lifetime (%d)", asked.MaxAge, st.persistentAge())
	case asked.Secure && !has.Secure:
		return refused("Secure", true, false)
	case asked.HttpOnly && !has.HttpOnly:
		return refused("HttpOnly", true, false)
	case asked.Partitioned && !has.Partitioned:
		return refused("Partitioned", true, false)
	case asked.SameSite > http.SameSiteDefaultMode && asked.SameSite != has.SameSite:
		return refused("SameSite", asked.SameSite, has.SameSite)
	}
	return nil
}

func refused(field string, asked, has any) error {
	return fmt.Errorf("its Options.%s is %#v: the one cookie of all sessions has %#v, by the "+
		"manager's options", field, asked, has)
}
