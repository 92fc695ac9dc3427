package main

import (
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// flaskConfig returns what the environment says of a Flask application whose sessions
// are in a store: FLASK_SESSION_KEY_PREFIX, FLASK_SECRET_KEY and so on. Where storeURL
// is given it names the store, and the settings complete it.
func flaskConfig(storeURL string) (flask.Config, error) {
	c, err := flask.FromEnv("")
	switch {
	case c.SessionCookieName == "": // it could not be read, or is wrong in itself
		return c, err
	case storeURL != "":
		return c.WithStore(storeURL)
	case c.SessionType == "":
		c.SessionType = "cachelib"
	}
	return c, c.Validate()
}

// flaskSource returns the URL of the store of a Flask application, to be read, and the
// configuration. Opening it makes no table.
func flaskSource(storeURL string) (string, flask.Config, error) {
	c, err := flaskConfig(storeURL)
	if err != nil {
		return "", c, err
	}
	c.SessionDynamoDBTableExists = c.SessionDynamoDBTableExists || !strings.Contains(storeURL, "create=")
	complete, err := c.StoreURL()
	if err != nil {
		return "", c, err
	}
	return makingNothing(complete), c, nil
}

// lookedFor says by which settings the sessions of a Flask application are found in its store.
func lookedFor(c flask.Config) string {
	where := ""
	switch strings.ToLower(c.SessionType) {
	case "mongodb":
		where = fmt.Sprintf("SESSION_MONGODB_DB %q, SESSION_MONGODB_COLLECT %q, ", c.SessionMongoDBDB, c.SessionMongoDBCollect)
	case "sqlalchemy":
		where = fmt.Sprintf("SESSION_SQLALCHEMY_TABLE %q, ", c.SessionSQLAlchemyTable)
		if c.SessionSQLAlchemySchema != "" {
			where = fmt.Sprintf("SESSION_SQLALCHEMY_SCHEMA %q, %s", c.SessionSQLAlchemySchema, where)
		}
	case "postgresql":
		where = fmt.Sprintf("SESSION_POSTGRESQL_SCHEMA %q, SESSION_POSTGRESQL_TABLE %q, ", c.SessionPostgreSQLSchema, c.SessionPostgreSQLTable)
	case "dynamodb":
		where = fmt.Sprintf("SESSION_DYNAMODB_TABLE %q, ", c.SessionDynamoDBTable)
	}
	return fmt.Sprintf("SESSION_TYPE %s, %sSESSION_KEY_PREFIX %q", strings.ToLower(c.SessionType), where, c.SessionKeyPrefix)
}

// flaskDemo returns the options for the demo beside a Flask application, and the URL of
// its store.
func flaskDemo(c demoConfig) (cloakroom.Options, string, error) {
	config, err := flaskConfig(c.store)
	if err != nil {
		return cloakroom.Options{}, "", usagef("--flask: %s", storeurl.Hide(err, c.store))
	}
	if c.cert != "" {
		config.SessionCookieSecure = true
	}
	o, err := config.Options()
	if err != nil {
		return cloakroom.Options{}, "", usagef("--flask: %s", err)
	}
	storeURL, err := config.StoreURL()
	if err != nil {
		return cloakroom.Options{}, "", usagef("--flask: %s", err)
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
