package main

import (
	"fmt"
	"strings"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

// flaskConfig reads the settings of a Flask application from the environment:
// FLASK_SESSION_KEY_PREFIX, FLASK_SECRET_KEY and so on. If storeURL is not empty, it
// names the store and the settings complete it.
func flaskConfig(storeURL string) (flask.Config, error) {
	c, err := flask.FromEnv("")
	switch {
	case c.SessionCookieName == "": // the settings cannot be read
		return c, err
	case storeURL != "":
		return c.WithStore(storeURL)
	case c.SessionType == "":
		c.SessionType = "cachelib"
	}
	return c, c.Validate()
}

// flaskSource returns the URL of a Flask application's store, for reading, and the
// configuration. Opening the URL makes no table.
func flaskSource(storeURL string) (string, flask.Config, error) {
	c, err := flaskConfig(storeURL)
	if err != nil {
		return "", c, err
	}
	if !strings.Contains(storeURL, "create=") {
		c.SessionDynamoDBTableExists = true
	}
	complete, err := c.StoreURL()
	if err != nil {
		return "", c, err
	}
	return makingNothing(complete), c, nil
}

// lookedFor names the settings by which the sessions of a Flask application are found.
func lookedFor(c flask.Config) string {
	sessionType := strings.ToLower(c.SessionType)
	list := []string{"SESSION_TYPE " + sessionType}
	add := func(setting, value string) {
		list = append(list, fmt.Sprintf("%s %q", setting, value))
	}
	switch sessionType {
	case "mongodb":
		add("SESSION_MONGODB_DB", c.SessionMongoDBDB)
		add("SESSION_MONGODB_COLLECT", c.SessionMongoDBCollect)
	case "sqlalchemy":
		if c.SessionSQLAlchemySchema != "" {
			add("SESSION_SQLALCHEMY_SCHEMA", c.SessionSQLAlchemySchema)
		}
		add("SESSION_SQLALCHEMY_TABLE", c.SessionSQLAlchemyTable)
	case "postgresql":
		add("SESSION_POSTGRESQL_SCHEMA", c.SessionPostgreSQLSchema)
		add("SESSION_POSTGRESQL_TABLE", c.SessionPostgreSQLTable)
	case "dynamodb":
		add("SESSION_DYNAMODB_TABLE", c.SessionDynamoDBTable)
	}
	add("SESSION_KEY_PREFIX", c.SessionKeyPrefix)
	return strings.Join(list, ", ")
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
