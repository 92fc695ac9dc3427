package main

import (
	"strings"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
)

// flaskConfig returns what the environment says of a Flask application whose sessions are in a store: FLASK_SECRET_KEY,
// FLASK_SESSION_COOKIE_NAME and so on. Where storeURL is given it names the store, and no setting does.
func flaskConfig(storeURL string) (flask.Config, error) {
	c, err := flask.FromEnv("")
	if c.SessionCookieName == "" { // it could not be read, or is wrong in itself
		return c, err
	}
	files := schemeOf(storeURL) == "cachelib"
	switch t := strings.ToLower(c.SessionType); {
	case storeURL == "" && t == "", files && t != "filesystem":
		c.SessionType = "cachelib"
	case storeURL != "" && !files && (t == "" || t == "cachelib" || t == "filesystem"):
		c.SessionType = "redis" // or any other that stores documents as they are
	}
	return c, c.Validate()
}

// flaskDemo returns the options for the demo beside a Flask application, and the URL of its store.
func flaskDemo(c demoConfig) (cloakroom.Options, string, error) {
	config, err := flaskConfig(c.store)
	if err != nil {
		return cloakroom.Options{}, "", usagef("--flask: %s", err)
	}
	if c.cert != "" {
		config.SessionCookieSecure = true
	}
	o, err := config.Options()
	if err != nil {
		return cloakroom.Options{}, "", usagef("--flask: %s", err)
	}
	storeURL := c.store
	if storeURL == "" {
		if storeURL, err = config.StoreURL(); err != nil {
			return cloakroom.Options{}, "", usagef("--flask: %s", err)
		}
	}
	if c.lifetime != 0 {
		o.Lifetime = c.lifetime
		o.Idle = min(o.Idle, c.lifetime)
	}
	if c.idle != 0 {
		o.Idle = c.idle
	}
	return o, storeURL, nil
}
